"""Read what somebody says who was asked for a score; whatever else it is, is no score."""

from __future__ import annotations

from typing import Final, cast

from conductor_mw.errors import Failure
from conductor_mw.flows.reply import parsed

from .base import Score

_KEYS: Final = frozenset(("score", "because"))
_LONGEST: Final = 500


def read_verdict(text: str, scale: float, *, bare: bool = False) -> Score:
    """Give the score that an answer says.

    Nothing is guessed and nothing is put right: a score that is out of range may be a slip, or the
    work of a text that was to be scored.

    Args:
        text: the answer.
        scale: the score that counts as 1.
        bare: whether a number alone is a score too, and a mapping may say more than that: a worker
            that runs tests tells how many passed as well.

    Raises:
        Failure: of kind `scorer_failed`.

    >>> read_verdict('{"score": 7, "because": "Two of three."}', 10)
    Score(value=0.7, because='Two of three.', scores={})
    """
    said = parsed(text)
    if not isinstance(said, dict):
        if bare:
            return Score(_number(said, scale))
        raise Failure("scorer_failed", "the verdict is no JSON mapping")
    fields = cast("dict[str, object]", said)
    more = not bare and fields.keys() - _KEYS
    if more or "score" not in fields:
        raise Failure("scorer_failed", "the verdict does not have the keys score and because")
    because = fields.get("because", "")
    if not isinstance(because, str):
        raise Failure("scorer_failed", "the verdict's `because` is no text")
    return Score(_number(fields["score"], scale), because[:_LONGEST])


def _number(value: object, scale: float) -> float:
    # NaN and the infinities fail the comparison; a boolean is an int in Python and no score.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= scale:
        raise Failure("scorer_failed", f"the verdict is no number from 0 to {scale:g}")
    return value / scale
