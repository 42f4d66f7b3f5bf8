"""Rates against simple models, and headers against whatever a provider may send."""

from __future__ import annotations

import math
import os
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from conductor_mw_limits.clocks import Charge, Clocks, Terms, Use
from conductor_mw_limits.counting import keyed
from conductor_mw_limits.credit import Credit
from conductor_mw_limits.headers import SORTS, empty_in, reset_seconds
from conductor_mw_limits.held import Held, release
from conductor_mw_limits.local import LocalBook
from conductor_mw_limits.rate import SECOND, Rate, rate
from conductor_mw_limits.shared import SharedBook
from conductor_mw_limits.slots import Seat
from hypothesis import example, given
from hypothesis import strategies as st

from conductor_mw import Io
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.testing import VirtualClock

LONG = os.environ.get("CONDUCTOR_LONG") == "1"
PERIOD = 60 * SECOND
KEYS = ("a", "b", "c")


def terms(burst: int = PERIOD, life: int = 0) -> Terms:
    return Terms("limit", rate("60/m"), burst, life, tokens=True)


def done(step: Coroutine[Any, Any, Any]) -> Any:
    """Give what a step gives that awaits nothing but `Io`."""
    try:
        effect = step.send(None)
        while True:
            assert isinstance(effect, Io)
            effect = step.send(effect.sync())
    except StopIteration as stopped:
        return stopped.value


class Windows:
    """What was used and when; the whole of a rate in one inequality."""

    def __init__(self) -> None:
        self.used: dict[str, list[tuple[int, int]]] = {}

    def add(self, key: str, at: int, amount: int) -> None:
        self.used.setdefault(key, []).append((at, amount))

    def hold(self, burst: int) -> bool:
        """Whether between any two moments no more was used than the burst and their distance."""
        for uses in self.used.values():
            uses.sort()
            for start, (since, _) in enumerate(uses):
                total = 0
                for at, amount in uses[start:]:
                    total += amount
                    if total > burst + at - since:
                        return False
        return True


# Few round figures, so that they meet at the edges, where mistakes are.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 5, 30, 60]).map(lambda seconds: seconds * SECOND),  # that pass
        st.just({"a"}) | st.sets(st.sampled_from(KEYS), min_size=1),
        st.sampled_from([30, 40, 50]).map(lambda seconds: seconds * SECOND),  # the cost
        st.sampled_from([0.0, 1.0]),  # the share that is used in the end
        st.integers(1, 3),  # how many steps later it ends
    ),
    min_size=4,
    max_size=30,
)
A = frozenset("a")
FIFTY = 50 * SECOND
GIVEN_BACK_LATE = [  # when time has given it back already, and somebody else has used that
    (0, A, FIFTY, 0.0, 2),
    (60 * SECOND, A, FIFTY, 1.0, 1),
    (0, A, FIFTY, 1.0, 1),
]
GIVEN_BACK_TWICE = [  # two that stood one behind the other; the second counts on the first
    (0, A, 30 * SECOND, 0.0, 1),
    (0, A, 30 * SECOND, 0.0, 3),
    (40 * SECOND, A, 50 * SECOND, 1.0, 1),
    (0, A, 30 * SECOND, 1.0, 1),
    (0, A, 30 * SECOND, 1.0, 1),
]
FORGOTTEN = [  # whoever makes room for a new key must not throw out the one it is used with
    (0, A, 30 * SECOND, 0.0, 1),
    (0, frozenset("b"), 30 * SECOND, 0.0, 1),
    (0, frozenset("ab"), 30 * SECOND, 1.0, 1),
    (0, frozenset("b"), 40 * SECOND, 1.0, 1),
]
CARRIED_LATE = [  # it was given back at once, but the store hears of it long afterwards
    (0, A, 30 * SECOND, 0.0, 1),
    (0, A, 30 * SECOND, 0.0, 1),
    (60 * SECOND, A, FIFTY, 1.0, 1),
    (0, A, SECOND, 0.0, 1),
    (0, A, 30 * SECOND, 1.0, 1),
]
USED_LATE = [  # a process uses long afterwards what was given back to it
    (0, A, FIFTY, 0.0, 1),
    (60 * SECOND, A, FIFTY, 1.0, 1),
    (0, A, FIFTY, 1.0, 1),
]


@given(STEPS)
def test_a_clock_admits_exactly_what_the_model_admits(steps: Any) -> None:
    clocks, now = Clocks(), 0
    ahead = dict.fromkeys(KEYS, 0)
    for passes, keys, cost, _, _ in steps:
        now += passes
        fits = all(max(ahead[key], now) + cost <= now + PERIOD for key in keys)
        uses = [Use(key, cost, terms()) for key in sorted(keys)]
        late, _limit = clocks.late(uses, now)

        assert (clocks.take(uses, now) is not None) == fits == (late == 0)

        if fits:
            ahead.update({key: max(ahead[key], now) + cost for key in keys})
        else:
            assert late == max(max(ahead[key], now) + cost - now - PERIOD for key in keys)


@given(STEPS)
@example(GIVEN_BACK_LATE)
@example(GIVEN_BACK_TWICE)
@example(FORGOTTEN)
def test_what_is_given_back_never_admits_more_than_the_rate(steps: Any) -> None:
    clocks, windows, now = Clocks(), Windows(), 0
    ending: list[tuple[int, Charge, int]] = []
    for number, (passes, keys, cost, share, later) in enumerate(steps):
        now += passes
        for ends, charge, unused in [one for one in ending if one[0] <= number]:
            clocks.give_back(charge, unused, now)
            ending.remove((ends, charge, unused))
        charges = clocks.take([Use(key, cost, terms()) for key in sorted(keys)], now)
        for charge in charges or ():
            used = int(cost * share)
            windows.add(charge[0].key, now, used)
            ending.append((number + later, charge, cost - used))

    assert windows.hold(PERIOD)


@dataclass
class Process:
    book: SharedBook
    ending: list[tuple[int, Held, int]] = field(default_factory=list[tuple[int, Held, int]])


@given(STEPS, st.lists(st.integers(0, 2), min_size=30, max_size=30), st.booleans())
@example(GIVEN_BACK_LATE, [0, 1, 0], False)
@example(GIVEN_BACK_LATE, [0, 1, 0], True)
@example(USED_LATE, [0, 1, 0], True)
@example(CARRIED_LATE, [0, 0, 1, 0, 1], False)
def test_processes_together_never_use_more_than_the_rate(
    steps: Any, who: Sequence[int], in_slices: bool
) -> None:
    store, clock, windows = MemoryStore(), VirtualClock(), Windows()
    processes = [Process(SharedBook(store, clock, 30.0)) for _ in range(3)]
    life = PERIOD // 10 if in_slices else 0
    for number, (passes, keys, cost, share, later) in enumerate(steps):
        clock.advance(passes / SECOND)
        process = processes[who[number]]
        for one in processes:
            for ends, held, used in [it for it in one.ending if it[0] <= number]:
                for charge in held.charges:
                    one.book.settle(charge, used)
                one.ending.remove((ends, held, used))
        held = Held(process.book)
        uses = [Use(key, cost, terms(PERIOD, life)) for key in sorted(keys)]
        if done(process.book.take(held, uses, (), line=False)) is None:
            used = int(cost * share)
            for key in keys:
                windows.add(key, int(clock.now().utc * SECOND), used)
            process.ending.append((number + later, held, used))

    assert windows.hold(PERIOD + 2_000)  # UTC in a float is a quarter of a microsecond coarse


@given(STEPS, st.integers(1, PERIOD))
def test_who_goes_away_leaves_the_clocks_as_they_were(steps: Any, visit: int) -> None:
    clock = VirtualClock()
    plain, visited = LocalBook(clock.monotonic), LocalBook(clock.monotonic)
    for passes, keys, cost, _, _ in steps:
        clock.advance(passes / SECOND)
        uses = [Use(key, cost, terms()) for key in sorted(keys)]
        visitor = Held(visited)
        visited.taken(visitor, [Use(key, visit, terms()) for key in KEYS], ())
        release(visitor)

        assert plain.taken(Held(plain), uses, ()) == visited.taken(Held(visited), uses, ())


@pytest.mark.parametrize("shared", [True, False])
def test_who_has_gone_stands_in_no_line(shared: bool) -> None:
    clock, seat = VirtualClock(), Seat("s", 1, "limit")
    local = LocalBook(clock.monotonic)
    book = SharedBook(MemoryStore(), clock, 30.0) if shared else local
    first, gone, last = Held(book), Held(book), Held(book)
    assert done(book.take(first, (), [seat], line=False)) is None
    if shared:
        release(gone)  # while a thread asks the store for him

    short = done(book.take(gone, (), [seat], line=True))
    if not shared:
        release(gone)
    release(first)

    assert short.seat == seat
    assert book.taken(last, (), [seat])
    release(last)
    if isinstance(book, SharedBook):
        book.close()


def test_an_exhausted_key_is_not_forgotten_for_others() -> None:
    clock = VirtualClock()
    book = LocalBook(clock.monotonic)
    assert book.taken(Held(book), [Use("u0", PERIOD, terms())], ())

    for number in range(10_000):
        assert book.taken(Held(book), [Use(f"u{number + 1}", SECOND, terms())], ())

    assert not book.taken(Held(book), [Use("u0", SECOND, terms())], ())


@pytest.mark.slow
def test_keys_that_are_over_are_forgotten() -> None:
    clock = VirtualClock()
    book = LocalBook(clock.monotonic)
    most = 0
    for number in range(1_000_000 if LONG else 20_000):
        clock.advance(0.01)
        assert book.taken(Held(book), [Use(f"u{number}", SECOND, terms())], ())
        most = max(most, book.keys)

    assert most < 300  # those of one second are 100


def test_credit_is_used_in_the_order_in_which_it_expires() -> None:
    credit = Credit()
    credit.add("a", 5, 100)
    credit.add("a", 5, 50)

    assert credit.amount("a", 0) == 10
    assert credit.spend("a", 7) == 50
    assert credit.amount("a", 60) == 3
    assert credit.amount("a", 100) == 0


@given(st.integers(1, 10**12), st.sampled_from(["ms", "s", "m", "h", "d"]), st.integers(1, 300))
def test_a_rate_reads_as_it_is_written(amount: int, unit: str, times: int) -> None:
    found = rate(f"{amount}/{times}{unit}")

    assert rate(str(found)) == found
    assert found.cost(amount) == found.period
    assert found.worth(found.period) == amount


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_cost_is_never_less_than_exact(amount: int, of: int, period: int) -> None:
    assert Rate(of, period).cost(amount) * of >= amount * period


@given(st.text())
@example("1e400s")
@example("9" * 5000)
@example("0001-01-01T00:00:00+23:59")
@example("9999-12-31T23:59:59-23:59")
@example("-5s")
@example("nan")
@example("inf")
@example("\u06f5s")
def test_no_header_breaks_or_stalls_anything(text: str) -> None:
    seconds = reset_seconds(text, 1_780_000_000.0)

    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                f"{prefix}-{sort}"
                for sort in SORTS
                for prefix in ("x-ratelimit-remaining", "x-ratelimit-reset")
            ]
        ),
        st.text() | st.sampled_from(["0", "1", "6m0s", "20ms"]),
    )
)
def test_no_headers_break_anything(headers: Mapping[str, str]) -> None:
    found = empty_in(headers, 0.0)

    assert found is None or found.seconds > 0


@pytest.mark.parametrize(
    ("headers", "sort", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}, 0, 1.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 1, 0.02),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2h5m"}, 1, 7500.0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "1970-01-01T00:01:00Z",
            },
            0,
            50.0,
        ),
        (
            {
                "llm_provider-anthropic-ratelimit-output-tokens-remaining": "0",
                "llm_provider-anthropic-ratelimit-output-tokens-reset": "1970-01-01T01:00:30+01:00",
            },
            3,
            20.0,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "5s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "7s",
            },
            1,
            7.0,
        ),
    ],
)
def test_what_is_used_up_is_read(headers: Mapping[str, str], sort: int, seconds: float) -> None:
    assert empty_in(headers, 10.0) == (SORTS[sort], seconds)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "1s"},
        {"x-ratelimit-remaining-requests": "0"},
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"},
        {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "1s"},
    ],
)
def test_what_says_nothing_is_not_learned(headers: Mapping[str, str]) -> None:
    assert empty_in(headers, 10.0) is None


@given(st.text(), st.text())
def test_values_that_differ_are_counted_apart(one: str, two: str) -> None:
    assert (keyed(one) == keyed(two)) == (one == two)
    assert len(keyed(one)) <= 200
