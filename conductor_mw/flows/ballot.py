"""What an answer votes for, and who wins a vote, as soon as that is certain."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from conductor_mw.errors import EvaluationError, Failure

from .reply import FIELDS
from .template import written

if TYPE_CHECKING:
    from conductor_mw.rules import Expression

    from .base import At, Site
    from .reply import Reply

_LONGEST_NUMBER: Final = 40


class Standing(NamedTuple):
    """How one value stands in a vote.

    Attributes:
        value: what was voted for.
        votes: how many voted for it.
        first: the position of the first that did.
    """

    value: object
    votes: int
    first: int


def normal(text: str) -> str:
    r"""Give a text in which only its words count.

    >>> normal("  The\n ANSWER is 4 ")
    'the answer is 4'
    """
    return " ".join(text.casefold().split())


def compile_by(site: Site, by: str | None) -> Expression | None:
    """Compile what `by:` of a flow says: an expression over `answer.*`."""
    if by is None:
        return None
    names = {f"answer.{field}": type_ for field, type_ in FIELDS.items()}
    return site.within(names).value(by, "by")


async def vote(by: Expression | None, reply: Reply, at: At) -> object:
    """Give what an answer votes for.

    Raises:
        Failure: of kind `invalid_output`, where the answer has no such value.
    """
    if by is None:
        return normal(reply.text)
    try:
        return await at.evaluate(by, reply.facts("answer"))
    except EvaluationError as error:
        problem = f"`by` has no value for this answer: {error.problem}"
        raise Failure("invalid_output", problem, agent=reply.agent) from error


def ballot(value: object) -> str:
    """Give a text that is equal for equal votes; 4 and 4.0 are one vote.

    >>> ballot(4.0) == ballot(4), ballot("4") == ballot(4), ballot(True) == ballot(1)
    (True, False, False)
    """
    return written(int(value) if isinstance(value, float) and value.is_integer() else value)


def number(value: object) -> float:
    """Give the number that a value is or says, or NaN where it is none.

    >>> number(" 1250.50 "), number(3), number("about 3")
    (1250.5, 3.0, nan)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def close(values: Sequence[object], tolerance: float) -> bool:
    """Say whether values are numbers that differ by no more than this.

    >>> close(["4", 4.1], 0.2), close(["4", "four"], 9)
    (True, False)
    """
    numbers = [number(value) for value in values]
    # What is compared with "not a number" is false, so one of them agrees with nothing.
    return all(abs(one - other) <= tolerance for one in numbers for other in numbers)


def standings(votes: Mapping[int, str]) -> list[Standing]:
    """Give how the values stand, the winner first: by votes, then by the order of definition.

    >>> standings({0: "a", 1: "b", 2: "b"})
    [Standing(value='b', votes=2, first=1), Standing(value='a', votes=1, first=0)]
    """
    found: dict[str, Standing] = {}
    for index in sorted(votes):
        value = votes[index]
        before = found.get(value, Standing(value, 0, index))
        found[value] = before._replace(votes=before.votes + 1)
    return sorted(found.values(), key=lambda one: (-one.votes, one.first))


def certain(
    votes: Mapping[int, str], waiting: Collection[int], *, quorum: int = 1, ties: bool = True
) -> bool:
    """Say whether the votes that are still out cannot change the result.

    Args:
        votes: the votes so far, by position.
        waiting: the positions of those who may still vote.
        quorum: votes that the winner needs.
        ties: whether the order of definition settles a tie; otherwise a tie has no winner.
    """
    if not waiting:
        return True
    ranks = standings(votes)
    most = ranks[0].votes if ranks else 0
    if most + len(waiting) < quorum:
        return True
    if not ranks or most < quorum:
        return False
    leader, *rivals = ranks
    rivals.append(Standing(None, 0, min(waiting)))  # somebody for whom nobody voted so far
    for rival in rivals:
        votes_then = rival.votes + len(waiting)
        first_then = min(rival.first, *waiting)
        if votes_then > leader.votes:
            return False
        if votes_then == leader.votes and (not ties or first_then < leader.first):
            return False
    return True
