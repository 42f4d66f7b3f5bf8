"""The ring counts what a list of all calls would, and no order of events lends too many permits."""

from __future__ import annotations

import math
import random
from functools import partial

from conductor_mw_breaker.ledger import page_of, row_of
from conductor_mw_breaker.records import Note, Record, Trip
from conductor_mw_breaker.ring import SLICES, Ring
from conductor_mw_breaker.steps import Admission, Verdict
from conductor_mw_breaker.thresholds import Thresholds
from hypothesis import given
from hypothesis import strategies as st

WINDOW = 60.0
THRESHOLDS = Thresholds(0.5, 0.8, None, 10, WINDOW, 30.0, 600.0, 3, 60.0)
waits = st.one_of(st.just(0.0), st.floats(0, 20), st.floats(0, 200), st.floats(0, 1e6))
times = st.floats(0, 1e10, allow_nan=False)


@given(st.lists(st.tuples(waits, st.booleans(), st.booleans()), max_size=80), st.floats(0, 1e9))
def test_the_ring_counts_what_a_list_would(
    calls: list[tuple[float, bool, bool]], start: float
) -> None:
    ring, seen, now = Ring(WINDOW), list[tuple[int, bool, bool]](), start

    for wait, failed, slow in calls:
        now += wait
        ring.add(now, failed, slow)
        tick = int(now / (WINDOW / SLICES))
        seen = [one for one in [*seen, (tick, failed, slow)] if one[0] > tick - SLICES]

        assert (ring.calls, ring.errors, ring.slow) == (
            len(seen),
            sum(failed for _, failed, _ in seen),
            sum(slow for _, _, slow in seen),
        )


@given(waits, waits, waits)
def test_a_call_is_remembered_for_nine_tenths_of_the_window_and_no_longer_than_it(
    start: float, passed: float, late: float
) -> None:
    ring = Ring(WINDOW)
    ring.add(start, True, False)
    ring.add(start - late, False, False)  # of another thread, out of order

    ring.turn(start + passed)

    if passed < 0.9 * WINDOW - 1e-6:
        assert ring.calls == 2
    if passed > WINDOW:
        assert ring.calls == 0


def test_an_hour_of_silence_costs_as_little_as_a_second() -> None:
    ring = Ring(WINDOW)
    ring.add(0.0, True, True)

    ring.turn(1e12)

    assert (ring.calls, ring.errors, ring.slow) == (0, 0, 0)


LENGTHS = {"a second": 1.0, "a lease": 60.0, "a period": 600.0}
ENDS = {"well": False, "nothing": None, "failed": True}
steps = st.lists(
    st.sampled_from(["enter"]) | st.sampled_from([*LENGTHS]) | st.sampled_from([*ENDS]), max_size=40
)


@given(steps, st.integers(1, 4), st.randoms(use_true_random=False))
def test_no_order_of_events_lends_more_permits_than_there_are(
    steps: list[str], most: int, dice: random.Random
) -> None:
    thresholds = Thresholds(0.5, 0.8, None, 10, WINDOW, 30.0, 600.0, most, 60.0)
    record, now = Record().opened(-30.0, 30.0), 0.0
    under_way: list[str] = []
    leases: dict[str, float] = {}  # of this epoch's probes, infinite for those that went well
    for number, step in enumerate(steps):
        trip = record.trip
        if trip is None:
            break
        if step in LENGTHS:
            now += LENGTHS[step]
        elif step == "enter":
            admission = Admission(f"p{number}", now, most, 60.0)
            record = admission(record)
            alive = sum(until > now for until in leases.values())
            assert admission.granted == (now >= trip.until and alive < most)
            if admission.granted:
                leases = {name: until for name, until in leases.items() if until > now}
                leases[admission.probe] = now + 60.0
                under_way.append(admission.probe)
        elif under_way:
            name = under_way.pop(dice.randrange(len(under_way)))
            failed = ENDS[step]
            after = Verdict(name, failed, now, thresholds, 0.5)(record)
            if name not in leases:
                assert after == record  # it came late
            elif failed:
                assert after.epoch == record.epoch + 1
                leases = {}
            elif failed is None:
                del leases[name]
            else:
                leases[name] = math.inf
                well = sum(until == math.inf for until in leases.values())
                assert (after.trip is None) == (well == most)
            record = after


notes = st.builds(Note, st.text(), st.text(), times, st.none() | times, st.booleans())
trips = st.builds(
    Trip, st.integers(1, 99), times, times, st.integers(1, 99), times,
    st.dictionaries(st.text(max_size=5), times | st.just(math.inf), max_size=5),
)  # fmt: skip
records = st.builds(Record, st.none() | trips, st.none() | notes).map(
    lambda one: Record(one.trip, one.note, one.trip.epoch if one.trip else 7)
)


@given(st.dictionaries(st.text(max_size=9), records, max_size=4))
def test_what_is_written_is_read_again(found: dict[str, Record]) -> None:
    page = page_of(None)
    for name, record in found.items():
        page = page.with_record(name, partial(_second, record), 0.0)

    assert page_of(row_of(page)) == page


def _second(record: Record, _: Record) -> Record:
    return record


@given(records, records)
def test_of_two_records_of_one_agent_the_newer_state_wins(theirs: Record, own: Record) -> None:
    merged = theirs.merged(own)

    assert merged.epoch == max(theirs.epoch, own.epoch)
    assert merged.note in (theirs.note, own.note)
    if theirs.epoch == own.epoch and None in (theirs.trip, own.trip):
        assert merged.trip is None
