"""input.language: which language a text is written in, by its script and its commonest words.

Scripts that one language mostly uses decide at once (Greek, Hebrew, Thai, Korean, ...). Latin and
Cyrillic texts are decided by stop words and by letters that few languages have. A text that shows
too little is `und`, as ISO 639 names what is not determined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from .glance import Glance
from .tongues import LETTERS, SCRIPTS, STOP_WORDS

UNKNOWN: Final = "und"
SCANNED: Final = 1_000
"""Characters whose script is looked at; stop words are counted in the whole excerpt."""

# In the order of the table: on equal points the more widely written language wins.
_LANGUAGES: Final = tuple(STOP_WORDS)


_WHOLE: Final = 27_720
"""The points of a word that one language has; it divides by every number up to 12."""
_ENOUGH: Final = _WHOLE // 2
_SINGLE: Final = _WHOLE * 2 // 5
"""The points of a word of one letter, which may be a variable or the mark of a list."""


def _invert(table: Mapping[str, Iterable[str]]) -> dict[str, tuple[tuple[int, int], ...]]:
    holders: dict[str, list[int]] = {}
    for position, language in enumerate(_LANGUAGES):
        for word in table.get(language, ()):
            places = holders.setdefault(word, [])
            if position not in places:
                places.append(position)
    return {word: _shared(word, places) for word, places in holders.items()}


def _shared(word: str, places: Sequence[int]) -> tuple[tuple[int, int], ...]:
    # Whole numbers, because sums of fractions would depend on the order of a set, which differs
    # from process to process.
    whole = _SINGLE if word.isascii() and len(word) == 1 else _WHOLE
    return tuple((position, whole // len(places)) for position in places)


_WORD_WEIGHTS: Final = _invert({name: words.split() for name, words in STOP_WORDS.items()})
_LETTER_WEIGHTS: Final = _invert(LETTERS)

LANGUAGES: Final = tuple(
    sorted({*_LANGUAGES, *(name for _, _, name in SCRIPTS if len(name) == 2), "ar", "fa", "ur"})
)
"""Every code that `input.language` may have, apart from `und`."""


def language_of(glance: Glance) -> str:
    """Return the ISO 639-1 code of a text's language, or `und`.

    >>> language_of(Glance.at("Wie kann ich meine Rechnung herunterladen?"))
    'de'
    >>> language_of(Glance.at("Как дела?")), language_of(Glance.at("42"))
    ('ru', 'und')
    """
    if not glance.lower.isascii():
        script = _script(glance.lower[:SCANNED])
        if script == "arabic":
            return _arabic(glance.lower[:SCANNED])
        if script and script != "cyrillic":
            return script
    return _by_words(glance)


def _script(text: str) -> str:
    counts: dict[str, int] = {}
    latin = 0
    for character in set(text):
        code = ord(character)
        if code < 0x0370:
            latin += character.isalpha()
            continue
        for first, last, name in SCRIPTS:
            if first <= code <= last:
                counts[name] = counts.get(name, 0) + 1
                break
    if not counts:
        return ""
    if "ja" in counts:
        # Japanese mixes its syllables with Chinese characters, and only Japanese does.
        return "ja"
    name = max(sorted(counts), key=counts.__getitem__)
    # A foreign name or a formula's Greek letter does not make a text foreign.
    return name if counts[name] * 2 > latin or counts[name] > 20 else ""


def _arabic(text: str) -> str:
    letters = set(text)
    if letters & set("ٹڈڑںے"):
        return "ur"
    if letters & set("پچژگ"):
        return "fa"
    return "ar"


def _by_words(glance: Glance) -> str:
    scores = [0] * len(_LANGUAGES)
    for word in glance.words:
        for position, weight in _WORD_WEIGHTS.get(word, ()):
            scores[position] += weight
    if not glance.lower.isascii():
        for letter in set(glance.lower):
            for position, weight in _LETTER_WEIGHTS.get(letter, ()):
                scores[position] += weight
    best = max(scores)
    # One word that a dozen languages share says nothing.
    if best < _ENOUGH:
        return UNKNOWN
    return _LANGUAGES[scores.index(best)]
