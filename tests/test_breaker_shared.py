"""Several processes share what they know of an agent, and none of them waits for the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conductor_mw import Conductor, Failure, Plugins, Store, StoreError, hookimpl
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask

from .breaker_kit import (
    Held,
    Takes,
    Told,
    alone,
    breaker_of,
    conductor,
    crowd_of_tasks,
    crowd_of_threads,
    with_breaker,
)
from .outage import Outage

OPEN_FOR = 30.0
SHARED = ("sqlite", "redis", "postgres")


@pytest.fixture(params=SHARED)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'state.db'}"
    found: str = request.getfixturevalue(f"{request.param}_address")
    return found


def policy(address: str, *, fallback: bool = False) -> str:
    target = "{fallback: [big, small]}" if fallback else "big"
    return (
        f"store: {address}\nagents: [{{id: big}}, {{id: small}}]\nrouting: {{default: {target}}}\n"
    )


class Pair:
    """Two conductors, as in two processes, with one clock and one store."""

    def __init__(self, address: str, big: Any, breaker: str = "{}", **options: Any) -> None:
        self.clock = VirtualClock()
        self.told = (Told(), Told())
        self.both = [
            conductor(
                policy(address, **options), breaker, clock=self.clock, told=told, big=big,
                small=Scripted("small"),
            )
            for told in self.told
        ]  # fmt: skip

    def refresh(self) -> None:
        for one in self.both:
            breaker_of(one).refresh()

    def open(self) -> None:
        """Let the first one find out that the agent is dead."""
        fails(self.both[0], 10)
        self.refresh()
        self.refresh()

    def states(self) -> list[bool]:
        return [breaker_of(one).state("big").open for one in self.both]

    def close(self) -> None:
        for one in self.both:
            one.close()


def fails(c: Conductor, times: int, way: Way = "call") -> list[str]:
    kinds: list[str] = []
    for _ in range(times):
        try:
            ask(c, "hello", way=way)
        except Failure as failure:
            kinds.append(failure.kind)
        except ConnectionError:
            kinds.append("connection")
    return kinds


@pytest.mark.parametrize("way", WAYS)
def test_what_one_found_out_the_other_need_not(address: str, way: Way) -> None:
    big = Scripted(ConnectionError("reset"))
    pair = Pair(address, big)
    pair.open()

    kinds = fails(pair.both[1], 20, way)

    assert kinds == ["circuit_open"] * 20
    assert len(big.asked) == 10
    pair.close()


@pytest.mark.parametrize("crowd", [crowd_of_threads, crowd_of_tasks])
def test_over_two_conductors_exactly_the_probes_go_through(address: str, crowd: Any) -> None:
    big = Held(error=ConnectionError("reset"))
    big.latch.open()
    pair = Pair(address, big)
    pair.open()
    pair.clock.advance(OPEN_FOR)
    big.latch, big.error, big.asked = type(big.latch)(), None, 0

    def let_go(ends: list[str]) -> None:
        if ends.count("circuit_open") == 47:
            big.latch.open()

    ends = crowd(pair.both, 50, let_go)

    assert big.asked == 3
    assert sorted(ends) == ["answered"] * 3 + ["circuit_open"] * 47
    pair.refresh()
    assert pair.states() == [False, False]
    assert sum(("closed" in told.names) for told in pair.told) == 1  # told once, by whoever did it
    pair.close()


def test_a_failed_probe_of_one_keeps_the_other_away_for_longer(address: str) -> None:
    pair = Pair(address, big := Scripted(ConnectionError("reset")))
    pair.open()
    pair.clock.advance(OPEN_FOR)

    fails(pair.both[0], 1)
    pair.refresh()

    assert pair.states() == [True, True]
    assert fails(pair.both[1], 5) == ["circuit_open"] * 5
    pair.clock.advance(2 * OPEN_FOR)
    assert pair.states() == [False, False]
    assert len(big.asked) == 11
    pair.close()


@pytest.mark.parametrize("way", WAYS)
def test_both_are_back_within_one_open_period(address: str, way: Way) -> None:
    errors: Takes = [[ConnectionError("reset")]] * 9
    big = Scripted(ConnectionError("reset"), takes=[*errors, ["big"]])
    pair = Pair(address, big, fallback=True)
    pair.open()
    pair.clock.advance(OPEN_FOR)

    texts = [ask(one, "hello", way=way).text for _ in range(5) for one in pair.both]
    pair.refresh()

    assert texts == ["big"] * 10
    assert pair.states() == [False, False]
    pair.close()


class Counting(MemoryStore):
    """A store that many conductors reach by one address, that counts, and that can go away."""

    def __init__(self) -> None:
        super().__init__()
        self.trips = 0
        self.away = False

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        self._trip()
        return super().get(table, key, now=now)

    def swap(self, *args: Any, **options: Any) -> bool:
        self._trip()
        return super().swap(*args, **options)

    def close(self) -> None:
        """Stay: the other conductor uses it still."""

    def _trip(self) -> None:
        self.trips += 1
        if self.away:
            raise StoreError("the store is away")


class Racing(Counting):
    """A store whose answers are old already when they arrive."""

    meanwhile: Callable[[], object] | None = None

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        found = super().get(table, key, now=now)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return found


class Somewhere:
    """Offers one store under an address of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @hookimpl
    def conductor_stores(self, register: Any) -> None:
        register("somewhere", self._open)

    def _open(self, address: str) -> Store:
        del address
        return self._store


def sharing(store: Store, breaker: str, big: object, clock: VirtualClock, **more: Any) -> Conductor:
    plugins: Plugins = with_breaker()
    plugins.add(Somewhere(store), "somewhere")
    text = policy("somewhere://", fallback=more.pop("fallback", False))
    c = conductor(text, breaker, clock=clock, big=big, plugins=plugins, **more)
    alone(c)
    return c


def test_no_call_asks_the_store_but_probes() -> None:
    store, clock = Counting(), VirtualClock()
    well: Takes = [["ok"]] * 99
    errors: Takes = [[ConnectionError("reset")]] * 109
    big = Scripted("ok", takes=[*well, *errors, ["ok"]])
    c = sharing(store, "{min_calls: 20, window: 1h}", big, clock)
    before = store.trips

    fails(c, 500)

    assert breaker_of(c).state("big").open
    assert store.trips == before
    breaker_of(c).refresh()
    clock.advance(OPEN_FOR)
    before = store.trips
    fails(c, 1)
    assert 0 < store.trips - before <= 4  # a permit and a result, each a look and a swap


def test_a_page_that_is_old_when_it_arrives_brings_nothing_back() -> None:
    store, clock = Racing(), VirtualClock()
    c = sharing(store, "{}", Scripted("big"), clock)
    layer = breaker_of(c)
    layer.drain("big", by="ana")
    layer.resume("big", by="ana")
    store.meanwhile = partial(layer.drain, "big", by="ben")

    layer.refresh()

    assert layer.state("big").open is True


def test_a_process_that_was_slower_changes_what_the_quicker_one_left() -> None:
    store, clock = Racing(), VirtualClock()
    one = sharing(store, "{}", Scripted("big"), clock)
    other = sharing(store, "{}", Scripted("big"), clock)
    store.meanwhile = partial(breaker_of(other).drain, "small", by="ben")

    breaker_of(one).drain("big", by="ana")
    breaker_of(other).refresh()

    assert [breaker_of(other).state(name).open for name in ("big", "small")] == [True, True]


def test_what_the_store_does_not_know_yet_is_not_forgotten_over_what_it_says() -> None:
    store, clock = Counting(), VirtualClock()
    c = sharing(store, "{}", Scripted(ConnectionError("reset")), clock)
    fails(c, 10)

    breaker_of(c).drain("small", by="ana")  # the store answers, and knows nothing of the other

    assert breaker_of(c).state("big").open is True


def test_a_store_that_was_emptied_is_filled_anew() -> None:
    store, clock = Counting(), VirtualClock()
    one = sharing(store, "{}", Scripted("big"), clock)
    other = sharing(store, "{}", Scripted("big"), clock)
    for _ in range(5):
        breaker_of(one).drain("big", by="ana")
        breaker_of(one).resume("big", by="ana")
    breaker_of(other).refresh()
    store.delete("breaker", "agents")

    breaker_of(one).drain("big", by="ben")
    breaker_of(other).refresh()

    assert breaker_of(other).state("big").open is True


def test_while_the_store_is_away_a_process_decides_alone(caplog: pytest.LogCaptureFixture) -> None:
    store, clock = Counting(), VirtualClock()
    big = Scripted(ConnectionError("reset"))
    one = sharing(store, "{}", big, clock)
    other = sharing(store, "{}", big, clock)
    store.away = True
    breaker_of(one).refresh()

    assert fails(one, 30) == ["connection"] * 10 + ["circuit_open"] * 20
    clock.advance(OPEN_FOR)
    assert fails(one, 30) == ["connection"] + ["circuit_open"] * 29
    assert [record.message for record in caplog.records] == [
        "breaker: the store is away, this process decides alone: the store is away"
    ]

    store.away = False
    breaker_of(one).refresh()
    breaker_of(other).refresh()
    assert breaker_of(other).state("big").open  # what was found out alone is known to all now
    assert fails(other, 5) == ["circuit_open"] * 5


@pytest.mark.parametrize("way", WAYS)
def test_a_store_that_goes_away_in_the_middle_of_a_probe_stops_nobody(way: Way) -> None:
    store, clock = Counting(), VirtualClock()
    errors: Takes = [[ConnectionError("reset")]] * 9
    big = Scripted(ConnectionError("reset"), takes=[*errors, ["big"]])
    c = sharing(store, "{}", big, clock)
    fails(c, 10)
    breaker_of(c).refresh()
    store.away = True
    clock.advance(OPEN_FOR)

    assert fails(c, 5, way) == []
    assert breaker_of(c).state("big").open is False
    store.away = False
    breaker_of(c).refresh()
    assert breaker_of(c).state("big").open is False


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_may_keep_an_open_circuit_open_while_the_store_is_away(way: Way) -> None:
    store, clock = Counting(), VirtualClock()
    c = sharing(store, "{store_down: refuse}", big := Scripted(ConnectionError("reset")), clock)
    fails(c, 10)
    breaker_of(c).refresh()
    store.away = True
    clock.advance(OPEN_FOR)

    kinds = fails(c, 5, way)

    assert kinds == ["circuit_open"] * 5
    assert len(big.asked) == 10
    store.away = False
    breaker_of(c).refresh()
    assert fails(c, 1, way) == ["connection"]


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_may_let_calls_through_while_the_store_is_away(way: Way) -> None:
    store, clock = Counting(), VirtualClock()
    c = sharing(store, "{store_down: allow}", Scripted(ConnectionError("reset")), clock)
    fails(c, 10)
    breaker_of(c).refresh()
    store.away = True
    breaker_of(c).refresh()

    assert fails(c, 15, way) == ["connection"] * 15
    assert breaker_of(c).state("big").open is False
    store.away = False
    breaker_of(c).refresh()
    assert fails(c, 1, way) == ["circuit_open"]


@pytest.mark.parametrize("gone", ["cut", "hang"])
def test_calls_go_on_while_redis_is_gone_and_the_others_learn_of_it_later(
    gone: str, redis_address: str
) -> None:
    clock, big = VirtualClock(), Scripted(ConnectionError("reset"))
    with Outage(f"{redis_address}&timeout=0.2") as outage:
        text = policy(outage.address, fallback=True)
        one = conductor(text, clock=clock, big=big, small=Scripted("small"))
        other = conductor(policy(redis_address), clock=clock, big=big, small=Scripted())
        alone(one, other)
        for each in (one, other):
            breaker_of(each).refresh()
        getattr(outage, gone)()

        for _ in range(4):  # open periods
            for _ in range(50):
                assert one.call("hello").text == "small"
            breaker_of(one).refresh()
            clock.advance(600.0)

        assert 10 + 3 <= len(big.asked) <= 10 + 3 * 3
        assert breaker_of(other).state("big").open is False
        outage.restore()
        breaker_of(one).resume("big", by="ana")  # nobody is harmed by what comes first
        fails(one, 12)
        breaker_of(one).refresh()
        breaker_of(other).refresh()
        assert breaker_of(other).state("big").open is True
        one.close()
        other.close()
