"""`fallback: [a, b]`: the next one answers where the one before failed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import Field

from conductor_mw.durations import Duration
from conductor_mw.errors import Failure, FailureKind
from conductor_mw.parts import Part, Parts

from .base import Flow, FlowOptions, Site, Target
from .hedge import Hedge

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At

FALLS_BACK: Final[tuple[FailureKind, ...]] = (
    "timeout",
    "connection",
    "rate_limit",
    "server_error",
    "circuit_open",
)


class FallbackOptions(FlowOptions):
    """One after the other, until one answers."""

    fallback: list[Target] = Field(min_length=1, description="Agents or flows, first choice first.")
    on: list[FailureKind] = Field(
        default=list(FALLS_BACK), description="The kinds of failure that go on to the next."
    )
    hedge_after: Duration | None = Field(
        default=None,
        description="The next one begins as well where the one before has kept silent for so long; "
        "the first to speak answers.",
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        steps = [site.step(step, "fallback", n) for n, step in enumerate(self.fallback)]
        return Fallback(tuple(steps), frozenset(self.on), self.hedge_after)


@dataclass(frozen=True, slots=True)
class Fallback:
    """Asks the first step, and the next one where that fails before the caller saw a part."""

    steps: Sequence[Flow]
    on: frozenset[FailureKind]
    hedge_after: float | None = None

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "fallback"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps, numbered from 1."""
        return tuple((str(n), step) for n, step in enumerate(self.steps, 1))

    @property
    def worst_calls(self) -> int:
        """Every step fails but the last."""
        return sum(step.worst_calls for step in self.steps)

    @property
    def canonical(self) -> object:
        """Order matters here."""
        steps = [step.canonical for step in self.steps]
        hedge = [] if self.hedge_after is None else [self.hedge_after]
        return ["fallback", steps, sorted(self.on), *hedge]

    def answer(self, request: Request, at: At) -> Parts:
        """Give the parts of the first step that answers."""
        places = (self._place(at, index) for index in range(len(self.steps)))
        steps = zip(self.steps, places, strict=True)
        if self.hedge_after is None:
            return one_after_another(steps, len(self.steps), self.on, request, at)
        return Hedge(list(steps), self.on, self.hedge_after, at).answer(request)

    def _place(self, at: At, index: int) -> At:
        """Give a step's place; all but the last have somebody who stands ready for them."""
        place = at.into(f"fallback/{index}")
        return place if index == len(self.steps) - 1 else place.rescuing(self.on)


async def one_after_another(
    steps: Iterable[tuple[Flow, At]],
    count: int,
    on: Collection[FailureKind],
    request: Request,
    at: At,
) -> AsyncGenerator[Part, None]:
    """Give the parts of the first step that answers.

    Args:
        steps: who is asked, each with its place.
        count: how many there are.
        on: the kinds of failure that go on to the next.
        request: what is asked.
        at: where the flow stands.

    Raises:
        Failure: that of the last step, or one of another kind, or one after the first part.
    """
    for number, (step, place) in enumerate(steps, 1):
        spoken = False
        try:
            async with aclosing(step.answer(request, place)) as parts:
                async for part in parts:
                    spoken = spoken or part.speaks
                    yield part
        except Failure as failure:
            if spoken or failure.kind not in on or number == count:
                raise
            await at.run.tell("fallback", at.path, kind=failure.kind, step=number)
        else:
            return
