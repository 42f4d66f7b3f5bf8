"""The values that conditions read, and when two of them are equal or in order.

A value is what JSON gives: bool, int (64 bits), float, str, None, list and dict. Both evaluators
stand on the functions of this file and its neighbours (arithmetic, lookups, conversions), which
raise EvaluationError where CEL says error and never anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Final, TypeAlias, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.limits import MAX_VALUE_DEPTH

Value: TypeAlias = object

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

MISSING: Final = object()
"""What `find` gives where there is no such key; no value equals it."""

_KINDS: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    NoneType: "null",
    list: "list",
    tuple: "list",
    dict: "map",
}
_ORDERED: Final = frozenset((int, str, float, bool))


def kind(value: Value) -> str:
    """Return the name of the type of `value`: `bool`, `int`, `double`, `string`, `null` ...

    Raises:
        EvaluationError: a condition cannot read such a value.
    """
    found = _KINDS.get(type(value))
    if found is not None:
        return found
    for type_, name in ((int, "int"), (float, "double"), (str, "string"), (Mapping, "map")):
        if isinstance(value, type_):
            return name
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return "list"
    raise EvaluationError(f"a value of Python type {type(value).__name__} cannot be read")


def no_overload(operator: str, *values: Value) -> EvaluationError:
    """Return the error for an operator that does not take values of these types."""
    return EvaluationError(f"'{operator}' does not take {' and '.join(map(kind, values))}")


def int64(value: int) -> int:
    """Return `value` if it fits 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("an int overflows 64 bits")


def truth(value: Value) -> bool:
    """Return `value` if it is a bool."""
    if value is True or value is False:
        return value
    raise EvaluationError(f"a bool is needed, not {kind(value)}")


def equal(left: Value, right: Value, depth: int = 0) -> bool:
    """Return whether two values are equal; values of unrelated types are not."""
    a, b = _KINDS.get(type(left)) or kind(left), _KINDS.get(type(right)) or kind(right)
    if a != b:
        if {a, b} == {"int", "double"}:
            return as_double(left) == as_double(right)
        return False
    if a not in ("list", "map"):
        return left == right
    if depth > MAX_VALUE_DEPTH:
        raise EvaluationError(f"a value is nested deeper than {MAX_VALUE_DEPTH} levels")
    if a == "list":
        first, second = cast("Sequence[Value]", left), cast("Sequence[Value]", right)
        # Python's own == of lists takes an object for equal to itself, also where it is NaN, and
        # True for equal to 1.
        return len(first) == len(second) and all(
            equal(x, y, depth + 1) for x, y in zip(first, second, strict=True)
        )
    return _equal_maps(
        cast("Mapping[Value, Value]", left), cast("Mapping[Value, Value]", right), depth
    )


def _equal_maps(left: Mapping[Value, Value], right: Mapping[Value, Value], depth: int) -> bool:
    if len(left) != len(right):
        return False
    for key, value in left.items():
        found = find(right, key)
        if found is MISSING or not equal(value, found, depth + 1):
            return False
    return True


def less(left: Value, right: Value) -> bool:
    """Return whether `left < right`."""
    a, b = _ordered("<", left, right)
    return a < b


def less_equal(left: Value, right: Value) -> bool:
    """Return whether `left <= right`."""
    a, b = _ordered("<=", left, right)
    return a <= b


def greater(left: Value, right: Value) -> bool:
    """Return whether `left > right`."""
    a, b = _ordered(">", left, right)
    return a > b


def greater_equal(left: Value, right: Value) -> bool:
    """Return whether `left >= right`."""
    a, b = _ordered(">=", left, right)
    return a >= b


def _ordered(operator: str, left: Value, right: Value) -> tuple[float, float]:
    """Return the two as values that Python orders as CEL does."""
    if type(left) is type(right) and type(left) in _ORDERED:
        return cast("float", left), cast("float", right)
    a, b = kind(left), kind(right)
    if a == b and a in ("bool", "int", "double", "string"):
        return cast("float", left), cast("float", right)
    if {a, b} == {"int", "double"}:
        return as_double(left), as_double(right)
    raise no_overload(operator, left, right)


def as_double(number: Value) -> float:
    """Return an int or double as a double; CEL compares numbers of two types so."""
    try:
        return float(cast("float", number))
    except OverflowError:
        raise EvaluationError("an int overflows 64 bits") from None


def find(mapping: Mapping[Value, Value], key: Value) -> Value:
    """Return the value under `key`, or `MISSING`.

    Keys 1 and 1.0 are the same key; 1 and true are not, although Python thinks so.
    """
    of = kind(key)
    if of == "double":
        number = cast("float", key)
        if not number.is_integer():
            return MISSING
        key = int(number)
    elif of not in ("bool", "int", "string"):
        raise EvaluationError(f"{of} cannot be the key of a map")
    if key not in mapping:
        return MISSING
    if (of == "bool" or key in (0, 1)) and not any(
        stored == key and isinstance(stored, bool) == (of == "bool") for stored in mapping
    ):
        return MISSING
    return mapping[key]


def shown(value: Value) -> str:
    """Return a short form of a value for a message; never the content of a text."""
    of = kind(value)
    if of == "string":
        return f"a string of {len(cast('str', value))} characters"
    if of in ("list", "map"):
        return f"a {of} of {len(cast('Sequence[Value]', value))}"
    if of == "null":
        return "null"
    return str(value).lower()
