"""What an answer must meet to be accepted: its scores and its condition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from conductor_mw.errors import EvaluationError, Failure
from conductor_mw.parts import Rating
from conductor_mw.scorers.scored import TELLING, scored, without_score
from conductor_mw.scorers.several import Several

from .reply import FIELDS, Reply

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression
    from conductor_mw.scorers.base import Scorer

    from .base import At, Flow, Site

PASSES: Final = "answer.score >= 0.5"
"""What `score:` without `accept:` means."""
_UNSCORED: Final = frozenset(("answer.score", "answer.scores"))


def compile_judging(
    site: Site, score: object, accept: str | None, *where: str | int, key: str = "accept"
) -> Judging:
    """Compile what `score:` and `accept:` of a mapping say; at least one of them is there.

    Args:
        site: the place of the flow.
        score: what stands below `score:`, or None.
        accept: what stands below `accept:`, or None.
        where: the position of the mapping below the flow.
        key: what the mapping calls the condition.
    """
    scorer = None if score is None else site.scorer(score, *where, "score")
    names = {f"answer.{name}": type_ for name, type_ in FIELDS.items()}
    condition = site.within(names).condition(accept or PASSES, *where, key)
    if "answer.accepted" in condition.reads:
        site.refuse(
            "`answer.accepted` is what this condition decides",
            *where,
            key,
            mend="read `answer.score`, `answer.text` or another field of the answer",
        )
    if scorer is None and not _UNSCORED.isdisjoint(condition.reads):
        site.refuse(
            "`answer.score` has no value here: nothing scores the answer",
            *where,
            key,
            mend="add `score:` beside it, for example `score: not_refusal`",
        )
    if isinstance(scorer, Several) and "answer.scores" in condition.reads:
        scorer = replace(scorer, every=True)
    return Judging(scorer, condition)


@dataclass(frozen=True, slots=True)
class Judging:
    """Rates answers: scores them, and says whether they are accepted."""

    scorer: Scorer | None
    accept: Expression

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Whom the scorers ask, each with the scorer's name on the arrow."""
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
        """Give an answer with what was found of it.

        Args:
            request: what was asked.
            reply: what was answered.
            at: where; what the scorers ask is recorded below `score`.

        Raises:
            Failure: of kind `scorer_failed`, where there is no score or the condition has no value:
                that is never a pass. A guarantee that forbids a call stays `policy_violation`.
        """
        found = reply.rating
        score, scores = found.score, found.scores
        if self.scorer is not None:
            score, scores = await self._scored(self.scorer, request, reply, at)
        try:
            facts = reply.facts("answer", only=self.accept.reads)
            if score is not None:
                facts |= {"answer.score": score, "answer.scores": dict(scores)}
            accepted = bool(await at.evaluate(self.accept, facts))
        except EvaluationError as error:
            problem = f"`accept` has no value for this answer: {error.problem}"
            raise Failure("scorer_failed", problem) from error
        except Failure as failure:
            if failure.kind in TELLING:
                raise
            raise without_score(failure, "accept") from failure
        rating = Rating(score, accepted, scores)
        await at.run.tell("rated", at.path, accepted=accepted, score=score, scores=dict(scores))
        return reply.with_rating(rating)

    async def _scored(
        self, scorer: Scorer, request: Request, reply: Reply, at: At
    ) -> tuple[float, dict[str, float]]:
        place = at.hidden("score").into("score")
        score = await scored(scorer, request, reply, place)
        return score.value, dict(score.scores) or {scorer.label: score.value}
