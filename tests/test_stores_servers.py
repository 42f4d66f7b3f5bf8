"""What is particular to Redis and to PostgreSQL: addresses, first starts, forks, their ways."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest
import redis
from psycopg import errors
from redis.crc import key_slot

from conductor_mw import ConductorError, Move, StoreError
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text
from tests.services import PATIENT, POSTGRES, REDIS, opened

SECRET = "s3cret"
NAMES = ("redis", "postgres")
servers = pytest.mark.parametrize(
    "store_address", ["redis", "postgres"], indirect=True, ids=["redis", "postgres"]
)


@pytest.fixture
def at_redis() -> Any:
    # Typed as Any: redis-py leaves the types of its options open.
    client: Any = redis.Redis
    with closing(client.from_url(REDIS)) as connected:
        yield connected


REFUSED = {
    "redis://h/0?tiemout=1": (
        "redis://h:6379/0: no option 'tiemout' of Redis\n  did you mean 'timeout'?"
    ),
    "redis://h/state": (
        "redis://h:6379/state: the path is no database number\n"
        "  redis://user:password@host:6379/0?timeout=0.5"
    ),
    f"rediss://me:{SECRET}@h:port/0": (
        "this is no address of Redis\n  redis://user:password@host:6379/0?timeout=0.5"
    ),
    f"redis://me:{SECRET}@h/0?timeout=soon": (
        "redis://h:6379/0: no number: could not convert string to float: 'soon'\n"
        "  redis://user:password@host:6379/0?timeout=0.5"
    ),
    f"redis://me:{SECRET}@h/0?timeout=0": (
        "redis://h:6379/0: timeout is above 0 and at most 60, connections 1 to 1000\n"
        "  redis://user:password@host:6379/0?timeout=0.5"
    ),
    f"postgresql://me:{SECRET}@h/db?tiemout=1": (
        "postgresql://h:5432/db: no option 'tiemout' of PostgreSQL\n  did you mean 'timeout'?"
    ),
    f"postgres://me:{SECRET}@[h/db": (
        "this is no address of PostgreSQL\n"
        "  postgresql://user:password@host:5432/database?timeout=0.5"
    ),
    f"postgres://me:{SECRET}@h/db?connections=0": (
        "postgresql://h:5432/db: timeout is above 0 and at most 60, connections 1 to 1000\n"
        "  postgresql://user:password@host:5432/database?timeout=0.5"
    ),
}


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_cannot_be_read_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ConductorError) as refused:
        opened(address)

    assert str(refused.value) == REFUSED[address]
    assert SECRET not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("address", "where"),
    [
        (f"redis://me:{SECRET}@127.0.0.1:1/3", "redis://127.0.0.1:1/3"),
        (f"postgresql://me:{SECRET}@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db"),
    ],
)
def test_a_server_that_is_not_there_is_named_without_the_password(address: str, where: str) -> None:
    with closing(opened(address)) as store, pytest.raises(StoreError) as raised:
        store.get("t", "key", now=0)

    assert raised.value.where == where
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_a_password_that_redis_does_not_know_is_not_repeated(redis_address: str) -> None:
    address = redis_address.replace("redis://", f"redis://:{SECRET}@")

    with closing(opened(address)) as store, pytest.raises(StoreError, match="lets nobody in") as no:
        store.get("t", "key", now=0)

    assert SECRET not in "".join(traceback.format_exception(no.value))


@pytest.mark.parametrize(
    ("package", "plugin", "message"),
    [
        (
            "redis",
            "conductor_mw_redis",
            "a store in Redis needs the package redis\n  pip install 'conductor-mw[redis]'",
        ),
        (
            "psycopg",
            "conductor_mw_postgres",
            (
                "a store in PostgreSQL needs the package psycopg\n"
                "  pip install 'conductor-mw[postgres]'"
            ),
        ),
    ],
)
def test_a_client_that_is_not_installed_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, package: str, plugin: str, message: str
) -> None:
    for name in [name for name in sys.modules if name.startswith((f"{package}.", f"{plugin}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    address = {"redis": REDIS, "psycopg": POSTGRES}[package]

    with pytest.raises(ConductorError) as refused:
        opened(address)

    assert str(refused.value) == message


def test_all_stores_are_offered_where_the_package_is_installed() -> None:
    offered = Plugins.installed().stores.names

    assert set(offered) >= {"memory", "sqlite", "redis", "rediss", "postgresql", "postgres"}


POLICY = "agents: [{id: a, simulated: b}]\nrouting: {default: a}\n"
PAGES = ["docs/stores.md", *(f"plugins/conductor_mw_{name}/README.md" for name in NAMES)]


@pytest.mark.parametrize("page", PAGES)
def test_every_address_of_a_page_can_be_used(page: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / page).read_text(encoding="utf-8")
    addresses = re.findall(r"^ *store: (\S+)$", text, re.MULTILINE)

    for address in addresses:
        policy = load_text(f"store: {address}\n{POLICY}", env={})
        assert policy.store == address
        opened(address.replace("sqlite:", f"sqlite:{tmp_path}/")).close()
    assert addresses


_FORK = """
import importlib, os, sys
address, plugin = sys.argv[1:]
stores = {}
importlib.import_module(plugin).conductor_stores(register=stores.__setitem__)
store = stores[address.partition(":")[0]](address)
store.put("t", "before", b"x", now=0)
child = os.fork()
for _ in range(100):
    store.add("t", "sum", 1, now=0)
    assert store.get("t", "before", now=0) == b"x"
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(store.get("t", "sum", now=0).decode())
store.close()
"""


@servers
def test_a_forked_process_speaks_on_connections_of_its_own(store_address: str) -> None:
    plugin = f"conductor_mw_{'redis' if store_address.startswith('redis') else 'postgres'}"

    told = subprocess.run(
        [sys.executable, "-c", _FORK, store_address, plugin],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (told.stdout, told.stderr) == ("200\n", "")


@servers
def test_more_threads_than_connections_take_turns(store_address: str) -> None:
    with closing(opened(f"{store_address}&connections=2")) as store, ThreadPoolExecutor(8) as pool:
        adding = [pool.submit(store.add, "t", "sum", 1, now=0) for _ in range(80)]
        sums = sorted(added.result() for added in adding)

    assert sums == list(range(1, 81))


# Redis


def test_redis_keeps_a_table_in_one_slot_of_a_cluster(redis_address: str, at_redis: Any) -> None:
    with closing(opened(redis_address)) as store:
        store.advance("limits", [Move(f"{n} {{x}}", 1, 1) for n in range(20)], now=0)

        prefix = redis_address.rpartition("prefix=")[2]
        names = at_redis.keys(f"{prefix}:*")

    assert len(names) == 20
    assert len({key_slot(name) for name in names}) == 1


@pytest.mark.parametrize(
    ("expires", "least", "most"), [(None, -1, -1), (107, 60, 67), (1, 50, 60), (1e12, 3e8, 4e8)]
)
def test_redis_cleans_up_later_than_the_caller_s_clock_says(
    redis_address: str, at_redis: Any, expires: float | None, least: float, most: float
) -> None:
    prefix = redis_address.rpartition("prefix=")[2]
    with closing(opened(redis_address)) as store:
        store.put("t", "put", b"x", now=100, expires=expires)
        store.swap("t", "swap", None, b"x", now=100, expires=expires)
        store.add("t", "add", 1, now=100, expires=expires)
        store.take("t", "take", 1, 1, now=100, expires=expires)

    for key in ("put", "swap", "add", "take"):
        assert least <= at_redis.ttl(f"{prefix}:{{t}}:{key}") <= most


def test_redis_may_forget_the_scripts(redis_address: str, at_redis: Any) -> None:
    with closing(opened(redis_address)) as store:
        assert store.add("t", "key", 1, now=0) == 1

        at_redis.script_flush()

        assert store.add("t", "key", 1, now=0) == 2


# PostgreSQL


def test_the_table_is_made_once_by_many_who_start_together(postgres_address: str) -> None:
    together = Barrier(8, timeout=30)

    def start(_: int) -> int:
        with closing(opened(postgres_address)) as store:
            together.wait()
            return store.add("t", "sum", 1, now=0)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(start, range(8))) == list(range(1, 9))


def test_making_the_table_may_take_longer_than_an_answer(postgres_address: str) -> None:
    with (
        psycopg.connect(POSTGRES) as other,
        closing(opened(f"{postgres_address}&timeout=0.3")) as store,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute("select pg_advisory_xact_lock(7163219874561)")
        waiting = pool.submit(store.get, "t", "key", now=0)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.7)
        other.rollback()

        assert waiting.result(timeout=20) is None


def test_a_row_that_somebody_holds_costs_the_time_that_was_agreed(postgres_address: str) -> None:
    with (
        psycopg.connect(postgres_address.replace(f"{PATIENT}&", "")) as other,
        closing(opened(f"{postgres_address}&timeout=1")) as store,
    ):
        store.add("t", "key", 1, now=0)
        other.execute("select from conductor_state for update")

        with pytest.raises(StoreError) as raised:
            store.add("t", "key", 1, now=0)
        other.rollback()

        # Cancelled by the server before anybody gave up here: added it is not.
        assert isinstance(raised.value.__cause__, errors.QueryCanceled)
        assert store.get("t", "key", now=0) == b"1"
        assert store.add("t", "key", 1, now=0) == 2


def test_a_thread_that_gets_no_connection_says_so(postgres_address: str) -> None:
    with closing(opened(f"{postgres_address}&timeout=0.3&connections=1")) as store:
        store.add("t", "key", 1, now=0)
        taken: Any = store
        with taken._pool.connection(), pytest.raises(StoreError, match="all 1 connections are in"):
            store.get("t", "key", now=0)

        assert store.get("t", "key", now=0) == b"1"


def test_a_connection_that_is_used_while_the_store_closes_is_closed_too(
    postgres_address: str,
) -> None:
    inside, leave = Event(), Event()
    store: Any = opened(postgres_address)

    def use() -> None:
        with store._pool.connection():
            inside.set()
            assert leave.wait(20)

    with ThreadPoolExecutor(1) as pool:
        using = pool.submit(use)
        assert inside.wait(20)
        store.close()
        leave.set()
        using.result(timeout=20)

    assert store._pool._idle == []
