"""What goes wrong, told as problem details (RFC 9457). Never repeats what was sent: it may be personal."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.faults import where
from storage.errors import StoreUnavailable

log = logging.getLogger(__name__)

ROOT = "/v1/"
CONTENT_TYPE = "application/problem+json"
_ABOUT = "urn:voice-booking-supervisor:problem:"
_RETRY_AFTER_S = 2


class FieldError(BaseModel):
    """What is wrong with one field of a body."""

    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(description="Which, as a JSON pointer into the body.")
    detail: str


class ProblemDetails(BaseModel):
    """The body of an answer that says what went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Which problem, always the same URN for the same one.")
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None


class Problem(Exception):  # noqa: N818 - named for what it tells
    """Raised to answer with problem details. `name` is a few words with dashes, `detail` one sentence."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        errors: Sequence[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail = status, name, detail
        self.errors, self.headers = errors, dict(headers or {})

    def response(self) -> web.Response:
        """The answer."""
        told = ProblemDetails(
            type=f"{_ABOUT}{self.name}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            errors=None if self.errors is None else list(self.errors),
        )
        body = told.model_dump_json(exclude_none=True)
        headers = {**self.headers, "Content-Type": CONTENT_TYPE}
        return web.Response(text=body, status=self.status, headers=headers)


def invalid(error: ValidationError) -> Problem:
    """A body that does not fit its model; says where and why, not what."""
    errors = [
        FieldError(pointer=_pointer(each["loc"]), detail=each["msg"])
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return Problem(422, "invalid-body", "The body does not fit its schema: see errors.", errors=errors)


def _pointer(place: Sequence[int | str]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def busy(seconds: float, status: int, name: str, detail: str) -> Problem:
    """Something to be tried again after `seconds`."""
    return Problem(status, name, detail, headers={"Retry-After": str(max(1, math.ceil(seconds)))})


def as_problems() -> Middleware:
    """A middleware by which every answer under /v1/ that is an error is told as one."""

    @web.middleware
    async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(ROOT):
            return await handler(request)
        try:
            return await handler(request)
        except Problem as problem:
            return problem.response()
        except web.HTTPException as error:
            allow = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            name = HTTPStatus(error.status).phrase.lower().replace(" ", "-")
            return Problem(
                error.status, name, _SAYS.get(error.status, error.reason), headers=allow
            ).response()
        except StoreUnavailable as error:
            log.warning("a request of the API could not be answered: %s", where(error))
            return busy(
                _RETRY_AFTER_S, 503, "store-unavailable", "The database does not answer: try again."
            ).response()
        except Exception as error:
            log.error("a request of the API failed: %s", where(error))
            return Problem(500, "internal", "Something of ours failed; nothing was booked by it.").response()

    return tell


_SAYS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The body is too large.",
}
