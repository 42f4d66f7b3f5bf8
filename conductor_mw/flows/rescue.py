"""`routing.fallback: {timeout: fast}`: who answers instead, by the kind of failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conductor_mw.errors import Failure, FailureKind
from conductor_mw.parts import Part

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow


@dataclass(frozen=True, slots=True)
class Rescue:
    """Runs a target; where it fails before the caller saw a part, the failure's own target answers.

    A rescue is not rescued again: a policy cannot send a request round in circles.
    """

    flow: Flow
    by_kind: Mapping[FailureKind, Flow]

    @property
    def label(self) -> str:
        """The word in a drawing."""
        return "on failure"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The target, then one child for each kind."""
        return (("", self.flow), *sorted(self.by_kind.items(), key=lambda item: item[0]))

    @property
    def worst_calls(self) -> int:
        """The target fails and the dearest rescue answers."""
        rescues = (flow.worst_calls for flow in self.by_kind.values())
        return self.flow.worst_calls + max(rescues, default=0)

    @property
    def canonical(self) -> object:
        """The target and the rescues by kind."""
        rescues = {kind: flow.canonical for kind, flow in self.by_kind.items()}
        return ["rescue", self.flow.canonical, rescues]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the target's parts, or those of the rescue for its failure."""
        spoken = False
        try:
            rescued = at.rescuing(self.by_kind)
            async with aclosing(self.flow.answer(request, rescued)) as parts:
                async for part in parts:
                    spoken = spoken or part.speaks
                    yield part
        except Failure as failure:
            rescue = None if spoken else self.by_kind.get(failure.kind)
            if rescue is None:
                raise
            kind = failure.kind
        else:
            return
        await at.run.tell("fallback", at.path, kind=kind)
        async with aclosing(rescue.answer(request, at.into(f"on/{kind}"))) as parts:
            async for part in parts:
                yield part
