"""All that generated code can reach: its helpers, by name, and nothing of Python's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from conductor_mw.rules.arithmetic import divide_doubles, divide_ints
from conductor_mw.rules.interpreter import grown, weight
from conductor_mw.rules.limits import SCAN_PER_STEP, Steps
from conductor_mw.rules.lookups import elements, make_map
from conductor_mw.rules.operations import OPERATIONS
from conductor_mw.rules.values import int64, kind, no_overload, truth


def charged(steps: Steps, container: object, cost: int) -> Sequence[object]:
    """Return what a macro walks over, paid for beforehand."""
    items = elements(container)
    steps.spend(len(items) * cost)
    return items


def scanned(steps: Steps, operator: str, *arguments: object) -> object:
    """Return the value of an operation that reads long texts inside a macro, paid for."""
    steps.spend(weight(*arguments) // SCAN_PER_STEP)
    return OPERATIONS[operator](*arguments)


def matched(steps: Steps | None, found: Callable[[str], bool], text: object) -> bool:
    """Return whether a pattern is found; `steps` only where it stands in a macro."""
    if kind(text) != "string":
        raise no_overload("matches", text)
    if steps is not None:
        steps.spend(weight(text) // SCAN_PER_STEP)
    return found(cast("str", text))


# The only names that generated code can reach, besides its own variables and patterns.
NAMES: Final[dict[str, object]] = {
    "__builtins__": {},
    "all": all,
    "any": any,
    "charged": charged,
    "float": float,
    "grown": grown,
    "int64": int64,
    "len": len,
    "make_map": make_map,
    "divide_doubles": divide_doubles,
    "divide_ints": divide_ints,
    "matched": matched,
    "scanned": scanned,
    "sum": sum,
    "truth": truth,
}
HELPERS: Final = {
    "-_": "negate",
    "!": "negation",
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "remainder",
    "==": "equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "in": "contained",
    "[]": "index",
    ".": "select",
    "has": "has",
    "size": "size",
    "contains": "contains",
    "startsWith": "starts_with",
    "endsWith": "ends_with",
    "bool": "to_bool",
    "int": "to_int",
    "double": "to_double",
    "string": "to_string",
    "as": "conform",
}
NAMES.update({name: OPERATIONS[operator] for operator, name in HELPERS.items()})
