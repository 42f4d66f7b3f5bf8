"""Rates as policies write them: `60/m`, `100000/m`, `5/s`, `200/10s`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

SECOND: Final = 10**9
"""In the nanoseconds that everything here counts in."""
LARGEST: Final = 10**12
_UNITS: Final = {
    "ms": 10**6,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
    "d": 86400 * SECOND,
}
_LONGEST: Final = 366 * _UNITS["d"]
_PATTERN: Final = r"([0-9]{1,13})/([0-9]{0,6})(ms|s|m|h|d)"
_WHOLE: Final = re.compile(_PATTERN)


class Rate(NamedTuple):
    """So many of something in each period.

    Attributes:
        amount: how many.
        period: nanoseconds.
    """

    amount: int
    period: int

    def cost(self, amount: int) -> int:
        """Give the nanoseconds in which the rate allows an amount, rounded up.

        >>> rate("60/m").cost(2)
        2000000000
        """
        return -(-amount * self.period // self.amount)

    def worth(self, nanoseconds: int) -> int:
        """Give how much the rate allows in a time, rounded down.

        >>> rate("100000/m").worth(30 * SECOND)
        50000
        """
        return nanoseconds * self.amount // self.period

    def burst(self, nanoseconds: int) -> int:
        """Give how far ahead a clock may be, so that what the rate allows in a time fits at once.

        Every cost is rounded up: seven times the seventh of a minute is longer than a minute. It
        is never so far ahead that one more would fit.

        >>> rate("7/m").burst(60 * SECOND) - 60 * SECOND
        4
        """
        count = self.worth(nanoseconds)
        return max(nanoseconds, min(count * self.cost(1), self.cost(count + 1) - 1))

    def __str__(self) -> str:
        for unit in ("d", "h", "m", "s", "ms"):
            times, rest = divmod(self.period, _UNITS[unit])
            if times and not rest:
                return f"{self.amount}/{times if times > 1 else ''}{unit}"
        raise AssertionError(self.period)


def rate(text: str) -> Rate:
    """Give a rate.

    Raises:
        ValueError: it is not written as one; the message tells how.

    >>> rate("60/m"), str(rate("200/10s"))
    (Rate(amount=60, period=60000000000), '200/10s')
    """
    found = _WHOLE.fullmatch(text) if len(text) <= 40 else None
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a rate; write for example 60/m, 5/s or 200/10s")
    amount, period = int(found[1]), int(found[2] or "1") * _UNITS[found[3]]
    if not 0 < amount <= LARGEST:
        raise ValueError(f"{text} allows nothing, or more than 1e12; write at least 1")
    if not 0 < period <= _LONGEST:
        raise ValueError(f"the period of {text} is not between 1ms and 366d")
    return Rate(amount, period)


def _read(value: Any) -> Rate:
    if isinstance(value, Rate):
        return value
    if isinstance(value, str):
        return rate(value)
    raise ValueError("must be a rate, for example 60/m or 100000/m")


RateText = Annotated[
    Rate,
    BeforeValidator(_read),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_PATTERN}$",
            "description": "so many in each period, for example 60/m or 200/10s",
        }
    ),
]
"""A field that holds a `Rate` and is written as a text."""
