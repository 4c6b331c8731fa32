"""The tools as chat models are told of them: in Gemini's shape and in OpenAI's, both from the same models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from transport.api import tool_texts

_GEMINI_KEYS = ("description", "enum", "format", "maximum", "minimum", "maxLength", "minLength", "pattern")
_GEMINI_FORMATS = ("date-time", "enum", "float", "double", "int32", "int64")


def gemini(tools: Mapping[str, type[BaseModel]]) -> list[dict[str, Any]]:
    """Function declarations, to be given to Gemini as `tools: [{functionDeclarations: …}]`."""
    declared = []
    for name, model in tools.items():
        schema = arguments(model)
        properties = {key: _as_gemini(value) for key, value in schema["properties"].items()}
        parameters = {"type": "OBJECT", "properties": properties, "required": schema["required"]}
        described: dict[str, Any] = {"name": name, "description": tool_texts.DESCRIPTIONS[name]}
        declared.append({**described, **({"parameters": parameters} if properties else {})})
    return declared


def openai(tools: Mapping[str, type[BaseModel]]) -> list[dict[str, Any]]:
    """The tools of a chat completion."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": tool_texts.DESCRIPTIONS[name],
                "parameters": arguments(model),
            },
        }
        for name, model in tools.items()
    ]


def arguments(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a tool's arguments; what may be left out is left out, and never null."""
    known = model.model_json_schema(by_alias=True)
    properties = {}
    for name, schema in known.get("properties", {}).items():
        choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
        plain = {key: value for key, value in (choices[0] if choices else schema).items() if key != "title"}
        properties[name] = {**plain, "description": tool_texts.FIELDS[name]}
    return {
        "type": "object",
        "properties": properties,
        "required": known.get("required", []),
        "additionalProperties": False,
    }


def _as_gemini(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini writes types in capitals, lengths as texts, and knows few formats."""
    kept = {key: schema[key] for key in _GEMINI_KEYS if key in schema}
    if kept.get("format") not in (None, *_GEMINI_FORMATS):
        del kept["format"]
    for length in ("maxLength", "minLength"):
        if length in kept:
            kept[length] = str(kept[length])
    return {"type": schema["type"].upper(), **kept}
