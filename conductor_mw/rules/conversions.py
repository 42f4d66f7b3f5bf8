"""Turn a value into one of another type, or refuse to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.limits import MAX_VALUE_DEPTH
from conductor_mw.rules.types import DOUBLE, DYN, Type, parse_type
from conductor_mw.rules.values import INT_MAX, INT_MIN, Value, as_double, kind, shown

_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "false", "FALSE", "False"), False),
}
_DIGITS: Final = frozenset("0123456789")
_NUMBER: Final = _DIGITS | frozenset("+-.eE")
_LONGEST_NUMBER: Final = 400
# Doubles of a million and more are written with an exponent, as in Google's implementations.
_FIRST_POWER: Final = 6


def to_bool(value: Value) -> bool:
    """Return `bool(value)`."""
    of = kind(value)
    if of == "bool":
        return cast("bool", value)
    if isinstance(value, str) and value in _BOOLS:
        return _BOOLS[value]
    raise _no_conversion(value, "bool")


def to_int(value: Value) -> int:
    """Return `int(value)`; a double is cut towards zero."""
    of = kind(value)
    if of == "int":
        return cast("int", value)
    if of == "double":
        number = cast("float", value)
        # Both bounds are excluded, as the specification's own cases have it.
        if INT_MIN < number < -float(INT_MIN):
            return int(number)
    if of == "string":
        text = cast("str", value)
        digits = text[1:] if text[:1] in ("-", "+") else text
        if digits and len(digits) <= _LONGEST_NUMBER and _DIGITS.issuperset(digits):
            number = int(text)
            if INT_MIN <= number <= INT_MAX:
                return number
    raise _no_conversion(value, "int")


def to_double(value: Value) -> float:
    """Return `double(value)`."""
    of = kind(value)
    if of in ("double", "int"):
        return as_double(value)
    if of == "string":
        text = cast("str", value)
        if 0 < len(text) <= _LONGEST_NUMBER and (
            _NUMBER.issuperset(text) or text.lower().lstrip("+-") in ("inf", "infinity", "nan")
        ):
            try:
                return float(text)
            except ValueError:
                pass
    raise _no_conversion(value, "double")


def to_string(value: Value) -> str:
    """Return `string(value)`."""
    of = kind(value)
    if of == "string":
        return cast("str", value)
    if of == "bool":
        return "true" if value else "false"
    if of == "int":
        return str(value)
    if of == "double":
        return _shortest(cast("float", value))
    raise _no_conversion(value, "string")


def _shortest(number: float) -> str:
    """Return the fewest digits that give `number` back, with an exponent from a million on."""
    text = repr(number).removesuffix(".0")
    if "e" in text or not text.strip("-").replace(".", "").isdigit():
        return text
    sign, digits, exponent = Decimal(text).as_tuple()
    power = len(digits) + cast("int", exponent) - 1
    if power < _FIRST_POWER:
        return text
    figures = "".join(map(str, digits)).rstrip("0")
    point = "." if len(figures) > 1 else ""
    return f"{'-' if sign else ''}{figures[0]}{point}{figures[1:]}e+{power:02}"


def _no_conversion(value: Value, wanted: str) -> EvaluationError:
    return EvaluationError(f"{shown(value)} cannot be made {wanted}")


def conform(value: Value, wanted: str) -> Value:
    """Return `value` if it is of the type that `wanted` names; an int may serve as a double."""
    type_ = _parsed(wanted)
    if type_ == DOUBLE and kind(value) == "int":
        return as_double(value)
    if not _is(value, type_, 0):
        raise EvaluationError(f"{type_} is needed, not {kind(value)}")
    return value


@lru_cache(maxsize=256)
def _parsed(text: str) -> Type:
    return parse_type(text)


def _is(value: Value, type_: Type, depth: int) -> bool:
    if type_ == DYN:
        return True
    if kind(value) != type_.kind:
        return False
    if depth > MAX_VALUE_DEPTH:
        raise EvaluationError(f"a value is nested deeper than {MAX_VALUE_DEPTH} levels")
    if type_.kind == "list":
        return all(_is(item, type_.of[0], depth + 1) for item in cast("Sequence[Value]", value))
    if type_.kind == "map":
        return all(
            _is(key, type_.of[0], depth + 1) and _is(item, type_.of[1], depth + 1)
            for key, item in cast("Mapping[Value, Value]", value).items()
        )
    return True
