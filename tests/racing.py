"""Agents that wait for each other, and conductors that run in simulated time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import closing
from typing import Any, TypeVar

from conductor_mw import Answer, Conductor, Latch, Notify, Part, Usage, Wait
from conductor_mw.drivers.sync import THREADS
from conductor_mw.effects import Attempt
from conductor_mw.testing import Scripted
from conductor_mw.workbench.traffic.virtual import VirtualClock, VirtualLoop
from tests.kit import conductor

T = TypeVar("T")
PATIENCE = 10.0
"""Seconds after which a test that waits for nothing fails instead of hanging."""


class Held:
    """An agent that speaks when its latch opens, and opens another one with its first word.

    Attributes:
        latch: it waits for this one.
        asked: how often it was asked.
        closed: how many of its answers have ended.
    """

    def __init__(self, *words: str, latch: Latch | None = None, opens: Latch | None = None) -> None:
        self.latch = latch or Latch()
        self.asked = 0
        self.closed = 0
        self._words = words
        self._opens = opens

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Wait, then say the words, one part each where the caller streams."""
        self.asked += 1
        try:
            if not await Wait(self.latch, PATIENCE):
                raise AssertionError("nobody opened the latch")
            if self._opens is not None:
                await Notify(self._opens)
            words = self._words if attempt.request.stream else ["".join(self._words)]
            for word in words:
                yield Part(word)
            yield Part(usage=Usage(10, 5), finish="stop")
        finally:
            self.closed += 1


def opened() -> Latch:
    """Give a latch that is open."""
    latch = Latch()
    latch.open()
    return latch


def branches_end() -> None:
    """Wait until the threads of abandoned branches have ended."""
    for thread in threading.enumerate():
        if thread.name == THREADS:
            thread.join(timeout=PATIENCE)


def in_simulated_time(
    text: str, work: Callable[[Conductor], Coroutine[Any, Any, T]], **agents: object
) -> T:
    """Give what work over a conductor gives; waiting takes no time, and comes out in order."""
    with closing(VirtualLoop()) as loop:
        clock = VirtualClock(loop)
        names = {name.replace("_", "-"): agent for name, agent in agents.items()}
        asked = Conductor.from_text(text, agents=names, clock=clock, seed=7)
        found = loop.run_until_complete(work(asked))
        assert not asyncio.all_tasks(loop)
        return found


def several(
    body: str, *, observers: Any = (), attempt_layers: Any = (), **agents: object
) -> Conductor:
    """Give a conductor whose default is this flow over a, b, c and d; each says its own name."""
    bound: dict[str, Any] = {name: Scripted(name) for name in "abcd"} | agents
    text = f"agents: [{{id: a}}, {{id: b}}, {{id: c}}, {{id: d}}]\nrouting: {{default: {body}}}\n"
    return conductor(text, observers=observers, attempt_layers=attempt_layers, **bound)


def paths(answer: Answer) -> list[str]:
    """Give the paths of every attempt that has ended by now, sorted."""
    return sorted(one.path for one in answer.updated().attempts)
