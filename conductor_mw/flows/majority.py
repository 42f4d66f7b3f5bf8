"""`parallel: [a, b, c], take: majority`: what most of them say is the answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conductor_mw.errors import Failure
from conductor_mw.parts import Part

from .ballot import ballot, certain, standings, vote
from .branches import Branches, answered
from .reply import Reply, collect

if TYPE_CHECKING:
    from conductor_mw.effects import Settled
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression

    from .base import At, Flow


@dataclass(frozen=True, slots=True)
class Majority:
    """Lets every step vote, and gives an answer of those who won.

    Attributes:
        branches: who votes.
        by: what an answer votes for; its words where there is none.
        quorum: votes that the winner needs.
        otherwise: who answers where there is no winner, or None.
    """

    branches: Branches
    by: Expression | None
    quorum: int
    otherwise: Flow | None

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "majority of"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps, then who answers where they cannot agree."""
        otherwise = () if self.otherwise is None else (("otherwise", self.otherwise),)
        return (*self.branches.children, *otherwise)

    @property
    def worst_calls(self) -> int:
        """Every step votes, and there is no winner."""
        otherwise = 0 if self.otherwise is None else self.otherwise.worst_calls
        return self.branches.worst_calls + otherwise

    @property
    def canonical(self) -> object:
        """The order settles ties."""
        by = None if self.by is None else self.by.canonical
        otherwise = None if self.otherwise is None else self.otherwise.canonical
        return ["parallel", "majority", self.branches.canonical, by, self.quorum, otherwise]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the first answer, in the order of definition, of those who won.

        Raises:
            Failure: too few answered; or, of kind `low_confidence`, nobody has enough votes.
        """

        async def ask(index: int, step: Flow, place: At) -> tuple[Reply, str]:
            del index
            place = place.hidden("candidate")
            reply = await collect(step, request, place)
            return reply, ballot(await vote(self.by, reply, place))

        voted = answered(await self.branches.ask(at, "parallel", ask, self._certain))
        ranks = standings({index: value for index, (_, value) in voted.items()})
        first = ranks[0]
        tie = len(ranks) > 1 and ranks[1].votes == first.votes
        votes = [one.votes for one in ranks]
        if first.votes >= self.quorum and not (tie and self.otherwise is not None):
            await at.run.tell("won", at.path, take="majority", step=first.first + 1, votes=votes)
            for part in voted[first.first][0].parts:
                yield part
            return
        await at.run.tell("disagreed", at.path, votes=votes)
        if self.otherwise is None:
            problem = f"{first.votes} of the answers agree, {self.quorum} are needed"
            raise Failure("low_confidence", problem)
        async with aclosing(self.otherwise.answer(request, at.into("parallel/otherwise"))) as parts:
            async for part in parts:
                yield part

    def _certain(self, ended: Sequence[Settled[tuple[Reply, str]]]) -> bool:
        votes = {one.index: one.value[1] for one in ended if one.value is not None}
        # One that failed no longer votes; counting it as waiting only makes this certain later.
        waiting = [index for index in range(len(self.branches.steps)) if index not in votes]
        return certain(votes, waiting, quorum=self.quorum, ties=self.otherwise is None)
