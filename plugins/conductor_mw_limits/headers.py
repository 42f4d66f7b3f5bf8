"""Read what providers say in response headers about what is left of their own limits.

OpenAI and those who follow it say `x-ratelimit-remaining-requests: 0` and
`x-ratelimit-reset-requests: 6m0s`; Anthropic says `anthropic-ratelimit-requests-remaining: 0` and
`anthropic-ratelimit-requests-reset: 2026-01-01T00:00:30Z`. LiteLLM hands such headers on with
`llm_provider-` before their names. What cannot be read says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

SORTS: Final = ("requests", "tokens", "input-tokens", "output-tokens")
_NAMES: Final = tuple(
    (sort, f"{prefix}{remaining}", f"{prefix}{reset}")
    for sort in SORTS
    for prefix in ("", "llm_provider-")
    for remaining, reset in (
        (f"x-ratelimit-remaining-{sort}", f"x-ratelimit-reset-{sort}"),
        (f"anthropic-ratelimit-{sort}-remaining", f"anthropic-ratelimit-{sort}-reset"),
    )
)
_UNITS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0
}  # fmt: skip
_PIECE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ns|us|µs|ms|s|m|h|d)")
_PIECES: Final = re.compile(rf"(?:{_PIECE.pattern}){{1,6}}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_LONGEST: Final = 60
_EPOCH: Final = 1e9
"""A number of seconds from here on is a moment, not a length of time."""


class Empty(NamedTuple):
    """Something of which nothing is left.

    Attributes:
        sort: `requests`, `tokens`, `input-tokens` or `output-tokens`.
        seconds: until there will be some again.
    """

    sort: str
    seconds: float


def empty_in(headers: Mapping[str, str], utc: float) -> Empty | None:
    """Give what is used up for longest, or None where something is left of everything.

    Args:
        headers: of a response, names in small letters.
        utc: seconds since 1970.

    >>> empty_in({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 0.0)
    Empty(sort='tokens', seconds=360.0)
    """
    found: Empty | None = None
    for sort, remaining, reset in _NAMES:
        left = headers.get(remaining)
        if left is None or _number(left) != 0.0:
            continue
        seconds = reset_seconds(headers.get(reset, ""), utc)
        if seconds and (found is None or seconds > found.seconds):
            found = Empty(sort, seconds)
    return found


def reset_seconds(text: str, utc: float) -> float | None:
    """Give the seconds until a reset that a header tells, or None where it cannot be read.

    >>> reset_seconds("1m30.5s", 0.0), reset_seconds("20ms", 0.0), reset_seconds("12", 0.0)
    (90.5, 0.02, 12.0)
    >>> reset_seconds("1970-01-01T00:00:30Z", 10.0)
    20.0
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    number = _number(text)
    if number is not None:
        return max(0.0, number - utc) if number >= _EPOCH else number
    if _PIECES.fullmatch(text):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _PIECE.findall(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Not `timestamp()`: the year 1 with an offset is before what a datetime can be moved to.
    return max(0.0, (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() - utc)


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if len(text) <= _LONGEST and _NUMBER.fullmatch(text) else None
