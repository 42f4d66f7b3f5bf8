"""input.type: what kind of task a request is, from the words that ask and the shapes of the text.

Every kind collects points: from asking words in the instruction (the first and last 40 words), from
pairs of neighbouring words there, from words of the matter anywhere, and from shapes (program text,
numbers, length, question marks). The kind with most points wins; ties go to the kind that stands
first in `TYPES`. Nobody's points reaching the threshold, the text is `chat`, `simple` or
`analysis` by its form alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .cues import (
    COURTESIES,
    FIRST_PERSON,
    LOGIC,
    MATTER,
    OPENERS,
    PAIRS,
    SCRIPTS,
    TYPES,
    ZONE_WORDS,
)
from .glance import LONG, Glance

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
    zone = frozenset(glance.zone)
    for word in glance.vocabulary & _MATTER_WORDS:
        for position, points in MATTER[word]:
            scores[position] += points
    for word in zone & _ZONE_WORDS:
        for position, points in ZONE_WORDS[word]:
            scores[position] += points
    for pair in glance.pairs & _PAIRS:
        for position, points in PAIRS[pair]:
            scores[position] += points
    for position, points in OPENERS.get(_opener(glance.words), ()):
        scores[position] += points
    _add_shapes(glance, zone, scores)
    return scores


def _opener(words: Sequence[str]) -> str:
    for word in words[:8]:
        if word not in COURTESIES:
            return word
    return ""


def _add_shapes(glance: Glance, zone: frozenset[str], scores: list[float]) -> None:
    lower, words = glance.lower, len(glance.words)
    asks = "?" in lower
    if glance.code:
        scores[_CODE] += 4.0
    if not zone.isdisjoint(FIRST_PERSON):
        # Somebody who tells of himself and asks wants something done; a question of
        # knowledge seldom says "I".
        scores[_SUPPORT] += 0.5 if words > 120 else 2.0 if asks and words >= 8 else 1.0
    if words <= 30:
        scores[_SIMPLE] += 1.0 if asks else 0.5
    if words <= 6 and not asks:
        scores[_CHAT] += 1.5
    _add_mathematics(glance, scores)
    if not lower.isascii():
        if not LOGIC.isdisjoint(lower):
            scores[_REASONING] += 4.0
        for mark, kind in SCRIPTS.items():
            if mark in lower:
                scores[_INDEX[kind]] += 4.0


def _add_mathematics(glance: Glance, scores: list[float]) -> None:
    lower, words, numbers = glance.lower, len(glance.words), glance.numbers
    if glance.formula:
        scores[_MATH] += 4.0
        if not glance.code:
            scores[_CODE] -= 3.0  # mathematics has functions, loops and sets of its own
    if glance.counted:
        # "How many keys has a piano?" asks for a fact; a problem tells a story first.
        scores[_MATH] += 2.5 if words >= LONG else 0.5
    if numbers >= 3 and numbers * 8 >= words:
        scores[_MATH] += 1.5
    if "\na. " in lower and "\nb. " in lower:
        scores[_SIMPLE] += 1.0
        if numbers >= 4 and numbers * 4 >= words:
            scores[_MATH] += 2.5  # most of the choices are numbers


def _by_form(glance: Glance) -> str:
    words = len(glance.words)
    if words <= 4 and "?" not in glance.lower:
        return "chat"
    return "simple" if words <= 60 else "analysis"


_MATTER_WORDS: Final = frozenset(MATTER)
_ZONE_WORDS: Final = frozenset(ZONE_WORDS)
_PAIRS: Final = frozenset(PAIRS)
_INDEX: Final = {name: position for position, name in enumerate(TYPES)}
_CODE, _MATH, _SUPPORT = _INDEX["code"], _INDEX["math"], _INDEX["support"]
_SIMPLE, _CHAT, _REASONING = _INDEX["simple"], _INDEX["chat"], _INDEX["reasoning"]
