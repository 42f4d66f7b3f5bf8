"""Every store does what a plain model says, whatever is asked of it in a row."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_mw import ConductorError, Move, Store, StoreError

SECOND = 10**9
TODAY = 1_795_000_000.25
"""A moment whose nanoseconds are beyond what a double counts by ones."""


@pytest.fixture
def store(shared_store: Store) -> Store:
    return shared_store


class Plain:
    """What a store promises, as plainly as it can be said; only `now` may not go back."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[bytes, float | None]] = {}

    def get(self, key: str, now: float) -> bytes | None:
        value, expires = self.rows.get(key, (None, None))
        return value if expires is None or now < expires else None

    def put(self, key: str, value: bytes, now: float, expires: float | None) -> None:
        del now
        self.rows[key] = value, expires

    def swap(
        self, key: str, before: bytes | None, after: bytes, now: float, expires: float | None
    ) -> bool:
        same = self.get(key, now) == before
        if same:
            self.rows[key] = after, expires
        return same

    def add(self, key: str, amount: int, now: float, expires: float | None) -> int | str:
        held = self.number(key, now)
        if held is None or abs(held + amount) > 9 * 10**15:
            return "refused"
        self.rows[key] = str(held + amount).encode(), expires
        return held + amount

    def take(
        self, key: str, amount: int, most: int, now: float, expires: float | None
    ) -> int | str:
        held = self.number(key, now)
        if held is None:
            return "refused"
        taken = 0
        # By halves, so that this is not the sum that the stores do.
        for part in (2**n for n in range(54, -1, -1)):
            if taken + part <= amount and held + taken + part <= most:
                taken += part
        if taken:
            self.rows[key] = str(held + taken).encode(), expires
        return taken

    def delete(self, key: str) -> None:
        self.rows.pop(key, None)

    def keys(self, prefix: str, now: float) -> tuple[str, ...]:
        return tuple(
            sorted(
                key
                for key in self.rows
                if key.startswith(prefix) and self.get(key, now) is not None
            )
        )

    def advance(self, moves: Sequence[Move], now: float) -> float | str:
        at = round(now * 1e9)
        ahead = {move.key: self.number(move.key, now) for move in moves}
        moved: set[str] = set()
        waits = [0]
        for key, cost, burst in moves:
            held = ahead[key]
            if held is None:
                return "refused"
            ahead[key] = max(held, at) + cost
            if cost < 0:
                ahead[key] = max(at, max(held, at) + cost)
            else:
                waits.append(max(held, at) + cost - burst - at)
            moved |= {key} if cost else set()
        if max(waits):
            never = any(cost > burst for _, cost, burst in moves)
            return inf if never else (max(waits) + 999) // 1000 / 1e6
        for key in moved:
            clock = ahead[key] or 0
            self.rows[key] = str(clock).encode(), clock // SECOND + 1.0
        return 0.0

    def number(self, key: str, now: float) -> int | None:
        held = self.get(key, now) or b"0"
        return int(held) if held.removeprefix(b"-").isdigit() else None


KEYS = st.sampled_from(["a", "b", "b*", "ключ"])
LARGE = 9 * 10**15
AMOUNTS = (
    st.integers(-20, 20)
    | st.integers(-LARGE, LARGE)
    | st.sampled_from([LARGE, LARGE - 1, -LARGE, 1 - LARGE])
)
VALUES = st.sampled_from([b"", b"5", b"-3", b"text", b";", b"\x00\xff"])
SPANS = st.sampled_from([None, 0.0, 0.5, 1.0, 3.25, 1e6])
COSTS = (
    st.integers(-5, 5)
    | st.integers(-3 * SECOND, 3 * SECOND)
    | st.integers(-(10**18), 10**18)
    | st.sampled_from([10**18, -(10**18), SECOND, SECOND - 1, -SECOND - 1])
)
BURSTS = st.integers(0, 5) | st.integers(0, 9 * SECOND) | st.integers(0, 10**18)
FITTING = st.builds(Move, KEYS, st.integers(-5, 5), st.integers(5, 50))
MOVE = FITTING | st.builds(Move, KEYS, COSTS, BURSTS)
MOVES = st.lists(FITTING, min_size=1, max_size=4) | st.lists(MOVE, min_size=1, max_size=4)
STEP = st.one_of(
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("put"), KEYS, VALUES),
    st.tuples(st.just("swap"), KEYS, st.none() | VALUES, VALUES),
    st.tuples(st.just("add"), KEYS, AMOUNTS),
    st.tuples(st.just("take"), KEYS, AMOUNTS, AMOUNTS),
    st.tuples(st.just("advance"), MOVES),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("keys"), st.sampled_from(["", "b", "b*"])),
)
PASSED = st.sampled_from([0.0, 0.0, 0.001, 0.3, 1.0, 2.5])
STEPS = st.lists(st.tuples(PASSED, SPANS, STEP), max_size=25)


@pytest.mark.parametrize("begin", [0.0, TODAY])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_every_store_does_what_was_promised(
    store: Store, begin: float, steps: list[tuple[float, float | None, tuple[Any, ...]]]
) -> None:
    table, now, plain = token_hex(6), begin, Plain()

    for passed, span, step in steps:
        now += passed
        expires = None if span is None else now + span
        assert _done(store, table, step, now, expires) == _promised(plain, step, now, expires), step

    assert store.keys(table, now=now) == plain.keys("", now)
    for key in plain.rows:
        assert store.get(table, key, now=now) == plain.get(key, now)


def _done(
    store: Store, table: str, step: tuple[Any, ...], now: float, expires: float | None
) -> object:
    name, *arguments = step
    try:
        if name == "keys":
            return store.keys(table, now=now, prefix=arguments[0])
        if name == "delete":
            return getattr(store, name)(table, *arguments)
        if name in {"get", "advance"}:
            return getattr(store, name)(table, *arguments, now=now)
        return getattr(store, name)(table, *arguments, now=now, expires=expires)
    except StoreError:
        raise
    except ConductorError:
        return "refused"


def _promised(plain: Plain, step: tuple[Any, ...], now: float, expires: float | None) -> object:
    name, *arguments = step
    if name == "delete":
        return getattr(plain, name)(*arguments)
    if name in {"get", "advance", "keys"}:
        return getattr(plain, name)(*arguments, now)
    return getattr(plain, name)(*arguments, now, expires)
