"""A small value that meets a JSON Schema, for dry runs in which nobody answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from .json_schema import Schema

_PLAIN: Final[Mapping[str, object]] = {
    "string": "simulated",
    "number": 1.0,
    "integer": 1,
    "boolean": True,
    "null": None,
}
_DEEPEST: Final = 16
_MOST: Final = 500
"""Values in one example; a schema may ask for lists of lists of lists."""


def example_of(schema: Schema) -> str | None:
    """Give such a value as JSON, or None where a simple one does not meet the schema.

    >>> from conductor_mw.json_schema import compile_schema
    >>> example_of(compile_schema({"type": "object", "required": ["ok"],
    ...     "properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}}}))
    '{"ok": true, "why": "simulated"}'
    """
    making = _Making()
    value = making.value(schema.source, _DEEPEST)
    if making.left < 0 or schema.problems(value):
        return None
    return json.dumps(value, ensure_ascii=False)


class _Making:
    """Makes one example, and stops where it grows too large."""

    def __init__(self) -> None:
        self.left = _MOST

    def value(self, schema: object, depth: int) -> object:  # noqa: PLR0911 - one for each kind
        self.left -= 1
        if not isinstance(schema, dict) or depth == 0 or self.left < 0:
            return "simulated"
        stated = cast("dict[str, Any]", schema)
        given = _given(stated)
        if given:
            return given[0]
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(stated.get(key), list) and stated[key]:
                return self.value(stated[key][0], depth - 1)
        kind = _kind(stated)
        if kind == "object":
            properties = cast("dict[str, Any]", stated.get("properties", {}))
            return {name: self.value(one, depth - 1) for name, one in properties.items()}
        if kind == "array":
            count = max(1, min(_MOST, int(stated.get("minItems", 1))))
            return [self.value(stated.get("items"), depth - 1) for _ in range(count)]
        if kind in ("number", "integer"):
            return stated.get("minimum", stated.get("maximum", _PLAIN[kind]))
        return _PLAIN.get(kind, "simulated")


def _kind(schema: Mapping[str, Any]) -> str:
    kind: object = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next(iter(cast("list[object]", kind)), "string")
    return str(kind)


def _given(schema: Mapping[str, Any]) -> list[object]:
    """Give values that the schema names itself."""
    found = [schema[key] for key in ("const", "default") if key in schema]
    for key in ("enum", "examples"):
        if isinstance(schema.get(key), list):
            found += schema[key][:1]
    return found
