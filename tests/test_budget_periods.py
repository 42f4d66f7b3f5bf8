"""Budgets begin anew with each hour, day, week and month of a time zone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from conductor_mw_budget.periods import CALENDAR, Every, Period, period_of
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Money
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.budget_kit import DEAREST, WORST, admitted, layer, opened, policy, spent, worst

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",  # midnight is skipped in spring and comes twice in autumn
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # puts its clocks forward by half an hour
    "Pacific/Apia",  # left out 30 December 2011
)


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("every", "zone", "moment", "start", "hours"),
    [
        ("hour", "UTC", "2026-11-21T10:59:59.999", "2026-11-21T10:00", 1),
        ("hour", "Asia/Kathmandu", "2026-11-21T10:59", "2026-11-21T10:00", 1),
        ("day", "UTC", "2026-11-21T00:00", "2026-11-21T00:00", 24),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-29T00:00", 23),
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-25T00:00", 25),
        ("day", "America/Havana", "2026-11-01T12:00", "2026-11-01T00:00", 25),
        ("week", "UTC", "2026-11-22T23:59", "2026-11-16T00:00", 168),
        ("month", "UTC", "2026-02-28T23:59", "2026-02-01T00:00", 28 * 24),
        ("month", "UTC", "2026-12-31T23:59", "2026-12-01T00:00", 31 * 24),
    ],
)
def test_a_period_is_what_the_calendar_says(
    every: Every, zone: str, moment: str, start: str, hours: int
) -> None:
    found = period_of(every, at(moment, zone), ZoneInfo(zone))

    assert found == (at(start, zone), at(start, zone) + hours * 3600)


@given(
    every=st.sampled_from(CALENDAR),
    zone=st.sampled_from(ZONES),
    utc=st.floats(1_000_000_000, 2_200_000_000),
)
def test_every_moment_belongs_to_one_period(every: Every, zone: str, utc: float) -> None:
    found = period_of(every, utc, ZoneInfo(zone))

    assert found.start <= utc < found.end
    assert period_of(every, found.start, ZoneInfo(zone)) == found
    if every != "hour":  # where clocks move by half an hour, an hour is one of two halves
        assert period_of(every, found.end, ZoneInfo(zone)).start == found.end


def test_days_follow_each_other_without_gap_for_ten_years_of_every_zone() -> None:
    for zone in ZONES:
        utc = at("2009-12-25", zone)
        days: list[Period] = []
        for _ in range(3_700):
            days.append(period_of("day", utc, ZoneInfo(zone)))
            utc = days[-1].end
        assert all(one.end == other.start for one, other in itertools.pairwise(days))
        assert all(0 < one.end - one.start <= 25 * 3600 for one in days)


@pytest.mark.parametrize("every", CALENDAR)
@pytest.mark.parametrize("way", WAYS)
def test_a_budget_begins_anew_and_not_a_second_earlier(way: Way, every: Every) -> None:
    clock = VirtualClock(utc=at("2026-06-17T12:34:56"))
    end = period_of(every, clock.now().utc).end
    with opened(policy({"dollars": worst(2), "every": every}), clock=clock) as c:
        assert admitted(c, 3, way=way) == 2

        clock.advance(end - clock.now().utc - 0.5)
        assert admitted(c, 1, way=way) == 0
        clock.advance(0.5)

        assert admitted(c, 3, way=way) == 2


def test_a_total_never_begins_anew() -> None:
    clock = VirtualClock()
    with opened(policy({"dollars": worst(2), "every": "total"}), clock=clock) as c:
        assert admitted(c, 3) == 2
        clock.advance(10 * 366 * 86400)

        assert admitted(c, 3) == 0


def test_the_policys_time_zone_says_when_a_day_ends() -> None:
    clock = VirtualClock(utc=at("2026-06-17T21:59:00"))
    text = policy({"dollars": worst(1), "every": "day"}, time_zone="Europe/Berlin")
    with opened(text, clock=clock) as c:
        assert admitted(c, 2) == 1
        clock.advance(60)

        assert admitted(c, 2) == 1
        assert layer(c).status()[0].reset == datetime(2026, 6, 18, 22, tzinfo=UTC)


@pytest.mark.parametrize("way", WAYS)
def test_a_call_over_midnight_is_charged_to_the_day_on_which_it_began(
    way: Way, store_address: str
) -> None:
    clock = VirtualClock(utc=at("2026-11-21T23:59:50"))
    model = Scripted(20.0, "hi", takes=[["hi"]], usage=DEAREST)
    text = policy({"dollars": worst(1), "every": "day"}, store=store_address)
    with opened(text, clock=clock, a=model) as c:
        assert ask(c, "hello", way=way).text == "hi"
        assert spent(c) == Money()  # of the new day

        assert admitted(c, 2, way=way) == 1
        assert spent(c) == WORST

        # A clock that is set back finds the day before as it was left.
        clock.advance(-3600)
        assert admitted(c, 1, way=way) == 0
        assert spent(c) == WORST
