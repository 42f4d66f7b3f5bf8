"""`accept:` and `score:` on an agent or a step: an answer that is not good enough is a failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conductor_mw.errors import Failure
from conductor_mw.parts import Part

from .accepting import Judging, compile_judging
from .reply import collect

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow, Site


def compile_gate(
    flow: Flow, site: Site, score: object, accept: str | None, *where: str | int
) -> Accepted:
    """Give a flow whose answers are those of another one that were accepted.

    Args:
        flow: whose answers.
        site: the place of the flow.
        score: what stands below `score:`, or None.
        accept: what stands below `accept:`, or None; at least one of the two is there.
        where: the position of the mapping that holds them, below the site's flow.
    """
    return Accepted(flow, compile_judging(site, score, accept, *where))


@dataclass(frozen=True, slots=True)
class Accepted:
    """Gives an answer once it is accepted. Until then the caller sees nothing of it.

    Attributes:
        flow: whose answers.
        judging: what they must meet.
        agent: the agent whose own `accept:` this is; empty for a step's.
        worst_calls: the answer, and one rating of it.
    """

    flow: Flow
    judging: Judging
    agent: str = ""
    # Counted once: agents check each other, and would be counted over and over.
    worst_calls: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count the answer, and one rating of it."""
        object.__setattr__(self, "worst_calls", self.flow.worst_calls + self.judging.worst_calls)

    @property
    def label(self) -> str:
        """The word in a drawing."""
        return "accept"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Whose answers, then whom the scorers ask."""
        return (("", self.flow), *self.judging.children)

    @property
    def canonical(self) -> object:
        """Its meaning; for an agent's own gate only the id: the fingerprint holds it once."""
        return ["agent", self.agent] if self.agent else self.meaning

    @property
    def meaning(self) -> object:
        """Whose answers, and what they must meet."""
        return ["accept", self.flow.canonical, self.judging.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the accepted answer.

        Raises:
            Failure: of kind `low_confidence`, where it was not accepted; of kind `scorer_failed`,
                where nobody could tell.
        """
        # An agent's calls keep their place whether or not its answers are checked.
        below, rating = (at, at.into(self.agent)) if self.agent else (at.into("accept"),) * 2
        purpose = "candidate" if at.purpose == "answer" else at.purpose
        reply = await collect(self.flow, request, below.hidden(purpose).judged())
        reply = await self.judging.rate(request, reply, rating)
        if not reply.rating.accepted:
            raise Failure("low_confidence", _problem(reply.rating.score), agent=reply.agent)
        for part in reply.parts:
            yield part


def _problem(score: float | None) -> str:
    told = "" if score is None else f"; its score is {score:.3g}"
    return f"the answer was not accepted{told}"
