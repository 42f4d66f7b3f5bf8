"""input.domain: which field a text is about, by the words of that field and the shapes of the text.

Each word of a field's list gives its points once, however often it stands there. Program text gives
points to `software`; formulas, counted things and many numbers give some to `math`. The field with
most points wins if it has at least three; otherwise the text is `general`.
"""

from __future__ import annotations

from typing import Final

from .fields import FIELDS
from .glance import Glance

GENERAL: Final = "general"
DOMAINS: Final = (GENERAL, *FIELDS)
"""Every value of `input.domain`."""

_THRESHOLD: Final = 3
_NAMES: Final = tuple(FIELDS)
_SOFTWARE: Final = _NAMES.index("software")
_MATH: Final = _NAMES.index("math")


def domain_of(glance: Glance) -> str:
    """Return the field that a text is about, one of `DOMAINS`.

    >>> domain_of(Glance.at("The defendant appealed to the court"))
    'law'
    >>> domain_of(Glance.at("Nice weather today"))
    'general'
    """
    scores = [0] * len(_NAMES)
    for word in glance.vocabulary & _KNOWN:
        for position, points in _POINTS[word]:
            scores[position] += points
    if glance.code:
        scores[_SOFTWARE] += 4
    if glance.formula:
        scores[_MATH] += 4
    if glance.counted:
        scores[_MATH] += 3
    if glance.numbers >= 3 and glance.numbers * 8 >= len(glance.words):
        scores[_MATH] += 2
    best = max(scores)
    return _NAMES[scores.index(best)] if best >= _THRESHOLD else GENERAL


def _invert() -> dict[str, tuple[tuple[int, int], ...]]:
    holders: dict[str, dict[int, int]] = {}
    for position, rows in enumerate(FIELDS.values()):
        for points, words in rows.items():
            for word in words.split():
                holders.setdefault(word, {})[position] = points
    return {word: tuple(places.items()) for word, places in holders.items()}


_POINTS: Final = _invert()
_KNOWN: Final = frozenset(_POINTS)
