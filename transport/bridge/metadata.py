"""What a bridge tells about its call, checked at the edge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import phonenumbers
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from transport.errors import MetadataError

Direction = Literal["inbound", "outbound"]
_USER = re.compile(r"^(?:sips?:|tel:)?([^@;]+)")


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """One call as its bridge describes it.

    Numbers are E.164, or None when withheld or no phone number; `sample_rate` (Hz) is of the caller's audio.
    """

    call_id: str
    direction: Direction
    caller_number: str | None
    dialled_number: str | None
    scheduled_call_id: str | None
    consultant_id: int | None
    sample_rate: int


def read_metadata(text: str, *, region: str = "IT") -> CallMetadata:
    """The call described by the JSON `text`; numbers without a prefix are read as of `region`.

    Raises MetadataError, naming the field but never its value, when the text does not describe a call.
    """
    try:
        frame = _Frame.model_validate(orjson.loads(text))
    except orjson.JSONDecodeError:
        raise MetadataError("the metadata frame is no JSON") from None
    except ValidationError as error:
        raise MetadataError(f"bad metadata: {_complaints(error)}") from None
    return CallMetadata(
        call_id=frame.call_id,
        direction=frame.direction,
        caller_number=_e164(frame.caller, region),
        dialled_number=_e164(frame.dialled, region),
        scheduled_call_id=frame.customer.scheduled_call_id,
        consultant_id=frame.customer.consultant_id,
        sample_rate=frame.sample_rate,
    )


class _Customer(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    consultant_id: int | None = Field(None, alias="consultantId", gt=0)
    scheduled_call_id: str | None = Field(None, alias="scheduledCallId", min_length=1, max_length=200)


class _Frame(BaseModel):
    model_config = ConfigDict(extra="ignore")

    call_id: str = Field(
        validation_alias=AliasChoices("callSid", "callId"), pattern=r"^[\w.@:+\-]+$", max_length=200
    )
    sample_rate: Literal[8000, 16000] = Field(alias="sampleRate")
    direction: Direction = "inbound"
    caller: str | None = Field(None, alias="from", max_length=200)
    dialled: str | None = Field(None, alias="to", max_length=200)
    customer: _Customer = Field(default_factory=lambda: _Customer.model_validate({}), alias="customerData")

    @field_validator("customer", mode="before")
    @classmethod
    def _nothing_said(cls, value: Any) -> Any:
        return {} if value is None else value


def _e164(address: str | None, region: str) -> str | None:
    match = _USER.match((address or "").strip())
    if not match or not re.fullmatch(r"\+?[\d\s().\-]+", match[1]):
        return None
    try:
        number = phonenumbers.parse(match[1], region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _complaints(error: ValidationError) -> str:
    """Which fields are wrong and why, without what they held."""
    return "; ".join(
        f"{_NAMES.get(where := '.'.join(str(part) for part in problem['loc']), where)}: "
        f"{_REASONS.get(problem['type'], problem['msg'])}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    )


_NAMES = {"": "the frame", **dict.fromkeys(("callSid", "callId"), "callId (or callSid)")}
_REASONS = dict.fromkeys(("model_type", "model_attributes_type"), "should be a JSON object")
