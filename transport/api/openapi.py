"""The OpenAPI document, made from the same table as the routes, so that the two cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from transport.api.operations import CONVERSATION, Operation
from transport.api.problems import CONTENT_TYPE, ProblemDetails

_ALWAYS = (401, 403, 429, 500, 503)
_WITH_BODY = (413, 415, 422)
_REF = "#/components/schemas/{model}"


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document as plain JSON values."""
    wanted: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = []
    for operation in operations:
        wanted.append((operation.answer, "serialization"))
        if operation.body is not None:
            wanted.append((operation.body, "validation"))
    wanted.append((ProblemDetails, "serialization"))
    named, schemas = models_json_schema(list(dict.fromkeys(wanted)), by_alias=True, ref_template=_REF)
    paths: dict[str, Any] = {}
    for operation in operations:
        described = _described(operation, named)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Voice Booking Supervisor",
            "version": "1",
            "description": "Written conversations and tools over the agenda that phone calls use.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _described(operation: Operation, named: Any) -> dict[str, Any]:
    problems = {*_ALWAYS, *operation.problems}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the scope `{operation.scope}`.",
    }
    if "{id}" in operation.path:
        problems.add(404)
        schema = {"type": "string", "pattern": f"^{CONVERSATION}$"}
        what = "Your name of the conversation."
        described["parameters"] = [
            {"name": "id", "in": "path", "required": True, "schema": schema, "description": what}
        ]
    if operation.body is not None:
        problems |= {*_WITH_BODY}
        body = named[operation.body, "validation"]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    answer = named[operation.answer, "serialization"]
    told = {CONTENT_TYPE: {"schema": named[ProblemDetails, "serialization"]}}
    described["responses"] = {
        "200": {"description": "Done.", "content": {"application/json": {"schema": answer}}},
        **{
            str(status): {"description": HTTPStatus(status).phrase, "content": told}
            for status in sorted(problems)
        },
    }
    return described
