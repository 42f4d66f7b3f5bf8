"""input.complexity: how much a request asks for, from its length, its demands and its kind.

Points: length of the text, number of questions, words that demand care ("step by step", "prove",
"trade-offs", "constraints"), numbered demands, mathematics or program text. Few points are `low`,
many are `high`. It measures the request, not how hard its subject is: a short question can be deep.
"""

from __future__ import annotations

from typing import Final

from .glance import Glance, words_of

COMPLEXITIES: Final = ("low", "medium", "high")
"""Every value of `input.complexity`."""

_DEMANDS: Final = words_of(
    "prove derive design architect analyze analyse evaluate compare optimize optimise debug "
    "refactor constraints requirements tradeoffs tradeoff justify comprehensive detailed "
    "thorough rigorous strategy plan multi multiple steps step reasoning deduce consider "
    "considering assumptions implications complexity edge cases concurrency distributed "
    "proof theorem algorithm scenario scenarios clues analysiere bewerte vergleiche begründe "
    "ausführlich analysez comparez détaillé analiza compara detallado"
)
_MEDIUM: Final = 2
_HIGH: Final = 5


def complexity_of(glance: Glance) -> str:
    """Return `low`, `medium` or `high`.

    >>> complexity_of(Glance.at("What is the capital of France?"))
    'low'
    """
    points = points_of(glance)
    if points < _MEDIUM:
        return "low"
    return "medium" if points < _HIGH else "high"


def points_of(glance: Glance) -> int:
    """Return the points; `complexity_of` cuts them at 2 and 5."""
    lower = glance.lower
    length = glance.length
    points = (length > 300) + (length > 1_200) + (length > 4_000)
    points += min(3, len(glance.vocabulary & _DEMANDS))
    points += min(2, max(0, lower.count("?") - 1))
    points += min(2, sum(mark in lower for mark in ("\n1.", "\n2.", "\n3.", "\n- ", "\n* ")))
    points += glance.code
    points += "\\frac" in lower or "\\sum" in lower or "\\int" in lower
    points += glance.numbers >= 6
    return points
