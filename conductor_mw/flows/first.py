"""`parallel: [a, b], take: first`: the first that speaks answers, the others are let go."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from conductor_mw.effects import Gather, Now
from conductor_mw.parts import Part

from .race import Race

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow
    from .branches import Branches


@dataclass(frozen=True, slots=True)
class First:
    """Asks every step at once; who speaks first goes on speaking, part by part."""

    branches: Branches

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "first of"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps."""
        return self.branches.children

    @property
    def worst_calls(self) -> int:
        """Every step is asked."""
        return self.branches.worst_calls

    @property
    def canonical(self) -> object:
        """Which failure is told depends on the order."""
        return ["parallel", "first", self.branches.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the parts of the first step that speaks.

        Raises:
            Failure: no step spoke; it is that of the first step that failed.
        """
        # The time is for the first word: an answer that has begun may go on.
        before = at.within(self.branches.timeout, (await Now()).monotonic).deadline
        race = Race()
        # The flow shows what the winner says. A host that shows the words of every agent as they
        # come, as LangGraph does, would mix the answers.
        places = self.branches.places(at.racing(), "parallel")
        lanes = tuple(
            partial(race.enter, index, step, request, place)
            for index, (step, place) in enumerate(places)
        )
        try:
            winner = await race.decided(await Gather(lanes, race.over, before))
            await at.run.tell("won", at.path, take="first", step=winner.index + 1)
            async with aclosing(winner.rest()) as parts:
                async for part in parts:
                    yield part
        finally:
            await race.close()
