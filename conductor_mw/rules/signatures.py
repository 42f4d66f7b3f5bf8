"""Which types every operator and function takes, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from conductor_mw.rules.types import BOOL, DOUBLE, DYN, INT, STRING, Type, list_of

ORDERED: Final = frozenset(("bool", "int", "double", "string"))
NUMBERS: Final = frozenset(("int", "double"))


def comparable(left: Type, right: Type) -> bool:
    """Return whether `==` of the two can ever be true."""
    if left == right or DYN in (left, right):
        return True
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return True
    return left.kind == right.kind and all(
        comparable(a, b) for a, b in zip(left.of, right.of, strict=False)
    )


def common(left: Type, right: Type) -> Type:
    """Return the narrowest type that holds values of both; `dyn` where there is no other."""
    if left == right:
        return left
    if left.kind == right.kind and left.of:
        return Type(left.kind, tuple(common(a, b) for a, b in zip(left.of, right.of, strict=True)))
    return DYN


def arithmetic(operator: str, left: Type, right: Type) -> Type | None:
    """Return what `left operator right` gives, or None where it takes no such types."""
    kinds = _ARITHMETIC[operator]
    for known, other in ((left, right), (right, left)):
        if known is DYN or known.kind not in kinds:
            continue
        if known.kind == "list" and other.kind == "list":
            return list_of(common(left.of[0], right.of[0]))
        if other.kind in (known.kind, "dyn"):
            return list_of(DYN) if known.kind == "list" else known
        return None
    if left == right == DYN:
        return INT if operator == "%" else DYN
    return None


_ARITHMETIC: Final = {
    "+": frozenset(("int", "double", "string", "list")),
    "-": NUMBERS,
    "*": NUMBERS,
    "/": NUMBERS,
    "%": frozenset(("int",)),
}


def ordered(left: Type, right: Type) -> bool:
    """Return whether `<` takes the two."""
    if DYN in (left, right):
        return all(side is DYN or side.kind in ORDERED for side in (left, right))
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return True
    return left == right and left.kind in ORDERED


def inside(value: Type, container: Type) -> bool:
    """Return whether `value in container` can ever be true."""
    if container is DYN:
        return True
    return container.kind in ("list", "map") and comparable(value, container.of[0])


def item(container: Type, key: Type) -> Type | None:
    """Return the type of `container[key]`, or None where it has no such items."""
    if container is DYN:
        return DYN
    if container.kind == "list" and key in (INT, DYN):
        return container.of[0]
    if container.kind == "map" and comparable(key, container.of[0]):
        return container.of[1]
    return None


def _one_of(*kinds: str) -> Callable[[Type], bool]:
    return lambda type_: type_ is DYN or type_.kind in kinds


CONVERSIONS: Final[dict[str, tuple[Callable[[Type], bool], Type]]] = {
    "bool": (_one_of("bool", "string"), BOOL),
    "int": (_one_of("int", "double", "string"), INT),
    "double": (_one_of("double", "int", "string"), DOUBLE),
    "string": (_one_of("string", "int", "double", "bool"), STRING),
    "dyn": (lambda _type: True, DYN),
    "size": (_one_of("string", "list", "map"), INT),
}
"""Functions of one argument: what it may be, and what comes back."""

METHODS: Final = ("contains", "startsWith", "endsWith", "matches")
"""Methods of a string that take a string and give a bool."""

MACROS: Final = ("all", "exists", "exists_one", "filter", "map")
"""Methods of a list or map that name a variable and read their argument once for each element."""

OUTSIDE: Final = {
    "uint": "uint",
    "bytes": "bytes",
    "timestamp": "timestamps",
    "duration": "durations",
    "type": "types as values",
    **dict.fromkeys(
        (
            "getDate",
            "getDayOfMonth",
            "getDayOfWeek",
            "getDayOfYear",
            "getFullYear",
            "getHours",
            "getMilliseconds",
            "getMinutes",
            "getMonth",
            "getSeconds",
        ),
        "timestamps",
    ),
}
"""Functions of CEL that are deliberately not here, and what they belong to."""

TYPE_NAMES: Final = frozenset(
    ("bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint")
)
"""Names that stand for types in CEL; types are no values here."""
