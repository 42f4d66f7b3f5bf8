"""The clock that drivers read and wait by; a test brings its own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from .effects import Instant


class Clock(Protocol):
    """What time it is, and how to wait, in both colours."""

    def now(self) -> Instant:
        """Give the moment."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never run backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        ...


class SystemClock:
    """The computer's clock."""

    def now(self) -> Instant:
        """Give the moment."""
        return Instant(time.monotonic(), time.time())

    def monotonic(self) -> float:
        """Give seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(seconds)
