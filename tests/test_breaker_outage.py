"""The store is away under load: what the policy chose is what happens, and nobody waits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product

import pytest

from conductor_mw import Attempt, Conductor, Part, SystemClock
from conductor_mw.testing import Scripted

from .breaker_kit import breaker_of, conductor, fleet_of
from .outage import Outage

LONG = os.environ.get("CONDUCTOR_LONG") == "1"
AWAY = 5.0 if LONG else 0.6
OPEN_FOR = 0.2
CALLERS = 4
PATIENCE = 20.0
SOME = [
    ("redis", "cut", "local"),
    ("redis", "hang", "refuse"),
    ("redis", "cut", "allow"),
    ("postgres", "hang", "local"),
]
ALL = [*product(("redis", "postgres"), ("cut", "hang"), ("local", "refuse", "allow"))]


@dataclass
class Dead:
    """An agent that never answers well, and counts."""

    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        del attempt
        with self._lock:
            self.asked += 1
        raise ConnectionError("reset")
        yield Part()  # makes it a generator


@dataclass
class Load:
    """What callers saw."""

    answered: int = 0
    errors: list[BaseException] = field(default_factory=list[BaseException])


@contextmanager
def load_on(c: Conductor) -> Generator[Load]:
    """Let callers call until the block ends."""
    load, ends = Load(), threading.Event()

    def call() -> None:
        while not ends.is_set():
            try:
                assert c.call("hello").text == "small"
                load.answered += 1
            except BaseException as error:  # noqa: BLE001 - told below
                load.errors.append(error)
                return
            time.sleep(0.001)

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        ends.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert load.errors == []


def _until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("server", "gone", "store_down"), ALL if LONG else SOME)
def test_a_store_that_is_away_under_load(
    server: str, gone: str, store_down: str, request: pytest.FixtureRequest
) -> None:
    address: str = request.getfixturevalue(f"{server}_address")
    big = Dead()
    with Outage(address) as outage:
        separator = "&" if "?" in outage.address else "?"
        c = conductor(
            f"store: {outage.address}{separator}timeout=0.2\nagents: [{{id: big}}, {{id: small}}]\n"
            "routing: {default: {fallback: [big, small]}}\n",
            f"{{open_for: 200ms, longest: 200ms, store_down: {store_down}}}",
            clock=SystemClock(),
            big=big,
            small=Scripted("small"),
        )
        began = time.monotonic()
        with load_on(c) as load:
            _until(lambda: big.asked >= 10)
            getattr(outage, gone)()
            _until(lambda: fleet_of(c).down)
            before, answered = big.asked, load.answered
            time.sleep(AWAY)
            meanwhile, went_on = big.asked - before, load.answered - answered
            outage.restore()
            _until(lambda: not fleet_of(c).down)
            opens = breaker_of(c).state("big").error_rate
        periods = (time.monotonic() - began) / (0.8 * OPEN_FOR) + 1
        c.close()

    assert went_on > 50
    assert opens == 1.0
    if store_down == "local":
        assert meanwhile >= 1
        assert big.asked <= 10 + CALLERS + 3 * periods
    elif store_down == "refuse":
        assert meanwhile <= 3  # those that were let through before
    else:
        assert meanwhile > 50
