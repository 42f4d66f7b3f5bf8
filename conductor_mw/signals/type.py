"""input.type: what kind of task a request is, from the words that ask and the shapes of the text.

Every kind collects points: from asking words in the instruction (the first and last 40 words), from
pairs of neighbouring words there, from words of the matter anywhere, and from shapes (program text,
numbers, length, question marks). The kind with most points wins; ties go to the kind that stands
first in `TYPES`. Nobody's points reaching the threshold, the text is `chat`, `simple` or
`analysis` by its form alone.
"""

from __future__ import annotations

from typing import Final

from .cues import MATTER, OPENERS, PAIRS, TYPES, ZONE_WORDS
from .glance import Glance

_INDEX: Final = {name: position for position, name in enumerate(TYPES)}
_THRESHOLD: Final = 1.5


def type_of(glance: Glance) -> str:
    """Return the kind of task, one of `TYPES`.

    >>> type_of(Glance.at("Write a Python function that reverses a string"))
    'code'
    >>> type_of(Glance.at("Who painted the Night Watch?"))
    'simple'
    >>> type_of(Glance.at("Übersetze diesen Satz ins Englische: Guten Morgen"))
    'translation'
    """
    scores = points_of(glance)
    best = max(scores)
    if best < _THRESHOLD:
        return _by_form(glance)
    return TYPES[scores.index(best)]


def points_of(glance: Glance) -> list[float]:
    """Return the points of each kind, in the order of `TYPES`."""
    scores = [0.0] * len(TYPES)
    for word in glance.vocabulary & _MATTER_WORDS:
        for position, points in MATTER[word]:
            scores[position] += points
    for word in frozenset(glance.zone) & _ZONE_WORDS:
        for position, points in ZONE_WORDS[word]:
            scores[position] += points
    for pair in glance.pairs & _PAIRS:
        for position, points in PAIRS[pair]:
            scores[position] += points
    for word in glance.words[:3]:
        if word in OPENERS:
            for position, points in OPENERS[word]:
                scores[position] += points
            break
    _add_shapes(glance, scores)
    return scores


_MATTER_WORDS: Final = frozenset(MATTER)
_ZONE_WORDS: Final = frozenset(ZONE_WORDS)
_PAIRS: Final = frozenset(PAIRS)


def _add_shapes(glance: Glance, scores: list[float]) -> None:
    lower = glance.lower
    if glance.code:
        scores[_INDEX["code"]] += 3.0
    if "$" in lower and ("\\" in lower or "^" in lower or lower.count("$") >= 2):  # noqa: PLR2004
        scores[_INDEX["math"]] += 2.0
    if "\\frac" in lower or "\\boxed" in lower or "\\[" in lower:
        scores[_INDEX["math"]] += 2.0
    words = len(glance.words)
    if glance.numbers >= 2 and "?" in lower and glance.numbers * 25 >= words and not glance.code:  # noqa: PLR2004
        scores[_INDEX["math"]] += 1.0
    if words <= 30 and "?" in lower and "\n" not in lower.strip():  # noqa: PLR2004
        scores[_INDEX["simple"]] += 1.0


def _by_form(glance: Glance) -> str:
    words = len(glance.words)
    if words <= 4 and "?" not in glance.lower:  # noqa: PLR2004
        return "chat"
    return "simple" if words <= 60 else "analysis"  # noqa: PLR2004
