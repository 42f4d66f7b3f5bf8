"""`consensus: [a, b]`: where all of them agree the first one's answer is given."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import Field

from conductor_mw.durations import Duration
from conductor_mw.errors import EvaluationError, Failure
from conductor_mw.parts import Part
from conductor_mw.rules.types import STRING, list_of

from .ballot import ballot, close, compile_by, vote
from .base import Flow, FlowOptions, Site, Target
from .branches import MOST, Branches, answered
from .listing import facts_of, named, readable
from .reply import Reply, attempt

if TYPE_CHECKING:
    from conductor_mw.effects import Settled
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression

    from .base import At


class ConsensusOptions(FlowOptions):
    """Several must agree."""

    consensus: list[Target] = Field(
        min_length=2, max_length=MOST, description="Agents or flows; the first one's answer counts."
    )
    agree: str | None = Field(
        default=None,
        description="A condition over `answers`, a list of their texts, and over `steps`; without "
        "it they agree where their values are equal.",
    )
    by: str | None = Field(
        default=None, description="An expression over `answer.*`; without it the words count."
    )
    tolerance: float | None = Field(
        default=None, ge=0, description="Their values are numbers, and differ by no more than this."
    )
    otherwise: Target | None = Field(
        default=None, description="Who answers where they do not agree, or one of them failed."
    )
    timeout: Duration | None = Field(
        default=None, description="Who has not answered by then has failed."
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        if self.agree is not None and (self.by is not None or self.tolerance is not None):
            site.refuse(
                "`agree:` says itself what is compared", "agree",
                mend="Leave `by:` and `tolerance:` out, or `agree:`.",
            )  # fmt: skip
        steps = tuple(site.step(step, "consensus", n) for n, step in enumerate(self.consensus))
        names = named(self.consensus)
        reading = site.within({"answers": list_of(STRING), **readable(names)})
        return Consensus(
            Branches(steps, 0, self.timeout),
            names,
            None if self.agree is None else reading.condition(self.agree, "agree"),
            compile_by(site, self.by),
            self.tolerance,
            None if self.otherwise is None else reading.step(self.otherwise, "otherwise"),
        )


@dataclass(frozen=True, slots=True)
class Consensus:
    """Asks every step at once, and gives the first one's answer where all agree.

    Attributes:
        branches: who must agree.
        names: by which names conditions and prompts may read them, by position.
        agree: when they agree; None where equal values are wanted.
        by: what is compared; the words of an answer where there is none.
        tolerance: how far numbers may differ, or None where no numbers are compared.
        otherwise: who answers where they do not agree, or None.
    """

    branches: Branches
    names: Mapping[int, str]
    agree: Expression | None
    by: Expression | None
    tolerance: float | None
    otherwise: Flow | None

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "consensus"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps, then who answers where they do not agree."""
        otherwise = () if self.otherwise is None else (("otherwise", self.otherwise),)
        return (*self.branches.children, *otherwise)

    @property
    def worst_calls(self) -> int:
        """Every step answers, and they do not agree."""
        otherwise = 0 if self.otherwise is None else self.otherwise.worst_calls
        return self.branches.worst_calls + otherwise

    @property
    def canonical(self) -> object:
        """The first one's answer is given, so order matters."""
        parts = (self.agree, self.by, self.otherwise)
        meaning = [None if part is None else part.canonical for part in parts]
        return ["consensus", self.branches.canonical, self.tolerance, *meaning]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the first step's answer where all agree, or that of `otherwise`.

        Raises:
            Failure: a step failed, or, of kind `low_confidence`, they do not agree; and there is
                no `otherwise`.
        """

        async def ask(index: int, step: Flow, place: At) -> _Said:
            del index
            return await self._said(step, request, place.hidden("candidate"))

        settled = await self.branches.ask(at, "consensus", ask, _failed)
        said = answered(settled)
        replies = {
            index: said[index].reply if index in said else _silent()
            for index in range(len(settled))
        }
        facts = {
            "answers": [reply.text for reply in replies.values()],
            **facts_of(replies, self.names),
        }
        failure = next((one.failure for one in replies.values() if one.failure is not None), None)
        if failure is None:
            failure = await self._disagreement([one.value for one in said.values()], facts, at)
        if failure is None:
            for part in replies[0].parts:
                yield part
            return
        await at.run.tell("disagreed", at.path, kind=failure.kind)
        if self.otherwise is None:
            raise failure
        below = at.into("consensus/otherwise").knowing(facts)
        async with aclosing(self.otherwise.answer(request, below)) as parts:
            async for part in parts:
                yield part

    async def _said(self, step: Flow, request: Request, place: At) -> _Said:
        """Give what a step answered and what of it is compared; a failure is a value here."""
        reply = await attempt(step, request, place)
        if reply.failure is not None or self.agree is not None:
            return _Said(reply)
        try:
            return _Said(reply, await vote(self.by, reply, place))
        except Failure as failure:
            return _Said(replace(reply, failure=failure))

    async def _disagreement(
        self, values: Sequence[object], facts: Mapping[str, object], at: At
    ) -> Failure | None:
        """Give why the answers do not agree, or None."""
        if self.agree is not None:
            try:
                agreed = bool(await at.evaluate(self.agree, facts))
            except EvaluationError as error:
                problem = f"`agree` has no value for these answers: {error.problem}"
                return Failure("invalid_output", problem)
        elif self.tolerance is None:
            agreed = len({ballot(value) for value in values}) == 1
        else:
            agreed = close(values, self.tolerance)
        return None if agreed else Failure("low_confidence", "the answers do not agree")


@dataclass(frozen=True, slots=True)
class _Said:
    reply: Reply
    value: object = None


def _silent() -> Reply:
    return Reply(failure=Failure("timeout", "a step did not answer in time"))


def _failed(ended: Sequence[Settled[_Said]]) -> bool:
    return any(one.value is not None and one.value.reply.failure is not None for one in ended)
