"""What an answer must meet to be accepted: its scores and its condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conductor_mw.parts import Rating

from .reply import FIELDS, Reply

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression
    from conductor_mw.scorers.base import Scorer

    from .base import At, Flow, Site


def compile_judging(site: Site, score: object, accept: str | None, *where: str | int) -> Judging:
    """Compile `score:` and `accept:`."""
    scorer = None if score is None else site.scorer(score, *where, "score")
    reading = site.within({f"answer.{name}": type_ for name, type_ in FIELDS.items()})
    condition = reading.condition(accept or "answer.score >= 0.5", *where, "accept")
    return Judging(scorer, condition)


@dataclass(frozen=True, slots=True)
class Judging:
    """Rates answers."""

    scorer: Scorer | None
    accept: Expression

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Whom the scorers ask."""
        return () if self.scorer is None else self.scorer.children

    @property
    def worst_calls(self) -> int:
        """The calls that one rating can cost."""
        return 0 if self.scorer is None else self.scorer.worst_calls

    @property
    def canonical(self) -> object:
        """Its meaning as plain JSON."""
        scorer = None if self.scorer is None else self.scorer.canonical
        return [scorer, self.accept.canonical]

    async def rate(self, request: Request, reply: Reply, at: At) -> Reply:
        """Give the reply with its rating."""
        score = None
        if self.scorer is not None:
            score = (await self.scorer.score(request, reply, at)).value
            reply = reply.with_rating(Rating(score))
        accepted = bool(await at.evaluate(self.accept, reply.facts("answer")))
        return reply.with_rating(Rating(score, accepted))
