"""Counting in shared stores: what is taken, and clocks that move together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from threading import Barrier

import pytest

from conductor_mw import ConductorError, Move, Store
from tests.services import opened

SECOND = 10**9
TODAY = 1_795_000_000.25
"""A moment whose nanoseconds are beyond what a double counts by ones."""


@pytest.fixture
def store(shared_store: Store) -> Store:
    return shared_store


def test_taking_gives_what_fits_and_then_nothing(store: Store) -> None:
    assert store.take("lease", "key", 7, 10, now=0) == 7
    assert store.take("lease", "key", 7, 10, now=0) == 3
    assert store.take("lease", "key", 7, 10, now=0) == 0
    assert store.get("lease", "key", now=0) == b"10"


def test_taking_nothing_writes_nothing(store: Store) -> None:
    assert store.take("lease", "key", 5, 0, now=0) == 0
    assert store.take("lease", "key", -5, 10, now=0) == 0

    assert store.keys("lease", now=0) == ()


def test_what_was_taken_is_given_back_by_adding(store: Store) -> None:
    store.take("lease", "key", 10, 10, now=0)

    store.add("lease", "key", -4, now=0)

    assert store.take("lease", "key", 9, 10, now=0) == 4


def test_a_cap_that_was_lowered_takes_nothing_back(store: Store) -> None:
    store.take("lease", "key", 10, 10, now=0)

    assert store.take("lease", "key", 1, 5, now=0) == 0
    assert store.get("lease", "key", now=0) == b"10"


def test_taking_begins_again_where_the_number_expired(store: Store) -> None:
    store.take("probes", "key", 3, 3, now=0, expires=10)

    assert store.take("probes", "key", 3, 3, now=9.5, expires=10) == 0
    assert store.take("probes", "key", 3, 3, now=10, expires=20) == 3


def test_nano_dollars_are_counted_to_the_last_one(store: Store) -> None:
    most = 9 * 10**15

    assert store.take("lease", "key", most - 1, most, now=0) == most - 1
    assert store.take("lease", "key", most, most, now=0) == 1
    assert store.get("lease", "key", now=0) == b"9000000000000000"


TOO_MUCH: list[Callable[[Store], object]] = [
    lambda store: store.add("t", "key", 9 * 10**15 + 1, now=0),
    lambda store: store.add("t", "key", -(2**70), now=0),
    lambda store: store.take("t", "key", 9 * 10**15 + 1, 5, now=0),
    lambda store: store.take("t", "key", 1, 9 * 10**15 + 1, now=0),
    lambda store: store.advance("t", [Move("key", 10**18 + 1, 10**18)], now=0),
    lambda store: store.advance("t", [Move("key", 1, 10**18 + 1)], now=0),
    lambda store: store.advance("t", [Move("key", 1, -1)], now=0),
]


@pytest.mark.parametrize("count", TOO_MUCH)
def test_what_no_store_can_count_every_store_refuses(
    store: Store, count: Callable[[Store], object]
) -> None:
    with pytest.raises(ConductorError, match="beyond"):
        count(store)

    assert store.keys("t", now=0) == ()


def test_what_is_no_number_is_not_counted(store: Store) -> None:
    store.put("t", "key", b"\xff text", now=0)

    for count in (
        lambda: store.add("t", "key", 1, now=0),
        lambda: store.take("t", "key", 1, 5, now=0),
        lambda: store.advance("t", [Move("key", 1, 5)], now=0),
    ):
        with pytest.raises(ConductorError, match="holds no whole number"):
            count()
    assert store.get("t", "key", now=0) == b"\xff text"


def test_a_clock_lets_a_burst_through_and_then_the_rate(store: Store) -> None:
    ten_a_second = [Move("rpm", SECOND // 10, SECOND // 2)]

    through = [store.advance("limits", ten_a_second, now=TODAY) for _ in range(6)]

    assert through == [0.0, 0.0, 0.0, 0.0, 0.0, 0.1]
    assert store.advance("limits", ten_a_second, now=TODAY + 0.0999) > 0
    assert store.advance("limits", ten_a_second, now=TODAY + 0.1001) == 0.0


def test_several_clocks_move_together_or_not_at_all(store: Store) -> None:
    roomy, tight = Move("tokens", 5, 100 * SECOND), Move("requests", SECOND, SECOND)
    assert store.advance("limits", [roomy, tight], now=TODAY) == 0.0
    before = store.get("limits", "tokens", now=TODAY)

    assert store.advance("limits", [roomy, tight], now=TODAY) == 1.0

    assert store.get("limits", "tokens", now=TODAY) == before


def test_the_wait_is_that_of_the_slowest_clock(store: Store) -> None:
    store.advance("limits", [Move("a", 3 * SECOND, 9 * SECOND)], now=0)
    store.advance("limits", [Move("b", 5 * SECOND, 9 * SECOND)], now=0)

    moves = [Move("a", SECOND, SECOND), Move("b", SECOND, SECOND), Move("c", 1, 1)]

    assert store.advance("limits", moves, now=0) == 5.0
    assert store.advance("limits", moves, now=5) == 0.0


def test_a_key_that_is_named_twice_is_moved_twice(store: Store) -> None:
    twice = [Move("a", 0, 10), Move("b", 2, 10), Move("a", 3, 10), Move("a", 4, 10)]

    assert store.advance("limits", twice, now=0) == 0.0
    assert store.advance("limits", twice, now=0) == 1e-6

    assert store.get("limits", "a", now=0) == b"7"
    assert store.get("limits", "b", now=0) == b"2"


def test_a_cost_above_its_burst_never_fits(store: Store) -> None:
    assert store.advance("limits", [Move("a", 11, 10), Move("b", 1, 10)], now=0) == inf


def test_settling_moves_back_but_not_behind_now(store: Store) -> None:
    store.advance("limits", [Move("tpm", 8 * SECOND, 10 * SECOND)], now=TODAY)

    assert store.advance("limits", [Move("tpm", -6 * SECOND, 10 * SECOND)], now=TODAY) == 0.0
    assert store.advance("limits", [Move("tpm", 8 * SECOND, 10 * SECOND)], now=TODAY) == 0.0
    assert store.advance("limits", [Move("tpm", -99 * SECOND, 0)], now=TODAY) == 0.0
    assert store.advance("limits", [Move("tpm", 10 * SECOND, 10 * SECOND)], now=TODAY) == 0.0
    assert store.advance("limits", [Move("tpm", 1, 10 * SECOND)], now=TODAY) == 1e-6


def test_a_cost_of_nothing_only_looks(store: Store) -> None:
    assert store.advance("limits", [Move("tpm", 0, 0)], now=TODAY) == 0.0
    assert store.keys("limits", now=0) == ()
    store.advance("limits", [Move("tpm", 8 * SECOND, 10 * SECOND)], now=TODAY)

    assert store.advance("limits", [Move("tpm", 0, 5 * SECOND)], now=TODAY) == 3.0
    assert store.advance("limits", [], now=TODAY) == 0.0


def test_a_clock_that_is_behind_is_forgotten(store: Store) -> None:
    store.advance("limits", [Move("tpm", 1, 1)], now=TODAY)

    assert store.keys("limits", now=TODAY) == ("tpm",)
    assert store.keys("limits", now=TODAY + 1) == ()


def test_sixteen_threads_let_no_more_through_than_the_burst(store: Store) -> None:
    together = Barrier(16, timeout=60)
    # Half of them name the keys the other way round: nobody may wait for each other.
    moves = [Move("a", SECOND, 100 * SECOND), Move("b", SECOND, 100 * SECOND), Move("c", 1, SECOND)]

    def hammer(thread: int) -> int:
        together.wait()
        mine = moves if thread % 2 else moves[::-1]
        return sum(store.advance("limits", mine, now=TODAY) == 0.0 for _ in range(10))

    with ThreadPoolExecutor(16) as pool:
        through = sum(done.result() for done in [pool.submit(hammer, n) for n in range(16)])

    at = round(TODAY * SECOND)
    assert through == 100
    assert store.get("limits", "a", now=TODAY) == b"%d" % (at + 100 * SECOND)
    assert store.get("limits", "b", now=TODAY) == b"%d" % (at + 100 * SECOND)
    assert store.get("limits", "c", now=TODAY) == b"%d" % (at + 100)


_TAKER = """
import importlib, random, sys
address, plugin, seed = sys.argv[1:]
stores = {}
importlib.import_module(plugin).conductor_stores(register=stores.__setitem__)
store = stores[address.partition(":")[0]](address)
dice = random.Random(int(seed))
print("ready", flush=True)
sys.stdin.readline()
taken = refused = 0
while refused < 5:
    got = store.take("lease", "key", dice.randint(1, 9), 1000, now=0)
    taken += got
    refused += got == 0
store.close()
print(taken)
"""


@pytest.mark.parametrize(
    ("store_address", "plugin"),
    [
        ("sqlite", "conductor_mw.stores"),
        ("redis", "conductor_mw_redis"),
        ("postgres", "conductor_mw_postgres"),
    ],
    indirect=["store_address"],
)
def test_six_processes_take_exactly_what_there_is(store_address: str, plugin: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKER, store_address, plugin, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    taken = [int(process.communicate(timeout=100)[0]) for process in processes]

    assert sum(taken) == 1000
    store = opened(store_address)
    assert store.get("lease", "key", now=0) == b"1000"
    store.close()
