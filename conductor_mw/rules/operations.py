"""Every strict operation by the name it has in a checked condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from conductor_mw.rules.arithmetic import (
    add,
    divide,
    multiply,
    negate,
    negation,
    remainder,
    subtract,
)
from conductor_mw.rules.conversions import conform, to_bool, to_double, to_int, to_string
from conductor_mw.rules.lookups import (
    contained,
    contains,
    ends_with,
    has,
    index,
    select,
    size,
    starts_with,
)
from conductor_mw.rules.values import Value, equal, greater, greater_equal, less, less_equal


def unequal(left: Value, right: Value) -> bool:
    """Return whether two values differ."""
    return not equal(left, right)


def unchanged(value: Value) -> Value:
    """Return `dyn(value)`: only the checker sees a difference."""
    return value


OPERATIONS: Final[dict[str, Callable[..., Value]]] = {
    "-_": negate,
    "!": negation,
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "==": equal,
    "!=": unequal,
    "<": less,
    "<=": less_equal,
    ">": greater,
    ">=": greater_equal,
    "in": contained,
    "[]": index,
    ".": select,
    "has": has,
    "size": size,
    "contains": contains,
    "startsWith": starts_with,
    "endsWith": ends_with,
    "bool": to_bool,
    "int": to_int,
    "double": to_double,
    "string": to_string,
    "dyn": unchanged,
    "as": conform,
}
