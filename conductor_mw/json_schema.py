"""Check JSON against a JSON Schema, in bounded time whatever the value holds.

A schema comes from a policy, a value from a model or a worker, so the value is hostile. Nothing is
fetched, patterns are matched by google-re2, and what jsonschema does in quadratic time is done
here in linear time or refused when the policy loads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from typing import Any, Final, cast
from urllib.parse import unquote

from .errors import ConductorError
from .json_keywords import TooManySteps, bounded, counting
from .rules import regex

MAX_NODES: Final = 10_000
"""Mappings, lists and plain values of the schemas of one policy."""

_MAPPING: Final = 3
"""What a mapping counts: each may be a schema, and checking one takes a third of a millisecond."""

MAX_DEPTH: Final = 64
"""Levels of lists and mappings, in a schema and in a value."""

MAX_PROBLEMS: Final = 5
"""Sentences about one value; whoever repairs it needs no more at once."""

MAX_SHOWN: Final = 80
"""Characters of a value, a path or a schema that one sentence repeats."""

_LARGEST: Final = 10**308

_DRAFTS: Final = {
    "https://json-schema.org/draft/2020-12/schema": "Draft202012Validator",
    "http://json-schema.org/draft-07/schema": "Draft7Validator",
}
_REFUSED: Final = {
    "$dynamicRef": "write `$ref`",
    "$recursiveRef": "write `$ref`",
    "unevaluatedItems": "write `items` after `prefixItems`",
    "unevaluatedProperties": "write `additionalProperties`",
}
_OF_NAMES: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)
_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_ONE: Final = frozenset(
    {
        "items",
        "additionalItems",
        "additionalProperties",
        "not",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "contentSchema",
    }
)


@dataclass(frozen=True, slots=True)
class Schema:
    """A compiled JSON Schema. It may be used by several threads at once.

    Attributes:
        source: the schema as plain JSON.
    """

    source: Mapping[str, Any]
    _validator: Any = field(repr=False, compare=False)

    def problems(self, value: object) -> tuple[str, ...]:
        """Say what is wrong with a value, in short sentences; nothing where it fits."""
        odd = unfit(value)
        if odd:
            return (odd,)
        try:
            with counting():
                found: Iterator[Any] = self._validator.iter_errors(value)
                return tuple(_sentence(error) for error in islice(found, MAX_PROBLEMS))
        except TooManySteps:
            return ("it takes too many steps to check",)
        except RecursionError:
            # A `$ref` that leads back to itself, or a value almost as deep as Python's stack.
            return ("it is nested too deeply to check",)


class Budget:
    """What the schemas of one policy may hold together, so that a hostile file loads in time.

    Attributes:
        parts: mappings, lists and plain values that are left.
        patterns: the regular expressions.
    """

    def __init__(self, patterns: regex.Patterns | None = None) -> None:
        self.parts = MAX_NODES
        self.patterns = regex.Patterns() if patterns is None else patterns


def compile_schema(schema: Mapping[str, Any], budget: Budget | None = None) -> Schema:
    """Compile a JSON Schema of draft 2020-12 or draft 7.

    Args:
        schema: the schema.
        budget: what is left for it and for those that share the budget.

    >>> compile_schema({"type": "integer"}).problems("seven")
    ('it must be of the type integer, not string',)

    Raises:
        ConductorError: it is no such schema, it is too large, it refers to another document, it
            uses a keyword that cannot be checked in linear time, or jsonschema is missing.
    """
    budget = Budget() if budget is None else budget
    _check_size(schema, budget)
    try:
        plain: dict[str, Any] = json.loads(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConductorError(f"the schema is not JSON: {_clipped(str(error))}") from None
    validator = _validator_of(plain)
    _check_names(plain)
    try:
        # Without a format checker: its own check of `pattern` compiles with `re`.
        validator.check_schema(plain, format_checker=None)
    except import_module("jsonschema").SchemaError as error:
        at = "/".join(str(step) for step in error.absolute_path)
        raise ConductorError(
            f"the schema is wrong{f' at {_clipped(at)}' if at else ''}: {_clipped(error.message)}"
        ) from None
    _check_keywords(plain, budget.patterns)
    registry = import_module("referencing").Registry()  # knows no document and fetches none
    return Schema(plain, validator(plain, registry=registry))


def _check_size(schema: object, budget: Budget) -> None:
    alone = budget.parts == MAX_NODES
    level: list[object] = [schema]
    for _ in range(MAX_DEPTH):
        budget.parts -= sum(_MAPPING if isinstance(node, Mapping) else 1 for node in level)
        if budget.parts < 0:
            who = "the schema has" if alone else "the schemas of the policy have"
            problem = f"{who} more than {MAX_NODES:,} parts{'' if alone else ' together'}"
            raise ConductorError(problem, mend="write a shorter one")
        level = [inner for node in level for inner in _inner(node)]
        if not level:
            return
    raise ConductorError(f"the schema has more than {MAX_DEPTH} levels", mend="write `$defs`")


def _inner(node: object) -> Iterator[object]:
    if isinstance(node, Mapping):
        yield from cast("Mapping[object, object]", node).values()
    elif isinstance(node, list | tuple):
        yield from cast("Sequence[object]", node)


def _validator_of(schema: Mapping[str, Any]) -> Any:
    named = str(schema.get("$schema", next(iter(_DRAFTS)))).removesuffix("#")
    if named not in _DRAFTS:
        raise ConductorError(
            f"no JSON Schema draft {_clipped(named)!r}",
            mend=f"write one of {', '.join(_DRAFTS)}, or leave `$schema` out",
        )
    return bounded(_DRAFTS[named])


def _check_names(schema: dict[str, Any]) -> None:
    """Refuse lists of names that hold something else: comparing that takes quadratic time."""
    for at, node in _subschemas("", schema):
        lists = {key: node.get(key) for key in ("type", "required")}
        for key in ("dependentRequired", "dependencies"):
            if isinstance(node.get(key), dict):
                lists |= {f"{key}/{name}": one for name, one in node[key].items()}
        for key, names in lists.items():
            listed = cast("list[object]", names) if isinstance(names, list) else []
            if not all(isinstance(name, str) for name in listed):
                where = _clipped(f"{at}/{key}".lstrip("/"))
                raise ConductorError(f"the schema is wrong at {where}: a name is a text")


def _check_keywords(schema: dict[str, Any], patterns: regex.Patterns) -> None:
    places: set[str] = set()
    references: list[tuple[str, str]] = []
    for at, node in _subschemas("", schema):
        places.add(at)
        where = f"at {_clipped(at)}: " if at else ""
        if at and ("$id" in node or "$schema" in node):
            raise ConductorError(f"{where}a schema inside a schema has no name of its own")
        for keyword in _REFUSED.keys() & node.keys():
            mend = _REFUSED[keyword]
            raise ConductorError(f"{where}{keyword!r} cannot be used here", mend=mend)
        if "$ref" in node:
            references.append((where, node["$ref"]))
        _check_patterns(patterns, where, node)
    for where, reference in references:
        if not reference.startswith("#") or unquote(reference[1:]) not in places:
            raise ConductorError(
                f"{where}the reference {_clipped(reference)!r} leads to no schema of this document",
                mend="write what it means below `$defs` and refer to `#/$defs/<name>`",
            )


def _check_patterns(patterns: regex.Patterns, where: str, node: Mapping[str, Any]) -> None:
    written = [node["pattern"]] if "pattern" in node else []
    for text in [*written, *node.get("patternProperties", ())]:
        try:
            patterns.compiled(text)
        except regex.PatternError as error:
            raise ConductorError(
                f"{where}the pattern {_clipped(text)!r}: {error}", mend=error.mend
            ) from None


def _subschemas(at: str, schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(schema, dict):  # `true` and `false` are schemas too, with nothing in them
        yield at, {}
        return
    node = cast("dict[str, Any]", schema)
    yield at, node
    for keyword, inner in node.items():
        if keyword in _OF_NAMES and isinstance(inner, dict):
            for name, each in cast("dict[str, Any]", inner).items():
                step = name.replace("~", "~0").replace("/", "~1")
                if not isinstance(each, list):  # `dependencies` of draft 7 lists names
                    yield from _subschemas(f"{at}/{keyword}/{step}", each)
        elif keyword in _OF_SCHEMAS and isinstance(inner, list):
            for position, each in enumerate(cast("list[Any]", inner)):
                yield from _subschemas(f"{at}/{keyword}/{position}", each)
        elif keyword in _ONE:
            yield from _subschemas(f"{at}/{keyword}", inner)


def unfit(value: object) -> str:
    """Say why a value is not JSON that others can read, or give an empty string."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        following: list[object] = []
        for node in level:
            if isinstance(node, float) and not math.isfinite(node):
                return "it holds a number that JSON does not have"
            if isinstance(node, int) and abs(node) > _LARGEST:
                return "it holds a number that is too large"
            if isinstance(node, dict):
                entries = cast("dict[object, object]", node)
                if not all(isinstance(key, str) for key in entries):
                    return "it holds a key that is no string"
                following += entries.values()
            elif isinstance(node, list):
                following += cast("list[object]", node)
            elif not isinstance(node, str | int | float | None):
                return "it holds something that JSON does not have"
        level = following
        if not level:
            return ""
    return f"it has more than {MAX_DEPTH} levels"


def _sentence(error: Any) -> str:
    path = "/".join(str(step) for step in error.absolute_path)
    wanted = error.validator_value
    said = _SAID.get(error.validator)
    breach = (
        said(wanted, error.instance) if said else f"breaks {error.validator!r}: {_json(wanted)}"
    )
    return f"{_clipped(path) or 'it'} {breach}"


# Of the value only its type is told: it may hold what nobody should read in a log.
_SAID: Final[Mapping[str | None, Callable[[Any, Any], str]]] = {
    None: lambda _wanted, _value: "is not allowed",
    "additionalProperties": lambda _wanted, _value: "is not allowed",
    "type": lambda wanted, value: f"must be of the type {_types(wanted)}, not {_type(value)}",
    "required": lambda wanted, value: f"lacks {_listed(n for n in wanted if n not in value)}",
    "enum": lambda wanted, _value: f"must be one of {_listed(wanted)}",
    "const": lambda wanted, _value: f"must be {_json(wanted)}",
    "pattern": lambda wanted, _value: f"does not match {_clipped(wanted)!r}",
    "anyOf": lambda wanted, _value: f"fits none of {len(wanted)} forms",
    "oneOf": lambda wanted, _value: f"must fit one of {len(wanted)} forms, and no other",
    "not": lambda _wanted, _value: "has a form that is not allowed",
    "uniqueItems": lambda _wanted, _value: "holds the same item twice",
}


def _types(wanted: str | list[str]) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)


def _listed(values: Iterable[object]) -> str:
    return _clipped(", ".join(json.dumps(value) for value in values))


def _json(value: object) -> str:
    return _clipped(json.dumps(value))


def _type(value: object) -> str:
    names: Mapping[type, str] = {
        type(None): "null",
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        list: "array",
    }
    return names.get(type(value), "object")


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
