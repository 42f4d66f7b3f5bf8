"""input.domain: which field a text is about, by the words of that field.

Each word of a field's list gives its points once, however often it stands there. The field with
most points wins if it has at least two; otherwise the text is `general`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .glance import Glance

GENERAL: Final = "general"

_WORDS: Final[Mapping[str, str]] = {
    "software": "python javascript java code function algorithm database server api sql linux network "
    "software compiler array string bug computer programming memory processor encryption def assert",
    "math": "equation integer integers polynomial triangle matrix theorem integral derivative algebra "
    "probability sum sqrt frac prime cos sin vector graph circle angle radius digits ring group",
    "science": "energy force mass velocity electron atom molecule acid reaction temperature cell "
    "species dna protein planet star voltage current circuit chemical gas wavelength gravity plants",
    "health": "patient patients disease symptoms treatment doctor blood pain drug medical clinical "
    "diagnosis infection cancer therapy virus muscle nerve diet vitamin health hospital",
    "law": "court law plaintiff defendant contract statute jury liable liability constitutional "
    "evidence crime murder attorney lawsuit damages legal judge property tort amendment",
    "finance": "price market demand supply tax income inflation bank investment stock interest cost "
    "revenue accounting firm capital economy monetary profit shares loan budget",
    "history": "war century empire king revolution treaty ancient dynasty colonial medieval soviet "
    "roman historical civilization president excerpt",
    "philosophy": "moral ethics argument philosophy kant god religion virtue utilitarian belief "
    "buddhist buddhism islam christian premise fallacy morally wrong",
    "psychology": "psychology behavior cognitive personality child children memory anxiety "
    "psychologist therapist emotional social attachment learning counselor",
    "society": "government policy political state states international society sociology security "
    "election democracy media public population rights gender",
    "commerce": "order invoice refund delivery customer product shipping subscription account payment "
    "brand marketing advertising management employees sales",
}


def _invert() -> dict[str, tuple[int, ...]]:
    holders: dict[str, list[int]] = {}
    for position, words in enumerate(_WORDS.values()):
        for word in words.split():
            holders.setdefault(word, []).append(position)
    return {word: tuple(places) for word, places in holders.items()}


_FIELDS: Final = tuple(_WORDS)
DOMAINS: Final = (GENERAL, *_FIELDS)
"""Every value of `input.domain`."""
_PLACES: Final = _invert()
_KNOWN: Final = frozenset(_PLACES)


def domain_of(glance: Glance) -> str:
    """Return the field that a text is about, one of `DOMAINS`.

    >>> domain_of(Glance.at("The defendant appealed to the court"))
    'law'
    >>> domain_of(Glance.at("Nice weather today"))
    'general'
    """
    scores = [0] * len(_FIELDS)
    for word in glance.vocabulary & _KNOWN:
        for position in _PLACES[word]:
            scores[position] += 1
    best = max(scores)
    return _FIELDS[scores.index(best)] if best >= 2 else GENERAL  # noqa: PLR2004
