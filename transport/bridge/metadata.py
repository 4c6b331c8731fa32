"""What a bridge tells about its call, checked at the edge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import orjson
import phonenumbers
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from transport.errors import MetadataError

Direction = Literal["inbound", "outbound"]
TWILIO_RATE: Literal[8000] = 8000

_Model = TypeVar("_Model", bound=BaseModel)
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


def read_metadata(text: str, *, region: str = "IT", sample_rate: int | None = None) -> CallMetadata:
    """The call described by the JSON `text` of a FreeSWITCH module.

    Numbers without a prefix are read as of `region`; `sample_rate` (Hz) stands where the text tells none.
    Raises MetadataError, naming the field but never its value, when the text does not describe a call.
    """
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise MetadataError("the metadata frame is no JSON") from None
    if sample_rate is not None and isinstance(told, dict):
        told.setdefault("sampleRate", sample_rate)
    frame = _checked(_Frame, told, "bad metadata")
    return CallMetadata(
        call_id=frame.call_id,
        direction=frame.direction,
        caller_number=_e164(frame.caller, region),
        dialled_number=_e164(frame.dialled, region),
        scheduled_call_id=frame.customer.scheduled_call_id,
        consultant_id=frame.customer.consultant_id,
        sample_rate=frame.sample_rate,
    )


def read_twilio_start(start: object, *, region: str = "IT") -> tuple[CallMetadata, str]:
    """The call that the `start` object of a Twilio stream describes, and the sid of the stream.

    Twilio tells neither numbers nor direction by itself: they are parameters that the TwiML sets.
    Raises MetadataError, naming the field but never its value.
    """
    frame = _checked(_TwilioStart, start, "bad start")
    told = frame.parameters
    metadata = CallMetadata(
        call_id=frame.call_id,
        direction=told.direction,
        caller_number=_e164(told.caller, region),
        dialled_number=_e164(told.dialled, region),
        scheduled_call_id=told.scheduled_call_id,
        consultant_id=told.consultant_id,
        sample_rate=TWILIO_RATE,
    )
    return metadata, frame.stream_sid


_CallId = Annotated[str, Field(pattern=r"^[\w.@:+\-]+$", max_length=200)]


class _Customer(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    consultant_id: int | None = Field(None, alias="consultantId", gt=0, lt=2**31)
    scheduled_call_id: str | None = Field(
        None, alias="scheduledCallId", min_length=1, max_length=200, pattern=r"^[^\x00]*$"
    )


class _Frame(BaseModel):
    model_config = ConfigDict(extra="ignore")

    call_id: _CallId = Field(validation_alias=AliasChoices("callSid", "callId"))
    sample_rate: Literal[8000, 16000] = Field(alias="sampleRate")
    # Of both sides mixed, the assistant's own words would be taken for the caller's.
    mix: Literal["mono"] = Field("mono", alias="mixType")
    direction: Direction = "inbound"
    caller: str | None = Field(None, alias="from", max_length=200)
    dialled: str | None = Field(None, alias="to", max_length=200)
    customer: _Customer = Field(default_factory=lambda: _Customer.model_validate({}), alias="customerData")

    @field_validator("customer", mode="before")
    @classmethod
    def _nothing_said(cls, value: Any) -> Any:
        return {} if value is None else value


class _TwilioParameters(_Customer):
    direction: Direction = "inbound"
    caller: str | None = Field(None, alias="from", max_length=500)
    dialled: str | None = Field(None, alias="to", max_length=500)

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, told: Any) -> Any:
        """A template leaves a parameter blank where it has nothing to say."""
        return (
            {name: value for name, value in told.items() if value != ""} if isinstance(told, dict) else told
        )

    @field_validator("direction", mode="before")
    @classmethod
    def _as_twilio_says(cls, value: Any) -> Any:
        return "outbound" if value in ("outbound-api", "outbound-dial") else value


class _TwilioFormat(BaseModel):
    model_config = ConfigDict(extra="ignore")

    encoding: Literal["audio/x-mulaw"] = "audio/x-mulaw"
    sample_rate: Literal[8000] = Field(TWILIO_RATE, alias="sampleRate")
    channels: Literal[1] = 1


class _TwilioStart(BaseModel):
    model_config = ConfigDict(extra="ignore")

    call_id: _CallId = Field(alias="callSid")
    stream_sid: str = Field(alias="streamSid", min_length=1, max_length=200)
    parameters: _TwilioParameters = Field(
        default_factory=lambda: _TwilioParameters.model_validate({}), alias="customParameters"
    )
    media_format: _TwilioFormat = Field(
        default_factory=lambda: _TwilioFormat.model_validate({}), alias="mediaFormat"
    )


def _checked(model: type[_Model], told: object, what: str) -> _Model:
    try:
        return model.model_validate(told)
    except ValidationError as error:
        raise MetadataError(f"{what}: {_complaints(error)}") from None


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
