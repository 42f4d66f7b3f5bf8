"""Arithmetic as CEL does it: ints of 64 bits that overflow loudly, doubles of IEEE 754."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.values import INT_MIN, Value, int64, kind, no_overload


def negate(value: Value) -> Value:
    """Return `-value`."""
    if kind(value) == "int":
        return int64(-cast("int", value))
    if kind(value) == "double":
        return -cast("float", value)
    raise no_overload("-", value)


def negation(value: Value) -> bool:
    """Return `!value`."""
    if value is True or value is False:
        return not value
    raise no_overload("!", value)


def add(left: Value, right: Value) -> Value:
    """Return `left + right` of two ints, doubles, strings or lists."""
    a, b = kind(left), kind(right)
    if a == b:
        if a == "int":
            return int64(cast("int", left) + cast("int", right))
        if a == "double":
            return cast("float", left) + cast("float", right)
        if a == "string":
            return cast("str", left) + cast("str", right)
        if a == "list":
            return [*cast("Sequence[Value]", left), *cast("Sequence[Value]", right)]
    raise no_overload("+", left, right)


def subtract(left: Value, right: Value) -> Value:
    """Return `left - right`."""
    a, b = _numbers("-", left, right)
    return int64(a - b) if isinstance(a, int) and isinstance(b, int) else a - b


def multiply(left: Value, right: Value) -> Value:
    """Return `left * right`."""
    a, b = _numbers("*", left, right)
    return int64(a * b) if isinstance(a, int) and isinstance(b, int) else a * b


def divide(left: Value, right: Value) -> Value:
    """Return `left / right`; ints are cut towards zero."""
    a, b = _numbers("/", left, right)
    if isinstance(a, int) and isinstance(b, int):
        return divide_ints(a, b)
    return divide_doubles(a, b)


def divide_ints(left: int, right: int) -> int:
    """Return `left / right`, cut towards zero."""
    if right == 0:
        raise EvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    return int64(quotient if (left < 0) == (right < 0) else -quotient)


def divide_doubles(left: float, right: float) -> float:
    """Return `left / right`; by zero it is infinite or NaN, as IEEE 754 says."""
    if right != 0:
        return left / right
    if left == 0 or left != left:  # noqa: PLR0124 - NaN is the only value unequal to itself
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder(left: Value, right: Value) -> int:
    """Return `left % right` of two ints, with the sign of `left`."""
    if kind(left) != "int" or kind(right) != "int":
        raise no_overload("%", left, right)
    a, b = cast("int", left), cast("int", right)
    if b == 0:
        raise EvaluationError("remainder of a division by zero")
    if a == INT_MIN and b == -1:
        # The quotient overflows, and CEL says that the remainder then fails as well.
        raise EvaluationError("an int overflows 64 bits")
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def _numbers(operator: str, left: Value, right: Value) -> tuple[float, float]:
    a, b = kind(left), kind(right)
    if a == b and a in ("int", "double"):
        return cast("float", left), cast("float", right)
    raise no_overload(operator, left, right)
