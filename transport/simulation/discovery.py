"""What a request to one of Google's interfaces may look like, by the discovery document that ships in their library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the interface: its `id` ("calendar.events.insert"), and what the document says of it."""

    id: str
    verb: str
    path: re.Pattern[str]
    told: Mapping[str, Any]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its own parameters by name, in the path and in the query."""
        found: Mapping[str, Any] = self.told.get("parameters", {})
        return found


class Discovery:
    """A discovery document, to find the method of a request by and what is wrong with it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.base = f"/{document['servicePath']}"
        # A fixed path goes before one with a name in the same place.
        self._methods = sorted(_methods(document), key=lambda each: each.path.groups)

    @classmethod
    def shipped(cls, name: str) -> Discovery:
        """The document in the library, "calendar.v3"."""
        folder = resources.files("googleapiclient.discovery_cache") / "documents"
        return cls(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))

    def find(self, verb: str, raw_path: str) -> tuple[Method, dict[str, str]] | None:
        """The method of a request by its path as written, with the parameters in it; None for no method."""
        if not raw_path.startswith(self.base):
            return None
        rest = raw_path[len(self.base) :]
        for method in self._methods:
            found = method.path.fullmatch(rest)
            if method.verb == verb and found is not None:
                return method, {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def problems(
        self, method: Method, path: Mapping[str, str], query: Mapping[str, list[str]], body: Any
    ) -> list[str]:
        """Everything that the document does not allow; `body` is None where there was none."""
        found = list(self._parameter_problems(method, path, query))
        wanted = method.told.get("request")
        if wanted is None:
            found += [] if body is None else ["body: this method takes none"]
        elif not isinstance(body, dict):
            found.append("body: a JSON object is required")
        else:
            found += self._value_problems(wanted, body, "body", method.id)
        return found

    def _parameter_problems(
        self, method: Method, path: Mapping[str, str], query: Mapping[str, list[str]]
    ) -> Iterator[str]:
        known = {**self._document["parameters"], **method.parameters}
        for name, values in query.items():
            told = known.get(name)
            if told is None or told["location"] != "query":
                yield f"{name}: no such parameter of {method.id}"
                continue
            if len(values) > 1 and not told.get("repeated"):
                yield f"{name}: given {len(values)} times"
            for value in values:
                yield from _text_problems(told, value, name)
        for name, told in method.parameters.items():
            given = path if told["location"] == "path" else query
            if told.get("required") and not given.get(name):
                yield f"{name}: required"

    def _value_problems(
        self, schema: Mapping[str, Any], value: Any, where: str, method: str
    ) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._document["schemas"][schema["$ref"]]
        kind = schema.get("type", "any")
        if kind == "object":
            yield from self._object_problems(schema, value, where, method)
        elif kind == "array":
            if not isinstance(value, list):
                yield f"{where}: must be a list"
                return
            for place, each in enumerate(value):
                yield from self._value_problems(schema["items"], each, f"{where}[{place}]", method)
        elif kind == "boolean" and not isinstance(value, bool):
            yield f"{where}: must be true or false"
        elif kind == "integer" and (not isinstance(value, int) or isinstance(value, bool)):
            yield f"{where}: must be a whole number"
        elif kind == "string":
            if not isinstance(value, str):
                yield f"{where}: must be a text"
            else:
                yield from _text_problems(schema, value, where)

    def _object_problems(
        self, schema: Mapping[str, Any], value: Any, where: str, method: str
    ) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: must be an object"
            return
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, each in value.items():
            told = known.get(name, others)
            if told is None:
                yield f"{where}.{name}: no such field"
            else:
                yield from self._value_problems(told, each, f"{where}.{name}", method)
        for name, told in known.items():
            if method in told.get("annotations", {}).get("required", ()) and name not in value:
                yield f"{where}.{name}: required"


def _methods(document: Mapping[str, Any]) -> Iterator[Method]:
    for resource in document["resources"].values():
        for told in resource.get("methods", {}).values():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(told["path"]))
            yield Method(told["id"], told["httpMethod"], re.compile(pattern), told)


def _text_problems(told: Mapping[str, Any], value: str, where: str) -> Iterator[str]:
    kind, form = told.get("type"), told.get("format")
    if kind == "boolean" and value not in ("true", "false"):
        yield f"{where}: must be true or false"
    if kind == "integer":
        if not re.fullmatch(r"-?\d+", value):
            yield f"{where}: must be a whole number"
        elif not int(told.get("minimum", value)) <= int(value) <= int(told.get("maximum", value)):
            yield f"{where}: out of bounds"
    if "enum" in told and value not in told["enum"]:
        yield f"{where}: must be one of {', '.join(told['enum'])}"
    if "pattern" in told and not re.fullmatch(told["pattern"], value):
        yield f"{where}: not of the form {told['pattern']}"
    if form in ("date-time", "date") and not _is_time(value, form):
        yield f"{where}: no {form}"


def _is_time(value: str, form: str) -> bool:
    try:
        if form == "date":
            date.fromisoformat(value)
        else:
            datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
