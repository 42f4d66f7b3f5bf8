"""Look into lists, maps and texts, and build the former two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.values import MISSING, Value, equal, find, kind, no_overload, shown

_GUARD: Final = "where it may be missing, ask has(...) first, or declare a signal with a `default:`"


def index(container: Value, key: Value) -> Value:
    """Return `container[key]`."""
    of = kind(container)
    if of == "map":
        found = find(cast("Mapping[Value, Value]", container), key)
        if found is MISSING:
            raise EvaluationError(f"no key {shown(key)}", mend=_GUARD)
        return found
    if of != "list":
        raise no_overload("[]", container, key)
    position = key
    if kind(position) == "double" and cast("float", position).is_integer():
        position = int(cast("float", position))
    if kind(position) != "int":
        raise no_overload("[]", container, key)
    items = cast("Sequence[Value]", container)
    if not 0 <= cast("int", position) < len(items):
        raise EvaluationError(f"no item {shown(position)} in a list of {len(items)}")
    return items[cast("int", position)]


def select(container: Value, field: str) -> Value:
    """Return `container.field`."""
    if kind(container) != "map":
        raise EvaluationError(f"{kind(container)} has no field '{field}'")
    if field not in (fields := cast("Mapping[Value, Value]", container)):
        raise EvaluationError(f"no key '{field}'", mend=_GUARD)
    return fields[field]


def has(container: Value, field: str) -> bool:
    """Return whether the map has `field`."""
    if kind(container) != "map":
        raise EvaluationError(f"{kind(container)} has no field '{field}'")
    return field in cast("Mapping[Value, Value]", container)


def contained(value: Value, container: Value) -> bool:
    """Return `value in container`."""
    of = kind(container)
    if of == "list":
        return any(equal(value, item) for item in cast("Sequence[Value]", container))
    if of == "map":
        return find(cast("Mapping[Value, Value]", container), value) is not MISSING
    raise no_overload("in", value, container)


def make_map(keys: Iterable[Value], values: Iterable[Value]) -> dict[Value, Value]:
    """Return the map of a literal.

    Raises:
        EvaluationError: a key of a type that no map takes, or the same key twice.
    """
    made: dict[Value, Value] = {}
    kinds = set[str]()
    for key, value in zip(keys, values, strict=True):
        of = kind(key)
        if of not in ("bool", "int", "string"):
            raise EvaluationError(f"{of} cannot be the key of a map")
        kinds.add(of)
        if "bool" in kinds and "int" in kinds:
            raise EvaluationError("bool and int cannot both be keys of one map")
        if key in made:
            raise EvaluationError(f"the key {shown(key)} stands twice in a map")
        made[key] = value
    return made


def elements(container: Value) -> Sequence[Value]:
    """Return what a macro walks over: the items of a list, or the keys of a map."""
    if type(container) is list:
        return cast("list[Value]", container)
    of = kind(container)
    if of == "list":
        return cast("Sequence[Value]", container)
    if of == "map":
        return list(cast("Mapping[Value, Value]", container))
    raise EvaluationError(f"{of} cannot be walked over")


def size(value: Value) -> int:
    """Return the number of code points, items or keys."""
    if kind(value) not in ("string", "list", "map"):
        raise no_overload("size", value)
    return len(cast("Sequence[Value]", value))


def contains(text: Value, part: Value) -> bool:
    """Return whether `part` occurs in `text`."""
    a, b = _strings("contains", text, part)
    return b in a


def starts_with(text: Value, part: Value) -> bool:
    """Return whether `text` begins with `part`."""
    a, b = _strings("startsWith", text, part)
    return a.startswith(b)


def ends_with(text: Value, part: Value) -> bool:
    """Return whether `text` ends with `part`."""
    a, b = _strings("endsWith", text, part)
    return a.endswith(b)


def _strings(function: str, *values: Value) -> tuple[str, str]:
    if any(kind(value) != "string" for value in values):
        raise no_overload(function, *values)
    return cast("tuple[str, str]", values)
