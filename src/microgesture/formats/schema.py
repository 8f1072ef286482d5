"""The published JSON Schema of timelines, and a check against the keywords that it uses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "null": (type(None),),
}


@cache
def timeline_schema() -> Mapping[str, Any]:
    """`timeline.schema.json` of the package."""
    text = (resources.files("microgesture.formats") / "timeline.schema.json").read_text("utf-8")
    return json.loads(text)


def problems(value: Any, schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """What in a JSON value does not fit a schema, outermost first, each with its place ("events[2].end").

    Knows the keywords of JSON Schema 2020-12 that `timeline.schema.json` uses.
    """
    place = where or "the file"
    if "const" in schema and value != schema["const"]:
        yield f"{place} is not '{schema['const']}'"
    allowed = schema.get("type", ())
    allowed = (allowed,) if isinstance(allowed, str) else allowed
    if allowed and not any(_is(value, name) for name in allowed):
        yield f"{place} must be {' or '.join(allowed)}"
    elif isinstance(value, dict):
        yield from _object_problems(value, schema, where, place)
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
            yield f"{place} has {len(value)} entries"
        for position, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), f"{where}[{position}]")
    elif isinstance(value, str):
        if not re.search(schema.get("pattern", ""), value):
            yield f"{place} does not have its form"
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not _in_range(value, schema):
        yield f"{place} is {value}, out of range"


def _object_problems(value: dict, schema: Mapping[str, Any], where: str, place: str) -> Iterator[str]:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{place} has no '{key}'"
    for key, item in value.items():
        if key not in known and others is False:
            yield f"{place} has an unknown '{key}'"
            continue
        yield from problems(item, known.get(key, others or {}), f"{where}.{key}" if where else key)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, ()))


def _in_range(value: float, schema: Mapping[str, Any]) -> bool:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    return math.isfinite(value) and low <= value <= high and value > schema.get("exclusiveMinimum", -math.inf)
