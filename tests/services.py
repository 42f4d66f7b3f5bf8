"""Redis and PostgreSQL for tests: each test gets a corner of its own, emptied afterwards.

`tests/conftest.py` offers these fixtures to every test. Where a server cannot be reached the test
is skipped, or fails if CONDUCTOR_SERVICES=required. CONDUCTOR_REDIS and CONDUCTOR_POSTGRES name
other servers than those of this machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote

import conductor_mw_postgres
import conductor_mw_redis
import psycopg
import pytest
import redis
from psycopg.sql import SQL, Identifier

from conductor_mw import Store, stores

REDIS: Final = os.environ.get("CONDUCTOR_REDIS", "redis://127.0.0.1:6379/0")
POSTGRES: Final = os.environ.get("CONDUCTOR_POSTGRES", "postgresql://127.0.0.1:5432/test")
REQUIRED: Final = os.environ.get("CONDUCTOR_SERVICES") == "required"

PATIENT: Final = "timeout=20"
"""A machine busy with other tests is no outage. Of an option that is written twice the last counts:
a test about time-outs adds its own, `f"{redis_address}&timeout=0.1"`."""

STORES: Final = ("memory", "sqlite", "redis", "postgres")
"""What `store_address` and `shared_store` go through."""


@pytest.fixture
def redis_address() -> Iterator[str]:
    """Give a `store:` address in Redis under which nobody else keeps anything."""
    _need(redis_trouble())
    prefix = f"test-{token_hex(6)}"
    yield f"{REDIS}{'&' if '?' in REDIS else '?'}{PATIENT}&prefix={prefix}"
    with closing(_redis()) as client:
        for key in client.scan_iter(match=f"{prefix}:*", count=1000):
            client.delete(key)


@pytest.fixture
def postgres_address() -> Iterator[str]:
    """Give a `store:` address in PostgreSQL with a schema that is this test's own."""
    _need(postgres_trouble())
    schema = f"test_{token_hex(6)}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(SQL("create schema {}").format(Identifier(schema)))
        # A test need not survive a power cut: without waiting for the disk it is ten times faster.
        options = quote(f"-csearch_path={schema} -csynchronous_commit=off")
        yield f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}{PATIENT}&options={options}"
        connection.execute(SQL("drop schema {} cascade").format(Identifier(schema)))


@pytest.fixture(params=STORES)
def store_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an address of each kind of store, one after another."""
    addresses: dict[str, Callable[[], str]] = {
        "memory": lambda: "memory://",
        "sqlite": lambda: f"sqlite:{tmp_path / 'state.db'}",
        "redis": lambda: request.getfixturevalue("redis_address"),
        "postgres": lambda: request.getfixturevalue("postgres_address"),
    }
    return addresses[request.param]()


@pytest.fixture
def shared_store(store_address: str) -> Iterator[Store]:
    """Give an empty store of each kind, one after another."""
    with closing(opened(store_address)) as store:
        yield store


def opened(address: str) -> Store:
    """Give the store of an address, as a policy's `store:` would."""
    factories: dict[str, Callable[[str], Store]] = {}
    for plugin in (stores, conductor_mw_redis, conductor_mw_postgres):
        plugin.conductor_stores(register=factories.__setitem__)
    return factories[address.partition(":")[0]](address)


@cache
def redis_trouble() -> str:
    """Say why Redis cannot be used; nothing where it can."""
    try:
        with closing(_redis()) as client:
            client.ping()
    except redis.RedisError as error:
        return f"no Redis: {error}"
    return ""


@cache
def postgres_trouble() -> str:
    """Say why PostgreSQL cannot be used; nothing where it can."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=2).close()
    except psycopg.Error as error:
        return f"no PostgreSQL: {error}"
    return ""


def _redis() -> Any:
    # Typed as Any: redis-py leaves the types of its options open.
    open_client: Any = redis.Redis
    return open_client.from_url(REDIS, socket_connect_timeout=2)


def _need(trouble: str) -> None:
    if trouble and REQUIRED:
        pytest.fail(trouble)
    if trouble:
        pytest.skip(trouble)
