"""Go on with the agent that began a trajectory: a flow, begun at the step where that agent stands.

Only choices are kept: which step of a fallback, a balance, a race. What every answer has to pass (a
condition, a vote, a person, the steps of a sequence) is passed again by every answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from conductor_mw.errors import Failure, FailureKind
from conductor_mw.parts import Part

from .agent import AskAgent
from .balance import Balance
from .best import Best
from .cascade import Cascade
from .choose import Choose
from .fallback import Fallback
from .first import First
from .named import Named
from .pick import Pick
from .rescue import Rescue

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow

OUTGROWN: Final[frozenset[FailureKind]] = frozenset(
    ("policy_violation", "incapable", "context_overflow", "circuit_open")
)
"""Failures that say of an agent that it can no longer answer what the conversation has become."""
_NO_KINDS: Final[frozenset[FailureKind]] = frozenset()


@dataclass(frozen=True, slots=True)
class Kept:
    """Begins a flow at one of its steps; where that fails, the rules decide anew.

    Attributes:
        flow: the step.
        words: its place in the flow that it was taken from.
        on: the kinds of failure after which the rules decide anew.
        rules_calls: the most calls that one answer of whatever they decide can cost.
    """

    flow: Flow
    words: tuple[str, ...]
    on: frozenset[FailureKind]
    rules_calls: int

    @property
    def label(self) -> str:
        """The word in a drawing."""
        return "kept"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The step."""
        return (("", self.flow),)

    @property
    def worst_calls(self) -> int:
        """The step fails, and then the rules decide."""
        return self.flow.worst_calls + self.rules_calls

    @property
    def canonical(self) -> object:
        """Where it begins."""
        return ["kept", list(self.words), self.flow.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the step's parts, or those of what the rules decide where it fails."""
        spoken = False
        place = at.into("/".join(self.words)) if self.words else at
        try:
            below = self.flow.answer(request, place.rescuing(self.on - OUTGROWN))
            async with aclosing(below) as parts:
                async for part in parts:
                    spoken = spoken or part.speaks
                    yield part
        except Failure as failure:
            if spoken or failure.kind not in self.on:
                raise
            kind = failure.kind
        else:
            return
        await at.run.tell("fallback", at.path, kind=kind)
        decision = await at.run.decide_anew()
        async with aclosing(decision.flow.answer(request, at.into("anew"))) as parts:
            async for part in parts:
                yield part


def keeping(flow: Flow, agent: str, rules_calls: int) -> Kept | None:
    """Give a flow begun at the step where an agent stands; None where it does not ask that agent.

    Args:
        flow: the flow of the rule that decided.
        agent: the id of the agent that answered.
        rules_calls: the most calls that one answer of the policy can cost.
    """
    found = _stands(flow, agent)
    if found is None:
        return None
    if found.first:  # the flow as it is asks this one first
        return Kept(flow, (), OUTGROWN, rules_calls)
    return Kept(found.flow, found.words, found.on | OUTGROWN, rules_calls)


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where an agent stands.

    Attributes:
        flow: the step.
        words: the way to it, as paths name it.
        on: the kinds of failure for which somebody on the way stands ready.
        first: whether it is asked first anyway.
    """

    flow: Flow
    words: tuple[str, ...] = ()
    on: frozenset[FailureKind] = _NO_KINDS
    first: bool = True


def _stands(flow: Flow, agent: str) -> _Stand | None:
    if isinstance(flow, Cascade):  # an answer must be accepted all the same: it is not left
        index = next((n for n, step in enumerate(flow.steps) if _asks(step, agent)), None)
        if index is None:
            return None
        return _Stand(replace(flow, begin=index), first=index == 0)
    ways = tuple(_ways(flow))
    if not ways:
        return _Stand(flow) if _asks(flow, agent) else None
    for number, (word, step) in enumerate(ways):
        below = _stands(step, agent)
        if below is not None:
            natural = isinstance(flow, Named | Rescue | Fallback) and number == 0
            return _Stand(
                below.flow,
                (word, *below.words) if word else below.words,
                _answered(flow) | below.on,
                natural and below.first,
            )
    return None


def _ways(flow: Flow) -> Iterator[tuple[str, Flow]]:
    """Give the steps of which one answers, with their words; none for what is no mere choice."""
    if isinstance(flow, Named):
        yield flow.name, flow.flow
    elif isinstance(flow, Rescue):
        yield "", flow.flow
        yield from ((f"on/{kind}", step) for kind, step in flow.by_kind.items())
    elif isinstance(flow, Fallback):
        yield from ((f"fallback/{n}", step) for n, step in enumerate(flow.steps))
    elif isinstance(flow, Pick):
        yield from ((f"pick/{n}", step) for n, (_, step) in enumerate(flow.steps))
    elif isinstance(flow, Balance):
        yield from ((f"balance/{name}", step) for name, step in flow.steps)
    elif isinstance(flow, Choose):
        yield from ((f"choose/{n}", step) for n, (_, step) in enumerate(flow.branches))
        yield "choose/else", flow.otherwise
    elif isinstance(flow, First | Best):
        yield from ((f"parallel/{n}", step) for n, step in enumerate(flow.branches.steps))


def _answered(flow: Flow) -> frozenset[FailureKind]:
    """Give the kinds of failure after which a flow asks another of its steps."""
    if isinstance(flow, Rescue):
        return frozenset(flow.by_kind)
    return flow.on if isinstance(flow, Fallback | Pick) else _NO_KINDS


def _asks(flow: Flow, agent: str) -> bool:
    if isinstance(flow, AskAgent):
        return flow.agent.id == agent
    return any(_asks(step, agent) for _, step in flow.children)
