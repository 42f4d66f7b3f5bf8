"""How long something takes, as a policy writes it: `800ms`, `10s`, `5m`, `1h`, `2d`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s?(ms|s|m|h|d)")
LONGEST: Final = 366 * 86400.0
"""Seconds. Longer than a year is a slip of a unit, not a wish."""


def seconds(value: Any) -> Any:
    """Give the seconds of a duration; a number is seconds already.

    >>> seconds("800ms"), seconds("2d"), seconds(1.5)
    (0.8, 172800.0, 1.5)

    Raises:
        ValueError: it is no duration.
    """
    if isinstance(value, bool):
        raise ValueError("write a duration such as 800ms, 10s, 5m, 1h or 2d")  # noqa: TRY004 - pydantic turns ValueError into a finding
    if isinstance(value, (int, float)):
        return float(value)
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) < 32 else None  # noqa: PLR2004
    if found is None:
        raise ValueError("write a duration such as 800ms, 10s, 5m, 1h or 2d")
    return float(found[1]) * _UNITS[found[2]]


Duration = Annotated[
    float,
    BeforeValidator(seconds, json_schema_input_type=str | float),
    Field(ge=0, le=LONGEST, allow_inf_nan=False),
]
"""A field type for option classes: seconds, written as a duration."""
