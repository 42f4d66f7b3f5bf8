"""Every store keeps the same promises; one suite runs against each of them."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from conductor_mw import ConductorError, Move, Store, StoreError
from conductor_mw.stores.base import SWEEP_EVERY
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.stores.sqlite import SqliteStore


@pytest.fixture
def store(shared_store: Store) -> Store:
    return shared_store


@pytest.fixture
def restless(store_address: str) -> Iterator[None]:
    """Let threads take turns every few instructions, so that a missing lock shows.

    Where the lock is in a server, its answers let them take turns anyway.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6 if store_address.startswith(("memory", "sqlite")) else usual)
    yield
    sys.setswitchinterval(usual)


def test_a_value_comes_back_as_it_was_kept(store: Store) -> None:
    value = bytes(range(256))

    store.put("cache", "key", value, now=0)

    assert store.get("cache", "key", now=1e9) == value


def test_what_was_never_kept_is_none(store: Store) -> None:
    assert store.get("cache", "key", now=0) is None
    assert store.keys("cache", now=0) == ()


def test_a_later_value_replaces_the_earlier_and_its_expiry(store: Store) -> None:
    store.put("cache", "key", b"one", now=0, expires=10)

    store.put("cache", "key", b"two", now=5)

    assert store.get("cache", "key", now=1_000) == b"two"


def test_tables_do_not_see_each_other(store: Store) -> None:
    store.put("cache", "key", b"cached", now=0)

    store.put("budget", "key", b"spent", now=0)

    assert store.get("cache", "key", now=0) == b"cached"
    assert store.get("budget", "key", now=0) == b"spent"


@pytest.mark.parametrize(("now", "seen"), [(9.999, b"kept"), (10.0, None), (11.0, None)])
def test_a_value_is_gone_at_the_second_it_expires(
    store: Store, now: float, seen: bytes | None
) -> None:
    store.put("cache", "key", b"kept", now=0, expires=10)

    assert store.keys("cache", now=now) == (("key",) if seen else ())
    assert store.get("cache", "key", now=now) == seen


def test_a_caller_whose_clock_is_behind_sees_what_expires_later(store: Store) -> None:
    store.put("cache", "key", b"kept", now=0, expires=10)

    assert store.get("cache", "key", now=11) is None
    assert store.get("cache", "key", now=9) == b"kept"


def test_a_deleted_value_is_gone_and_deleting_twice_is_fine(store: Store) -> None:
    store.put("cache", "key", b"kept", now=0)

    store.delete("cache", "key")
    store.delete("cache", "key")

    assert store.get("cache", "key", now=0) is None


def test_keys_are_sorted_and_begin_with_the_prefix_taken_literally(store: Store) -> None:
    for key in ("tenant%/b", "tenant%/a", "tenantX/c", "Tenant%/d", "té/1"):
        store.put("cache", key, b"", now=0)

    assert store.keys("cache", now=0, prefix="tenant%/") == ("tenant%/a", "tenant%/b")
    assert store.keys("cache", now=0, prefix="té") == ("té/1",)
    assert len(store.keys("cache", now=0)) == 5


LONG_KEY = "".join(map(str, range(10_000)))
"""Longer than a page of an index, and not easily packed."""


@pytest.mark.parametrize(
    "key", ["", "x'; drop table state; --", "a\x00b", "ключ", "{t}:*", "half \ud800", LONG_KEY]
)
def test_a_key_is_data_whatever_it_holds(store: Store, key: str) -> None:
    store.put("cache", key, b"kept", now=0)
    store.put("cache", "a", b"another", now=0)

    assert store.get("cache", key, now=0) == b"kept"
    assert store.keys("cache", now=0) == tuple(sorted([key, "a"]))
    assert key in store.keys("cache", now=0, prefix=key[:3])
    assert store.advance("clocks", [Move(key, 5, 10)], now=0) == 0.0
    assert store.get("clocks", key, now=0) == b"5"
    store.delete("cache", key)
    assert store.keys("cache", now=0) == ("a",)


def test_a_swap_happens_only_if_nothing_changed_in_between(store: Store) -> None:
    store.put("lease", "key", b"mine", now=0)

    assert not store.swap("lease", "key", b"yours", b"stolen", now=0)
    assert store.get("lease", "key", now=0) == b"mine"
    assert store.swap("lease", "key", b"mine", b"renewed", now=0)
    assert store.get("lease", "key", now=0) == b"renewed"


def test_a_swap_from_nothing_needs_nothing_or_an_expired_value(store: Store) -> None:
    assert store.swap("lease", "key", None, b"first", now=0, expires=10)
    assert not store.swap("lease", "key", None, b"second", now=9)
    assert store.swap("lease", "key", None, b"third", now=10)
    assert store.get("lease", "key", now=10) == b"third"


def test_adding_begins_at_nought_and_again_where_the_sum_expired(store: Store) -> None:
    assert store.add("budget", "key", 5, now=0, expires=10) == 5
    assert store.add("budget", "key", -2, now=9, expires=10) == 3
    assert store.add("budget", "key", 7, now=10, expires=20) == 7


def test_a_sum_beyond_what_every_store_can_count_is_refused_and_changes_nothing(
    store: Store,
) -> None:
    assert store.add("budget", "key", 9 * 10**15, now=0) == 9 * 10**15

    with pytest.raises(ConductorError, match="beyond 9e15"):
        store.add("budget", "key", 1, now=0)

    assert store.get("budget", "key", now=0) == b"9000000000000000"


@pytest.mark.usefixtures("restless")
def test_eight_threads_lose_no_addition(store: Store) -> None:
    together = Barrier(8, timeout=20)

    def add() -> None:
        together.wait()
        for _ in range(100):
            store.add("budget", "key", 1, now=0)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(add) for _ in range(8)]:
            done.result()

    assert store.get("budget", "key", now=0) == b"800"


@pytest.mark.usefixtures("restless")
def test_of_eight_threads_that_swap_one_wins_each_round(store: Store) -> None:
    together = Barrier(8, timeout=20)

    def claim(thread: int) -> list[bool]:
        won: list[bool] = []
        for round_ in range(10):
            together.wait()
            won.append(store.swap("lease", str(round_), None, str(thread).encode(), now=0))
        return won

    with ThreadPoolExecutor(8) as pool:
        claims = [done.result() for done in [pool.submit(claim, n) for n in range(8)]]

    assert [sum(round_) for round_ in zip(*claims, strict=True)] == [1] * 10


_PROCESS = """
import sys
from conductor_mw.stores.sqlite import SqliteStore
store = SqliteStore.open("sqlite:" + sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(100):
    store.add("budget", "sum", 1, now=0)
won = sum(store.swap("lease", str(n), None, b"me", now=0) for n in range(100))
store.close()
print(won)
"""


def test_two_processes_lose_no_addition_and_share_no_lease(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    outputs = _released(processes)

    store = SqliteStore.open(f"sqlite:{path}")
    assert [process.returncode for process in processes] == [0, 0]
    assert store.get("budget", "sum", now=0) == b"200"
    assert sum(int(output) for output in outputs) == 100
    store.close()


def test_a_sqlite_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    store = SqliteStore.open(f"sqlite:{tmp_path / 'state.db'}")
    store.put("cache", "key", b"kept", now=0)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    store.close()


def test_a_sqlite_file_keeps_state_after_everybody_left(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'state.db'}"
    first = SqliteStore.open(address)
    first.put("cache", "key", b"kept", now=0)
    first.close()

    second = SqliteStore.open(address)

    assert second.get("cache", "key", now=0) == b"kept"
    second.close()


def test_two_memory_stores_share_nothing() -> None:
    first, second = MemoryStore.open("memory://"), MemoryStore.open("memory://")

    first.put("cache", "key", b"kept", now=0)

    assert second.get("cache", "key", now=0) is None


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "state.db"

    with pytest.raises(ConductorError) as refused:
        SqliteStore.open(f"sqlite:{path}")

    assert str(refused.value) == (
        f"{path}: cannot keep state there: [Errno 2] No such file or directory: '{path}'\n"
        "  Name a file that can be written."
    )


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("This is a shopping list, and long enough to be taken for a header. " * 20)

    with pytest.raises(ConductorError) as refused:
        SqliteStore.open(f"sqlite:{path}")

    assert str(refused.value) == (
        f"{path}: cannot keep state there: file is not a database\n"
        "  Name a file that can be written."
    )


def test_a_file_that_another_process_holds_costs_the_time_that_was_agreed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore.open(f"sqlite:{path}?timeout=0.05")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")

        with pytest.raises(StoreError) as raised:
            store.take("lease", "key", 1, 10, now=0)
        other.execute("rollback")

    assert str(raised.value) == (
        f"{path}: cannot read or write state: database is locked\n"
        "  Look whether another process holds the file or the disk is full."
    )
    assert store.take("lease", "key", 1, 10, now=0) == 1
    store.close()


def test_what_a_full_disk_does_not_take_is_not_half_there(tmp_path: Path) -> None:
    store: Any = SqliteStore.open(f"sqlite:{tmp_path / 'state.db'}")
    store.put("cache", "key", b"small", now=0)
    store._connected.execute("pragma max_page_count = 8")

    with pytest.raises(StoreError, match="disk is full"):
        store.put("cache", "key", bytes(100_000), now=0)

    assert store.get("cache", "key", now=0) == b"small"
    store.put("cache", "key", b"other", now=0)
    assert store.get("cache", "key", now=0) == b"other"
    store.close()


@pytest.mark.parametrize("query", ["timeout=", "timeout=soon", "timeout=0", "tiemout=1", "x"])
def test_an_option_that_no_file_has_is_refused(tmp_path: Path, query: str) -> None:
    path = tmp_path / "state.db"

    with pytest.raises(ConductorError) as refused:
        SqliteStore.open(f"sqlite:{path}?{query}")

    assert str(refused.value) == (
        f"{path}: {query!r} is no option of a file\n"
        "  The one there is: ?timeout=2, in seconds, at most 60."
    )
    assert not path.exists()


def _released(processes: list[subprocess.Popen[str]]) -> list[str]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0] for process in processes]


@pytest.mark.parametrize("store_address", ["memory", "sqlite", "postgres"], indirect=True)
def test_what_has_expired_is_forgotten_for_good(store: Store) -> None:
    for number in range(SWEEP_EVERY):
        store.put("state", f"old {number}", b"x", now=0.0, expires=1.0)

    for number in range(SWEEP_EVERY):
        store.put("state", f"new {number}", b"x", now=100.0)

    # A clock that is set back finds nothing of it any more.
    assert len(store.keys("state", now=0.0)) == SWEEP_EVERY
