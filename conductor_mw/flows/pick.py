"""`pick: [a, b], minimise: cost`: the agent that is best by a formula over its figures."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import Field

from conductor_mw.durations import Duration
from conductor_mw.errors import EvaluationError, Failure, FailureKind
from conductor_mw.parts import Part

from .base import Flow, FlowOptions, Site
from .below import agents_below
from .candidates import FIGURES, Expected, figures_of, typical, unknown
from .fallback import FALLS_BACK, one_after_another

if TYPE_CHECKING:
    from conductor_mw.agents.base import Agent
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression

    from .base import At

_MOST: Final = 64


class PickOptions(FlowOptions):
    """The best by a formula; the next best where it fails."""

    pick: list[str] = Field(
        min_length=1, max_length=_MOST, description="Agents; their order settles ties."
    )
    minimise: str = Field(
        description="`cost`, `latency`, or a formula over what is known of each candidate and over "
        "the request's signals; the lowest value is picked."
    )
    subject_to: str | None = Field(
        default=None, description="A condition over the same; other candidates are passed over."
    )
    latency: dict[str, Duration] = Field(
        default={}, description="How long an agent takes, before that was seen."
    )
    expect_output_tokens: int = Field(
        default=256,
        ge=0,
        le=10_000_000,
        description="Tokens of an answer, before any was observed.",
    )
    on: list[FailureKind] = Field(
        default=[*FALLS_BACK, "incapable"],
        description="The kinds of failure that go on to the next best.",
    )
    tries: int | None = Field(
        default=None, ge=1, le=_MOST, description="How many of them are asked at most; all of them."
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        steps = tuple(self._step(site, name, n) for n, name in enumerate(self.pick))
        for name in self.latency:
            if name not in self.pick:
                site.refuse(f"{name!r} is none of the candidates", "latency", name)
        reading = site.within(FIGURES)
        formula = reading.number(self.minimise, "minimise")
        condition = None
        if self.subject_to is not None:
            condition = reading.condition(self.subject_to, "subject_to")
        for key, expression in (("minimise", formula), ("subject_to", condition)):
            for read in () if expression is None else expression.reads:
                for agent, _ in steps:
                    missing = unknown(agent, read)
                    if missing:
                        site.refuse(
                            f"`{read}` has no value for agent {agent.id!r}", key,
                            mend=f"Give the agent a `{missing}:`.",
                        )  # fmt: skip
        expected = Expected(self.expect_output_tokens, self.latency)
        tries = min(self.tries or len(steps), len(steps))
        return Pick(steps, formula, condition, expected, frozenset(self.on), tries)

    def _step(self, site: Site, name: str, position: int) -> tuple[Agent, Flow]:
        if self.pick.index(name) < position:
            site.refuse(f"{name!r} stands there twice", "pick", position, mend="Leave one out.")
        step = site.step(name, "pick", position)
        agent = agents_below([step]).get(name)  # agents and flows share one namespace
        if agent is None:
            site.refuse(
                f"{name!r} is no agent, and nothing is known of what it costs", "pick", position,
                mend="Name agents, or write `choose:` over flows.",
            )  # fmt: skip
        return agent, step


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate of one request.

    Attributes:
        index: its position in the definition.
        figures: what is known of it.
        value: what the formula gives, or None where it is passed over.
        because: why it is passed over, or an empty string.
    """

    index: int
    figures: Mapping[str, object]
    value: float | None = None
    because: str = ""

    @property
    def told(self) -> dict[str, object]:
        """What an event says of it."""
        return {**self.figures, "value": self.value, "because": self.because}


@dataclass(frozen=True, slots=True)
class Pick:
    """Asks the agent with the lowest value, and the next best where it fails.

    Attributes:
        steps: the candidates, each agent with the step that asks it.
        formula: what is minimised.
        condition: what a candidate must meet, or None.
        expected: what is expected of calls before any was seen.
        on: the kinds of failure that go on to the next best.
        tries: how many are asked at most.
    """

    steps: Sequence[tuple[Agent, Flow]]
    formula: Expression
    condition: Expression | None
    expected: Expected
    on: frozenset[FailureKind]
    tries: int

    @property
    def label(self) -> str:
        """What it does, for example `least cost`."""
        return f"least {self.formula.text}"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The candidates, in the order of definition."""
        return tuple(("", step) for _, step in self.steps)

    @property
    def worst_calls(self) -> int:
        """The dearest ones are asked first, and fail."""
        return sum(sorted((step.worst_calls for _, step in self.steps), reverse=True)[: self.tries])

    @property
    def canonical(self) -> object:
        """The order settles ties."""
        condition = None if self.condition is None else self.condition.canonical
        expected = [self.expected.output_tokens, dict(self.expected.seconds)]
        how = [sorted(self.on), self.tries, expected]
        steps = [step.canonical for _, step in self.steps]
        return ["pick", steps, self.formula.canonical, condition, how]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the parts of the best candidate that answers.

        Raises:
            Failure: of kind `incapable`, where every candidate is passed over; or that of the last
                one that was asked.
            EvaluationError: the formula or the condition has no value for this request.
        """
        expected = typical([agent for agent, _ in self.steps], self.expected, at)
        candidates = [await self._weighed(n, request, expected, at) for n in range(len(self.steps))]
        ranked = sorted(
            (one for one in candidates if one.value is not None),
            key=lambda one: (one.value, one.index),
        )
        agents = [agent.id for agent, _ in self.steps]
        await at.run.tell(
            "picked",
            at.path,
            agent=agents[ranked[0].index] if ranked else "",
            candidates={agents[one.index]: one.told for one in candidates},
        )
        if not ranked:
            why = (f"{agents[one.index]}: {one.because}" for one in candidates)
            raise Failure("incapable", f"no candidate is left ({'; '.join(why)})")
        steps = [
            (self.steps[one.index][1], at.into(f"pick/{one.index}")) for one in ranked[: self.tries]
        ]
        async with aclosing(one_after_another(steps, len(steps), self.on, request, at)) as parts:
            async for part in parts:
                yield part

    async def _weighed(self, index: int, request: Request, expected: Expected, at: At) -> Candidate:
        figures = figures_of(self.steps[index][0], request, expected, at)
        if figures["open"]:
            return Candidate(index, figures, because="its circuit is open")
        if self.condition is not None and not await at.evaluate(self.condition, figures):
            return Candidate(index, figures, because="it does not meet `subject_to`")
        value = await at.evaluate(self.formula, figures)
        if not isinstance(value, float) or math.isnan(value):
            raise EvaluationError(f"`minimise` gives no number: {self.formula.text}")
        return Candidate(index, figures, value)
