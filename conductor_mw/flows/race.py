"""Answers that begin at the same time; the first that speaks goes on, the others are closed."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from conductor_mw.effects import Settled, Within
from conductor_mw.errors import Failure
from conductor_mw.parts import Part

if TYPE_CHECKING:
    from conductor_mw.parts import Parts
    from conductor_mw.request import Request

    from .base import At, Flow

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Lane:
    """One answer of a race. Every step of it happens in one context, also after it has won.

    Attributes:
        index: its position in the definition.
        parts: its answer.
        begun: what it gave until it spoke, its first word included.
        over: whether that was all.
    """

    index: int
    parts: Parts
    begun: list[Part] = field(default_factory=list[Part])
    over: bool = False
    context: Context = field(default_factory=copy_context)

    async def begin(self) -> None:
        """Read until the caller would see something, or until it is over."""
        while not self.over and not (self.begun and self.begun[-1].speaks):
            part = await Within(self.context, self._next)
            if part is not None:
                self.begun.append(part)

    async def rest(self) -> AsyncGenerator[Part, None]:
        """Give the whole answer, what was read included."""
        for part in self.begun:
            yield part
        while not self.over:
            part = await Within(self.context, self._next)
            if part is not None:
                yield part

    async def close(self) -> None:
        """End the answer, whether or not it was read."""
        await Within(self.context, self.parts.aclose)

    async def _next(self) -> Part | None:
        # Not `anext(parts, None)`: Python 3.11 unpacks a tuple that is sent through it, and what a
        # `Gather` gives is a tuple.
        try:
            return await anext(self.parts)
        except StopAsyncIteration:
            self.over = True
            return None


class Race:
    """Keeps the first answer that speaks open, and no other.

    Branches run in tasks or in threads, and one that is no longer needed may still speak before it
    notices. Whoever speaks first wins. Whoever speaks after that, and before the flow went on,
    leaves its answer to the flow, which closes it. A thread that comes later still closes its
    answer itself: nobody else is inside it, and nobody waits.
    """

    def __init__(self) -> None:
        self.winner: Lane | None = None
        self._late: list[Lane] = []
        self._decided = False
        self._lock = threading.Lock()

    async def enter(self, index: int, flow: Flow, request: Request, at: At) -> bool:
        """Begin an answer; gives True where it speaks.

        Raises:
            Failure: it failed before it spoke.
        """
        lane = Lane(index, flow.answer(request, at))
        left = False
        try:
            await lane.begin()
            left = self._left_to_the_flow(lane)
        finally:
            if not left:
                await lane.close()
        return True

    def over(self, ended: Sequence[Settled[bool]]) -> bool:
        """Whether the branches that have not ended are no longer needed."""
        return any(
            one.value or not (one.error is None or isinstance(one.error, Failure)) for one in ended
        )

    async def decided(self, settled: Sequence[Settled[bool]]) -> Lane:
        """Give the answer that spoke first, and close those that came too late.

        Raises:
            Failure: nobody spoke; it is that of the first step that failed.
        """
        await self._close_late()
        raise_faults(settled)
        if self.winner is None:
            raise first_failure(settled)
        return self.winner

    async def close(self) -> None:
        """End every answer that is still open; also where one of them fails to close."""
        try:
            await self._close_late()
        finally:
            if self.winner is not None:
                await self.winner.close()

    async def _close_late(self) -> None:
        with self._lock:
            self._decided = True
        try:
            while self._late:
                await self._late.pop().close()
        finally:
            if self._late:
                await self._close_late()

    def _left_to_the_flow(self, lane: Lane) -> bool:
        with self._lock:
            if self._decided:
                return False
            if self.winner is None:
                self.winner = lane
            else:
                self._late.append(lane)
            return True


def raise_faults(settled: Sequence[Settled[T]]) -> None:
    """Raise what a branch raised that is no failure of an agent: flows never catch that."""
    for one in settled:
        if one.error is not None and not isinstance(one.error, Failure):
            raise one.error


def first_failure(settled: Sequence[Settled[T]]) -> Failure:
    """Give the failure of the first branch that failed, in the order of definition."""
    for one in settled:
        if isinstance(one.error, Failure):
            return one.error
    return Failure("timeout", "no branch answered in time")
