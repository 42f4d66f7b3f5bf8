"""`cascade: [a, b, c]`: cheap first; the next one answers where an answer is not good enough."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from conductor_mw.errors import FAILURE_KINDS, Failure
from conductor_mw.parts import Part
from conductor_mw.scorers.base import Spec

from .accepting import Judging, compile_judging
from .base import Flow, FlowOptions, Site, Target
from .reply import UNRATED, Reply, collect

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At

OnFailure = Literal["continue", "fail"]
# An inner cascade that is not content gives its answer all the same: this one judges it itself.
_PASSED_OVER: Final = frozenset(FAILURE_KINDS) - {"low_confidence"}


class CascadeOptions(FlowOptions):
    """One after the other, until an answer is accepted."""

    cascade: list[Target] = Field(
        min_length=1, max_length=16, description="Agents or flows, the cheapest first."
    )
    accept: str | None = Field(
        default=None,
        description="A condition over `answer.*`; the first answer for which it holds is given. "
        "With `score:` alone it is `answer.score >= 0.5`.",
    )
    score: Spec | None = Field(
        default=None, description="How an answer is scored: one scorer or several."
    )
    on_failure: OnFailure = Field(
        default="continue",
        description="A step that fails: `continue` with the next one, or `fail` at once.",
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        if self.accept is None and self.score is None:
            site.refuse(
                "nothing says when an answer is good enough",
                "cascade",
                mend='Add `accept:`, `score:` or both, for example `accept: "answer.chars > 20"`.',
            )
        steps = tuple(site.step(step, "cascade", n) for n, step in enumerate(self.cascade))
        return Cascade(steps, compile_judging(site, self.score, self.accept), self.on_failure)


@dataclass(frozen=True, slots=True)
class Cascade:
    """Asks the first step, and the next one until an answer is accepted.

    No answer streams: whether it is accepted is known when it is whole.

    Attributes:
        steps: who is asked, the cheapest first.
        judging: says how good an answer is, and whether that will do.
        on_failure: whether a step that fails ends it.
        begin: the step that is asked first; those before it had their turn.
    """

    steps: Sequence[Flow]
    judging: Judging
    on_failure: OnFailure
    begin: int = 0

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "cascade"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps, numbered from 1, then whom the scorers ask."""
        numbered = ((str(n), step) for n, step in enumerate(self.steps, 1))
        return (*numbered, *self.judging.children)

    @property
    def worst_calls(self) -> int:
        """Every step answers, and every answer is scored."""
        scoring = len(self.steps) * self.judging.worst_calls
        return scoring + sum(step.worst_calls for step in self.steps)

    @property
    def canonical(self) -> object:
        """Order matters here."""
        steps = [step.canonical for step in self.steps]
        return ["cascade", steps, self.judging.canonical, self.on_failure]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the first accepted answer; where there is none, the last one, not accepted.

        Raises:
            Failure: no step answered; or, of kind `low_confidence`, no answer was accepted and
                somebody stands ready for that.
        """
        best: Reply | None = None
        failure: Failure | None = None
        last = len(self.steps) - 1
        for index in range(self.begin, len(self.steps)):
            rating = UNRATED
            try:
                reply = await self._ask(index, request, at)
            except Failure as error:
                if self.on_failure == "fail":
                    raise
                failure = error
            else:
                best, failure, rating = reply, None, reply.rating
                if rating.accepted:
                    break
            if index < last:
                kind = failure.kind if failure else "low_confidence"
                await at.run.tell("escalated", at.path, step=index + 1, kind=kind,
                                  score=rating.score)  # fmt: skip
        if best is None:
            raise failure or AssertionError("a cascade has a step")
        if not best.rating.accepted and "low_confidence" in at.rescued:
            raise Failure(
                "low_confidence", "no answer of the cascade was accepted", agent=best.agent
            )
        for part in best.parts:
            yield part

    async def _ask(self, index: int, request: Request, at: At) -> Reply:
        """Give a step's answer with what was found of it."""
        place = at.into(f"cascade/{index}").hidden("candidate").judged()
        if self.on_failure == "continue" and index < len(self.steps) - 1:
            place = place.rescuing(_PASSED_OVER)
        reply = await collect(self.steps[index], request, place)
        return await self.judging.rate(request, reply, place)
