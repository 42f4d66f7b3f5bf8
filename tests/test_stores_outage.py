"""Stores whose server goes away: they say so in time, and go on when it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic
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
