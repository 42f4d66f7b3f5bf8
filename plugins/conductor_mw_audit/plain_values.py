"""Give whatever a signal holds as plain JSON of a bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final, cast

_DEEPEST: Final = 8
_MOST: Final = 200
"""Items of a list or mapping that a record holds."""
_LONGEST: Final = 2_000


def plain_value(value: object, depth: int = 0) -> object:
    """Give a value as JSON can hold it; what an app's own object says of itself stays out.

    >>> plain_value({"a": (1, float("inf")), "b": object()})
    {'a': [1, 'inf'], 'b': '<object>'}
    """
    if isinstance(value, (str, float, int)) or value is None:
        return _leaf(value)
    if depth >= _DEEPEST:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        items = list(cast("Mapping[object, object]", value).items())[:_MOST]
        return {str(key)[:_LONGEST]: plain_value(one, depth + 1) for key, one in items}
    if isinstance(value, (list, tuple)):
        some = cast("Sequence[object]", value)[:_MOST]
        return [plain_value(one, depth + 1) for one in some]
    return f"<{type(value).__name__}>"


def _leaf(value: str | float | None) -> object:
    if isinstance(value, str):
        return value[:_LONGEST]
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # JSON has no infinity
    return value
