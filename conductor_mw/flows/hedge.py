"""`fallback: [a, b], hedge_after: 800ms`: the next one begins where the first keeps silent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from conductor_mw.effects import Gather, Latch, Notify, Wait
from conductor_mw.errors import Failure, FailureKind
from conductor_mw.parts import Part

from .race import Race, raise_faults

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow


class Hedge:
    """One answer of several steps, of which each begins when the one before fails or keeps silent.

    Args:
        steps: who is asked, first choice first, each with its place.
        on: the kinds of failure after which the next one begins. After another one no further step
            begins; those that have begun may still answer.
        after: seconds of silence after which the next one begins.
        at: where the flow stands.
    """

    def __init__(
        self, steps: Sequence[tuple[Flow, At]], on: Collection[FailureKind], after: float, at: At
    ) -> None:
        self._steps = steps
        self._on = on
        self._after = after
        self._at = at
        self._race = Race()
        self._fatal: Failure | None = None
        # For every step: whether it began, and whether its turn came because the one before failed.
        self._begun = [Latch() for _ in steps]
        self._turn = [Latch() for _ in steps]

    async def answer(self, request: Request) -> AsyncGenerator[Part, None]:
        """Give the parts of the first step that speaks.

        Raises:
            Failure: nobody spoke; the one after which no further step began, or the last one.
        """
        lanes = tuple(partial(self._lane, index, request) for index in range(len(self._steps)))
        try:
            try:
                settled = await Gather(lanes, self._race.over, self._at.deadline)
            finally:
                await self._release()
            if self._race.winner is None and self._fatal is not None:
                raise_faults(settled)
                raise self._fatal
            winner = await self._race.decided(settled[::-1])
            await self._at.run.tell("won", self._at.path, take="hedge", step=winner.index + 1)
            async with aclosing(winner.rest()) as parts:
                async for part in parts:
                    yield part
        finally:
            await self._race.close()

    async def _lane(self, index: int, request: Request) -> bool:
        allowed = await self._may_begin(index)
        await Notify(self._begun[index], value=allowed)
        if not allowed:
            return False
        step, place = self._steps[index]
        try:
            return await self._race.enter(index, step, request, place.racing())
        except Failure as failure:
            await self._failed(index, failure)
            raise

    async def _may_begin(self, index: int) -> bool:
        """Wait for a step's turn; gives whether it comes."""
        if index == 0:
            return True
        before, turn = self._begun[index - 1], self._turn[index]
        await Wait(before)
        if before.value and not await Wait(turn, self._after):
            run, path = self._at.run, self._at.path
            await run.tell("hedged", path, step=index, after=self._after)
            return self._fatal is None
        return bool(turn.value) and self._fatal is None

    async def _failed(self, index: int, failure: Failure) -> None:
        goes_on = failure.kind in self._on
        if not goes_on:
            self._fatal = failure
        if index == len(self._steps) - 1:
            return
        if goes_on and not self._begun[index + 1].opened:
            run, path = self._at.run, self._at.path
            await run.tell("fallback", path, kind=failure.kind, step=index + 1)
        await Notify(self._turn[index + 1], value=goes_on)

    async def _release(self) -> None:
        """Wake the steps that wait for a turn which does not come any more."""
        for latch in (*self._begun, *self._turn):
            await Notify(latch, value=False)
