"""The spans over which a budget counts: hours, days, weeks and months of a time zone."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

Every = Literal["request", "hour", "day", "week", "month", "total"]
CALENDAR: Final[tuple[Every, ...]] = ("hour", "day", "week", "month")


class Period(NamedTuple):
    """A span of time; it begins at `start` and is over at `end`, both UTC seconds.

    Attributes:
        start: its first second; with `every` it names the period for ever.
        end: the first second that is no longer part of it; infinite where it never ends.
    """

    start: float
    end: float


ALWAYS: Final = Period(-math.inf, math.inf)


def period_of(every: Every, utc: float, zone: tzinfo = UTC) -> Period:
    """Give the period that a moment belongs to.

    A day is as long as the calendar makes it: 23 or 25 hours where clocks are put forward or back.

    Args:
        every: how long periods are; `request` and `total` have no calendar and never end.
        utc: the moment, in UTC seconds.
        zone: whose hours, days, weeks and months.

    >>> midnight = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    >>> period_of("day", midnight + 3600) == Period(midnight, midnight + 86400)
    True
    >>> period_of("day", midnight - 0.001).end == midnight
    True
    """
    if every not in CALENDAR:
        return ALWAYS
    local = datetime.fromtimestamp(utc, zone)
    if every == "hour":
        # Counted back from the moment: where clocks are put back, the same hour comes twice.
        past = local.minute * 60 + local.second + local.microsecond / 1e6
        start = float(round(utc - past))
        return Period(start, start + 3600.0)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if every == "week":
        day -= timedelta(days=day.weekday())
        after = day + timedelta(days=7)
    elif every == "month":
        day = day.replace(day=1)
        after = (day + timedelta(days=31)).replace(day=1)
    else:
        after = day + timedelta(days=1)
    return Period(_second(day, zone), _second(after, zone))


def _second(midnight: datetime, zone: tzinfo) -> float:
    # A midnight that clocks skip counts as the moment at which they do (PEP 495, fold 0).
    return midnight.replace(tzinfo=zone).timestamp()
