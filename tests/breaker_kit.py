"""Agents that are held up, callers that come all at once, and policies with a breaker."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

import conductor_mw_breaker
from conductor_mw_breaker.fleet import Fleet
from conductor_mw_breaker.layer import Breaker

from conductor_mw import (
    AsyncPartStream,
    Attempt,
    Clock,
    Conductor,
    Event,
    Failure,
    Latch,
    Part,
    Plugins,
    Wait,
    hookimpl,
)
from conductor_mw.testing import Way
from conductor_mw.testing.scripted import Line

ALONE = "agents: [{id: big}]\nrouting: {default: big}\n"
PAIR = "agents: [{id: big}, {id: small}]\nrouting: {default: {fallback: [big, small]}}\n"
BREAKER = "{error_rate: 0.5, min_calls: 10, open_for: 30s}"
PATIENCE = 20.0
Takes: TypeAlias = list[list[Line]]


@dataclass
class Told:
    """Hears every event of breakers."""

    events: list[Event] = field(default_factory=list[Event])

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        if event.name.startswith("breaker."):
            self.events.append(event)

    @property
    def names(self) -> list[str]:
        return [event.name.removeprefix("breaker.") for event in self.events]

    @property
    def last(self) -> dict[str, Any]:
        return dict(self.events[-1].data)


def conductor(
    text: str = ALONE,
    breaker: str = BREAKER,
    *,
    clock: Clock,
    told: Told | None = None,
    seed: int = 7,
    plugins: Plugins | None = None,
    **agents: object,
) -> Conductor:
    """Give a conductor whose only layer is the breaker."""
    if plugins is None:
        plugins = Plugins.installed() if "store:" in text else with_breaker()
    if told is not None:
        plugins.add(told, "told")
    return Conductor.from_text(
        f"{text}plugins: {{breaker: {breaker}}}\n",
        agents=agents,
        plugins=plugins,
        clock=clock,
        seed=seed,
    )


def with_breaker() -> Plugins:
    plugins = Plugins.core()
    plugins.add(conductor_mw_breaker, "breaker")
    return plugins


def breaker_of(conductor: Conductor) -> Breaker:
    return cast("Breaker", conductor.layer("breaker"))


def fleet_of(conductor: Conductor) -> Fleet:
    return cast("Fleet", vars(breaker_of(conductor))["_fleet"])


def alone(*conductors: Conductor) -> None:
    """End the threads that refresh: the test does it by hand."""
    for one in conductors:
        fleet = fleet_of(one)
        fleet.closing = True
        fleet.wake.set()
    for thread in threading.enumerate():
        if thread.name == "conductor-breaker":
            thread.join(PATIENCE)


@dataclass
class Held:
    """An agent that answers when it is let go; every call of it is counted."""

    latch: Latch = field(default_factory=Latch)
    error: Exception | None = None
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        del attempt
        with self._lock:
            self.asked += 1
        await Wait(self.latch)
        if self.error is not None:
            raise self.error
        yield Part("here", finish="stop")


@dataclass
class Talker:
    """An agent that says one part, and then ends as it is told at that moment."""

    error: Exception | None = None

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        del attempt
        yield Part("one")
        if self.error is not None:
            raise self.error
        yield Part(finish="stop")


class Begun:
    """Streams of which one part was read."""

    def __init__(self, conductor: Conductor, calls: int, way: Way) -> None:
        self._sync = [conductor.stream("hello") for _ in range(calls)] if way == "stream" else []
        self._async = [conductor.astream("hello") for _ in range(calls)] if not self._sync else []
        self._loop = asyncio.Runner()
        for one in self._sync:
            next(one)
        for other in self._async:
            self._loop.run(_first(other))

    def end(self, calls: int) -> None:
        """Read some of them to their end, whatever that is."""
        for _ in range(calls):
            with suppress(Failure, ConnectionError):
                if self._sync:
                    for _ in self._sync.pop():
                        pass
                else:
                    self._loop.run(_rest(self._async.pop()))

    def close(self) -> None:
        self._loop.close()


@contextmanager
def begun(conductor: Conductor, calls: int, way: Way) -> Generator[Begun]:
    """Give streams under way."""
    with closing(Begun(conductor, calls, way)) as streams:
        yield streams


async def _first(stream: AsyncPartStream) -> None:
    await anext(stream)


async def _rest(stream: AsyncPartStream) -> None:
    async for _ in stream:
        pass


Ended = Literal["answered", "circuit_open", "failed"]


def crowd_of_threads(
    conductors: list[Conductor], calls: int, until: Callable[[list[Ended]], object]
) -> list[Ended]:
    """Let many threads call at once; `until` is asked after each end, and lets the others go."""
    ends: list[Ended] = []
    start = threading.Barrier(calls)

    def call(number: int) -> None:
        start.wait(PATIENCE)
        try:
            conductors[number % len(conductors)].call("hello")
        except Failure as failure:
            ends.append("circuit_open" if failure.kind == "circuit_open" else "failed")
        except ConnectionError:
            ends.append("failed")
        else:
            ends.append("answered")
        until(ends)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(calls)]
    for thread in threads:
        thread.start()
    give_up = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, give_up - time.monotonic()))
    return ends


def crowd_of_tasks(
    conductors: list[Conductor], calls: int, until: Callable[[list[Ended]], object]
) -> list[Ended]:
    """Let many tasks call at once."""
    ends: list[Ended] = []

    async def call(number: int) -> None:
        try:
            await conductors[number % len(conductors)].acall("hello")
        except Failure as failure:
            ends.append("circuit_open" if failure.kind == "circuit_open" else "failed")
        except ConnectionError:
            ends.append("failed")
        else:
            ends.append("answered")
        until(ends)

    async def all_of_them() -> None:
        await asyncio.wait_for(asyncio.gather(*(call(n) for n in range(calls))), PATIENCE)

    asyncio.run(all_of_them())
    return ends
