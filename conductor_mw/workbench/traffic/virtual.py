"""An event loop whose time is simulated: when everybody waits, the clock jumps ahead."""

from __future__ import annotations

import asyncio
import selectors
import time
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import Executor
from selectors import SelectorKey
from typing import Any

from conductor_mw.effects import Instant


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs simulated agents side by side in their own time, as fast as the computer can.

    An hour of simulated answers takes no hour, while latencies, timeouts and requests under way
    at once come out as they would. Work in threads takes its real time and no simulated time.
    """

    def __init__(self) -> None:
        self.passed = 0.0
        self.in_threads = 0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Give simulated seconds since the loop was made."""
        return self.passed

    def run_in_executor(  # type: ignore[override]  # typeshed's own signature differs by version
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> Future[Any]:
        """Run a function in a thread; the clock stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(self._out_of_thread)
        return future

    def _out_of_thread(self, _: Future[Any]) -> None:
        self.in_threads -= 1


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing but threads: a timeout moves the clock instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.in_threads:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self._loop.passed += timeout
        return ready


class VirtualClock:
    """The clock of a conductor that runs on a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._began = time.time()

    def now(self) -> Instant:
        """Give the moment: today, and as much later as the simulation has come."""
        return Instant(self._loop.passed, self._began + self._loop.passed)

    def monotonic(self) -> float:
        """Give simulated seconds."""
        return self._loop.passed

    def sleep(self, seconds: float) -> None:
        """Let time pass for a caller outside the loop."""
        self._loop.passed += seconds

    async def asleep(self, seconds: float) -> None:
        """Wait on the virtual loop."""
        await asyncio.sleep(seconds)
