"""Lengths of time as policies write them: `80ms`, `10s`, `5m`, `1h30m`, `2d`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_WHOLE: Final = re.compile(rf"(?:{_PIECE.pattern}){{1,5}}")
LONGEST: Final = 366 * 86400.0
PATTERN: Final = r"^([0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)){1,5}$"


def seconds(text: str) -> float:
    """Give the seconds of a length of time.

    Raises:
        ValueError: it is not written as one; the message tells how.

    >>> seconds("1h30m"), seconds("80ms")
    (5400.0, 0.08)
    """
    if len(text) > 80 or not _WHOLE.fullmatch(text):
        raise ValueError(
            f"{text[:40]!r} is not a length of time; write for example 80ms, 10s or 1h30m"
        )
    total = sum(float(number) * _SECONDS[unit] for number, unit in _PIECE.findall(text))
    if total > LONGEST:
        raise ValueError(f"{text} is longer than 366 days")
    return round(total, 6)


def _read(value: Any) -> float:
    if isinstance(value, str):
        return seconds(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(  # noqa: TRY004 - pydantic reports a ValueError and lets a TypeError pass
            "must be a length of time, for example 80ms, 10s or 1h30m"
        )
    raise ValueError(f"{value} has no unit; write for example {value}s")


Duration = Annotated[
    float,
    BeforeValidator(_read),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": PATTERN,
            "description": "a length of time, for example 80ms, 10s or 1h30m",
        }
    ),
]
"""A field that holds seconds and is written as a length of time."""
