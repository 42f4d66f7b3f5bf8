"""`parallel: [a, b, c], take: best`: a judge or a score says which answer is given."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conductor_mw.parts import Part, Rating
from conductor_mw.scorers.scored import scored

from .branches import Branches, answered
from .comparison import ORDERS, Comparison
from .reply import Reply, collect

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.scorers.base import Scorer

    from .base import At, Flow


@dataclass(frozen=True, slots=True)
class Best:
    """Asks every step at once, and gives the best answer.

    Attributes:
        branches: who is asked.
        scorer: scores every answer, or None.
        comparison: compares all answers, or those with the highest score; or None.
    """

    branches: Branches
    scorer: Scorer | None
    comparison: Comparison | None

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "best of"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps, then who judges."""
        judge = () if self.comparison is None else (("judge", self.comparison.judge),)
        scorers = () if self.scorer is None else self.scorer.children
        return (*self.branches.children, *scorers, *judge)

    @property
    def worst_calls(self) -> int:
        """Every step answers, every answer is scored, and the best are compared in two orders."""
        count = len(self.branches.steps)
        calls = self.branches.worst_calls
        if self.scorer is not None:
            calls += count * self.scorer.worst_calls
        if self.comparison is not None and count > 1:
            calls += ORDERS * self.comparison.judge.worst_calls
        return calls

    @property
    def canonical(self) -> object:
        """The order settles ties."""
        scorer = None if self.scorer is None else self.scorer.canonical
        judge = None
        if self.comparison is not None:
            judge = [self.comparison.judge.canonical, self.comparison.rubric]
        return ["parallel", "best", self.branches.canonical, scorer, judge]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the best answer; of those that are equally good, the first in the definition.

        Raises:
            Failure: too few answered and could be scored; or the judge gave no verdict.
        """

        async def ask(index: int, step: Flow, place: At) -> Reply:
            del index
            place = place.hidden("candidate")
            reply = await collect(step, request, place)
            if self.scorer is None:
                return reply
            score = await scored(self.scorer, request, reply, place.hidden("score").into("score"))
            scores = dict(score.scores) or {self.scorer.label: score.value}
            return reply.with_rating(Rating(score.value, reply.rating.accepted, scores))

        replies = answered(await self.branches.ask(at, "parallel", ask))
        highest = max(reply.rating.score or 0.0 for reply in replies.values())
        best = {
            index: reply
            for index, reply in replies.items()
            if self.scorer is None or reply.rating.score == highest
        }
        chosen = min(best)
        if self.comparison is not None:
            chosen = await self.comparison.best(best, request, at)
        scores = {str(index + 1): reply.rating.score for index, reply in replies.items()}
        await at.run.tell("won", at.path, take="best", step=chosen + 1, scores=scores)
        for part in replies[chosen].parts:
            yield part
