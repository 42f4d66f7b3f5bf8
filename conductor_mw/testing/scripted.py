"""Agents that follow a script, and a clock that moves only when somebody waits."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TypeAlias

from conductor_mw.effects import Attempt, Instant, Sleep
from conductor_mw.parts import Part, Usage
from conductor_mw.request import Request

Line: TypeAlias = str | Part | float | BaseException
"""A line of a script: a text, a part, seconds to wait, or an exception to raise."""


class Scripted:
    """An agent that says its lines, and remembers what it was asked. Bind it to an agent's id.

    Every line is one part where the caller streams, and all texts are one part where not. A new
    call begins with the next take; the last take is repeated.

    Args:
        lines: what it says: texts, parts, seconds to wait, exceptions to raise.
        takes: other scripts for the calls after the first.
        usage: the tokens it reports at the end of every take, or None.

    Attributes:
        asked: the requests, in the order in which they came.
        closed: how many answers have ended, whether or not they were read to the end.

    Example:
        >>> flaky = Scripted(ConnectionError("reset"), takes=[["Here I am."]])
    """

    def __init__(
        self,
        *lines: Line,
        takes: list[list[Line]] | None = None,
        usage: Usage | None = Usage(10, 5),  # noqa: B008 - frozen
    ) -> None:
        self._takes = [list(lines), *(takes or [])]
        self._usage = usage
        self.asked: list[Request] = []
        self.closed = 0

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Say the lines."""
        request = attempt.request
        take = self._takes[min(len(self.asked), len(self._takes) - 1)]
        self.asked.append(request)
        whole = ""
        try:
            for line in take:
                if isinstance(line, BaseException):
                    raise line
                if isinstance(line, Part):
                    yield line
                elif not isinstance(line, str):
                    await Sleep(line)
                elif request.stream:
                    yield Part(line)
                else:
                    whole += line
            if request.stream:
                yield Part(usage=self._usage, finish="stop")
            else:
                yield Part(whole, usage=self._usage, finish="stop")
        finally:
            self.closed += 1


class VirtualClock:
    """A clock that moves when somebody sleeps, and otherwise stands still.

    Attributes:
        slept: every wait so far, in seconds.
    """

    def __init__(self, *, utc: float = 1_780_000_000.0) -> None:
        self._passed = 0.0
        self._utc = utc
        self.slept: list[float] = []

    def now(self) -> Instant:
        """Give the moment."""
        return Instant(self._passed, self._utc + self._passed)

    def monotonic(self) -> float:
        """Give seconds since the clock was made."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self._passed += seconds

    async def asleep(self, seconds: float) -> None:
        """Let time pass."""
        self.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody waiting."""
        self._passed += seconds
