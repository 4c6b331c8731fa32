"""What the interface can be asked: one table from which the routes and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from storage.api_keys import Key
from transport.api.entrance import Entrance
from transport.api.problems import Problem, invalid

B = TypeVar("B", bound=BaseModel)

CONVERSATION = r"[A-Za-z0-9._:@+~-]{1,128}"
"""How an integration may name its conversations; telephone numbers and e-mail addresses will do."""


class Body(BaseModel):
    """What is sent or answered: names in camelCase, nothing unknown, nothing converted."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, validate_by_name=True
    )

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("a text may not hold the character U+0000")
        return value


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in: whose key, the values in its path, and its body, if it has one."""

    key: Key
    path: dict[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked. `problems` are the statuses it may answer with besides those of every operation."""

    method: str
    path: str
    name: str
    summary: str
    scope: str
    body: type[Body] | None
    answer: type[Body]
    do: Callable[[Asked], Awaitable[Body]]
    problems: tuple[int, ...] = ()


def add_to(app: web.Application, operation: Operation, entrance: Entrance, max_body_bytes: int) -> None:
    """Add the route of an operation."""

    async def handle(request: web.Request) -> web.Response:
        key = await entrance.admit(request, operation.scope)
        body = None if operation.body is None else await _read(request, operation.body, max_body_bytes)
        answer = await operation.do(Asked(key, dict(request.match_info), body))
        return web.Response(
            text=answer.model_dump_json(by_alias=True),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    path = operation.path.replace("{id}", f"{{id:{CONVERSATION}}}")
    app.router.add_route(operation.method, path, handle)


async def _read(request: web.Request, model: type[B], most: int) -> B:
    if request.content_type != "application/json":
        raise Problem(415, "not-json", "Send the body as application/json.")
    if (request.content_length or 0) > most:
        raise Problem(413, "body-too-large", f"The body may have {most} bytes.")
    raw = await request.read()
    if len(raw) > most:
        raise Problem(413, "body-too-large", f"The body may have {most} bytes.")
    try:
        return model.model_validate_json(raw, by_name=False, by_alias=True)
    except ValidationError as error:
        raise invalid(error) from None
