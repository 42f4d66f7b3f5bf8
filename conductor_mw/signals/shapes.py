"""Whether a Python value has a type of the condition language, and how errors show a value."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Final, cast

from conductor_mw.rules.types import Type

MISSING: Final = object()
"""No value: neither null nor anything else."""
_CLIP: Final = 40
_INT_LIMIT: Final = 2**63


def fitting(value: object, type_: Type) -> object:
    """Return the value as one of this type, or `MISSING` where it is none.

    A whole number is also a double. True is not a number, and numbers beyond 64 bits are none.

    >>> from conductor_mw.rules.types import DOUBLE, INT
    >>> fitting(3, DOUBLE), fitting(True, INT) is MISSING
    (3.0, True)
    """
    kind = type_.kind
    if kind == "dyn":
        return value
    if kind == "list":
        return _list(value, type_.of[0])
    if kind == "map":
        return _map(value, *type_.of)
    if kind == "int":
        return _int(value)
    return value if type(value) is _PLAIN[kind] else _converted(value, kind)


def shown(value: object) -> str:
    """Return a value as errors show it: short, and never more than its beginning.

    >>> shown("gold"), shown([1, 2])
    ("'gold'", 'a list of 2')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(value) if len(value) <= _CLIP else f"{value[:_CLIP]!r}..."
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _INT_LIMIT):
        return repr(value)
    return of_type(value)


def of_type(value: object) -> str:
    """Return what a value is without showing it.

    >>> of_type("secret"), of_type(3)
    ('a string of 6 characters', 'an int')
    """
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    if isinstance(value, list | tuple | Mapping):
        sized = cast("Sized", value)
        return f"a {'map' if isinstance(value, Mapping) else 'list'} of {len(sized)}"
    if value is None:
        return "null"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


_PLAIN: Final[Mapping[str, type]] = {
    "bool": bool,
    "double": float,
    "string": str,
    "null": type(None),
}


def _converted(value: object, kind: str) -> object:
    if kind == "double" and isinstance(value, int | float) and not isinstance(value, bool):
        # An int that no double can hold would raise OverflowError.
        return float(value) if abs(value) < _INT_LIMIT or isinstance(value, float) else MISSING
    if kind == "string" and isinstance(value, str):
        return str(value)
    return MISSING


def _list(value: object, element: Type) -> object:
    if not isinstance(value, list | tuple):
        return MISSING
    items = [fitting(item, element) for item in cast("list[object]", value)]
    return MISSING if any(item is MISSING for item in items) else items


def _map(value: object, key_type: Type, item_type: Type) -> object:
    if not isinstance(value, Mapping):
        return MISSING
    pairs = [
        (fitting(key, key_type), fitting(item, item_type))
        for key, item in cast("Mapping[object, object]", value).items()
    ]
    if any(key is MISSING or item is MISSING for key, item in pairs):
        return MISSING
    return dict(pairs)


def _int(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        return MISSING
    return int(value) if -_INT_LIMIT <= value < _INT_LIMIT else MISSING
