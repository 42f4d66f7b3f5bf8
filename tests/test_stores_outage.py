"""Stores whose server goes away: they say so in time, and go on when it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from time import monotonic, sleep
from urllib.parse import urlsplit

import pytest

from conductor_mw import Move, Store, StoreError
from tests.outage import Outage
from tests.services import opened

pytestmark = pytest.mark.parametrize(
    "store_address", ["redis", "postgres"], indirect=True, ids=["redis", "postgres"]
)

CALLS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get("t", "k", now=0),
    "put": lambda store: store.put("t", "k", b"v", now=0),
    "swap": lambda store: store.swap("t", "k", None, b"v", now=0),
    "add": lambda store: store.add("t", "k", 1, now=0),
    "take": lambda store: store.take("t", "k", 1, 10, now=0),
    "advance": lambda store: store.advance("t", [Move("k", 1, 10)], now=0),
    "delete": lambda store: store.delete("t", "k"),
    "keys": lambda store: store.keys("t", now=0),
}


@pytest.fixture
def outage(store_address: str) -> Iterator[Outage]:
    with Outage(store_address) as wire:
        yield wire


@pytest.fixture
def store(outage: Outage) -> Iterator[Store]:
    with closing(opened(outage.address)) as it:
        yield it


@pytest.mark.parametrize("call", CALLS)
def test_every_method_says_that_the_server_is_gone_and_works_when_it_is_back(
    store: Store, outage: Outage, call: str
) -> None:
    CALLS[call](store)

    outage.cut()
    with pytest.raises(StoreError) as raised:
        CALLS[call](store)
    outage.restore()

    assert f"127.0.0.1:{urlsplit(outage.address).port}/" in raised.value.where
    assert raised.value.__cause__ is not None
    CALLS[call](store)


def test_a_server_that_is_gone_at_the_start_is_no_obstacle_later(
    store: Store, outage: Outage
) -> None:
    outage.cut()
    with pytest.raises(StoreError):
        store.get("t", "k", now=0)

    outage.restore()

    assert store.get("t", "k", now=0) is None


def test_a_restart_between_two_calls_is_not_noticed(store: Store, outage: Outage) -> None:
    store.put("t", "k", b"kept", now=0)

    outage.cut()
    outage.restore()

    assert store.get("t", "k", now=0) == b"kept"


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not connected"])
def test_a_server_that_hangs_costs_the_time_that_was_agreed(
    outage: Outage, connected: bool
) -> None:
    with closing(opened(f"{outage.address}&timeout=0.2")) as store:
        if connected:
            store.put("t", "k", b"kept", now=0)
        outage.hang()

        begun = monotonic()
        with pytest.raises(StoreError):
            store.get("t", "k", now=0)
        waited = monotonic() - begun

        outage.restore()
        store.put("t", "k", b"kept", now=0)
    assert waited < 1.9  # psycopg's own time-out is 2 s for connecting, and none for an answer


@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"keys"}))
def test_a_call_costs_one_trip(store: Store, outage: Outage, call: str) -> None:
    CALLS[call](store)  # connects, and makes known what is asked often

    outage.trips = 0
    CALLS[call](store)

    assert outage.trips == 1


def test_what_is_taken_while_the_wire_is_cut_again_and_again_is_counted_in_the_store(
    store: Store, outage: Outage
) -> None:
    over = Event()
    taken, errors = [0] * 6, [0] * 6

    def take(thread: int) -> None:
        while not over.is_set():
            try:
                taken[thread] += store.take("lease", "key", 3, 10**6, now=0)
            except StoreError:
                errors[thread] += 1

    with ThreadPoolExecutor(6) as pool:
        threads = [pool.submit(take, n) for n in range(6)]
        try:
            for _ in range(5):
                _grows(taken)
                outage.cut()
                _grows(errors)
                outage.restore()
            _grows(taken)
        finally:
            over.set()
        for thread in threads:
            thread.result(timeout=60)

    kept = int(store.get("lease", "key", now=0) or b"0")
    # What was taken without its taker hearing of it is lost to all; nothing is had twice.
    assert sum(taken) <= kept <= sum(taken) + 3 * sum(errors)


def _grows(counts: list[int]) -> None:
    before, until = sum(counts), monotonic() + 60
    while sum(counts) <= before:
        assert monotonic() < until
        sleep(0.01)
