"""Ask one scorer, and take nothing but a number from 0 to 1 for a score."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from conductor_mw.effects import NO_TERMS
from conductor_mw.errors import Failure

if TYPE_CHECKING:
    from conductor_mw.flows.base import At
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request

    from .base import Score, Scorer

# Any other failure of somebody whom a scorer asked would read as one of the answer's own agent.
TELLING: Final = frozenset(("scorer_failed", "policy_violation"))


async def scored(
    scorer: Scorer, request: Request, reply: Reply, at: At, name: str | None = None
) -> Score:
    """Give the score of an answer, a number from 0 to 1 whatever the scorer said.

    Args:
        scorer: who scores.
        request: what was asked.
        reply: what was answered.
        at: where the scores of this answer are recorded; the scorer's name is put behind it.
        name: its name there, where its label is taken.

    Raises:
        Failure: of kind `scorer_failed` or `policy_violation`.
    """
    name = name or scorer.label
    # What the step says to its agent, and who stands ready for it, is not for whoever scores it.
    place = replace(at.into(name), terms=NO_TERMS, rescued=frozenset())
    try:
        score = await scorer.score(request, reply, place)
    except Failure as failure:
        if failure.kind in TELLING:
            raise
        raise without_score(failure, name) from failure
    value = cast("object", score.value)  # a plugin's scorer may give anything
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        problem = f"the scorer {name!r} gave no number from 0 to 1"
        raise Failure("scorer_failed", problem)
    return score


def without_score(failure: Failure, label: str) -> Failure:
    """Give the failure of a scorer whose own asking failed."""
    problem = f"the scorer {label!r} gave no score: {failure.problem}"
    return Failure("scorer_failed", problem, agent=failure.agent, mend=failure.mend)
