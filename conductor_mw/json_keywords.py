"""The keywords of JSON Schema whose cost must not depend on what a hostile value holds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from typing import Any, Final, cast

from .errors import ConductorError
from .rules import regex

INSTALL: Final = "pip install 'conductor-mw[worker]'"

MAX_STEPS: Final = 400_000
"""Keywords checked for one value, about three seconds.

One that holds names or values counts once more for each of them, and a reference as several.
"""

_REFERENCE: Final = 4

_left: ContextVar[list[int]] = ContextVar("_left")

Keyword = Callable[[Any, Any, Any, Any], Any]


class TooManySteps(Exception):
    """A value and a schema take too long together."""


@contextmanager
def counting() -> Generator[None]:
    """Count the keywords that are checked in this block; the one too many raises TooManySteps."""
    before = _left.set([MAX_STEPS])
    try:
        yield
    finally:
        _left.reset(before)


@cache
def bounded(name: str) -> Any:
    """Give one of jsonschema's validator classes, with our keywords and every keyword counted.

    Raises:
        ConductorError: jsonschema is not installed.
    """
    try:
        jsonschema = import_module("jsonschema")
    except ImportError:
        raise ConductorError(
            "a JSON Schema needs jsonschema, which is not installed", mend=INSTALL
        ) from None
    usual = getattr(jsonschema, name)
    keywords: dict[str, Keyword] = {**usual.VALIDATORS, **_OURS}
    counted = {
        keyword: _counted(check, _REFERENCE if keyword == "$ref" else 1)
        for keyword, check in keywords.items()
    }
    return jsonschema.validators.extend(usual, validators=counted)


def _counted(check: Keyword, steps: int) -> Keyword:
    def counted(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        left = _left.get(None)
        if left is not None:
            held = cast("Sized", wanted) if isinstance(wanted, dict | list) else ()
            left[0] -= steps + len(held)
            if left[0] < 0:
                raise TooManySteps
        return check(validator, wanted, value, schema)

    return counted


def _problem(*path: str) -> Any:
    return import_module("jsonschema").ValidationError("", path=path)


def _pattern(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    del validator, schema
    if isinstance(value, str) and not regex.pattern(wanted).found(value):
        yield _problem()


def _pattern_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    del schema
    if not isinstance(value, dict):
        return
    for text, each in wanted.items():
        matches = regex.pattern(text).found
        for name, inner in cast("dict[str, Any]", value).items():
            if matches(name):
                yield from validator.descend(inner, each, path=name, schema_path=text)


def _additional_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    named = schema.get("properties", {})
    matching = [regex.pattern(text).found for text in schema.get("patternProperties", ())]
    for name, inner in cast("dict[str, Any]", value).items():
        if name in named or any(found(name) for found in matching):
            continue
        if wanted is False:
            yield _problem(name)
        else:
            yield from validator.descend(inner, wanted, path=name)


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    del validator, schema
    if wanted and isinstance(value, list):
        items = cast("list[Any]", value)
        if len({_hashable(item) for item in items}) < len(items):
            yield _problem()


# Without jsonschema's list of everything that every branch found: it may be larger than the value.


def _any_of(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    del schema
    if not any(validator.evolve(schema=each).is_valid(value) for each in wanted):
        yield _problem()


def _one_of(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    del schema
    if sum(validator.evolve(schema=each).is_valid(value) for each in wanted) != 1:
        yield _problem()


def _hashable(value: Any) -> object:
    """Give something that is equal where JSON is: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return frozenset((name, _hashable(inner)) for name, inner in entries.items())
    if isinstance(value, list):
        return tuple(_hashable(inner) for inner in cast("list[Any]", value))
    return (bool, value) if isinstance(value, bool) else value


_OURS: Final[dict[str, Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "anyOf": _any_of,
    "oneOf": _one_of,
}
