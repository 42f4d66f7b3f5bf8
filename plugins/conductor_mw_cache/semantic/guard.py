"""Say in what two questions differ that a vector cannot tell: numbers, names, negation, order.

An embedding finds that two texts are about the same thing. Whether they ask the same of it, it does
not know: "from Paris to Rome" and "from Rome to Paris" have a cosine of 0.998. This guard is made
of words and knows English ones; it is there to say no.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from .words import (
    ASKING,
    DIRECTIONS,
    EMPTY,
    HOW,
    NEGATIONS,
    NUMBERS,
    PAST,
    PRESENT,
    RIVALS,
    Word,
    stem,
    words_of,
)


def disagreement(one: str, other: str) -> str:
    """Give in what two questions differ, in a word; '' where nothing was found.

    >>> disagreement("Flights from Paris to Rome", "Flights from Rome to Paris")
    'names'
    >>> disagreement("How do I reset my password?", "How can I reset the password?")
    ''
    """
    a, b = words_of(one), words_of(other)
    return next((name for name, differ in _CHECKS if differ(a, b)), "") or _subject(a, b)


def _differ_in_numbers(a: Sequence[Word], b: Sequence[Word]) -> bool:
    return _numbers(a) != _numbers(b)


def _differ_in_names(a: Sequence[Word], b: Sequence[Word]) -> bool:
    names = _names(a) | _names(b)
    return _in_order(a, names) != _in_order(b, names)


def _differ_in_negation(a: Sequence[Word], b: Sequence[Word]) -> bool:
    return _negated(a) != _negated(b) or _negated_words(a, b)


def _differ_in_asking(a: Sequence[Word], b: Sequence[Word]) -> bool:
    ones, others = _asks(a), _asks(b)
    return bool(ones and others) and ones != others


def _differ_in_tense(a: Sequence[Word], b: Sequence[Word]) -> bool:
    return _tense(a) * _tense(b) < 0


def _are_opposed(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether one says `before` where the other says `after`."""
    ones, others = {stem(word.plain) for word in a}, {stem(word.plain) for word in b}
    right = others - ones
    return any(RIVALS.get(word, frozenset()) & right for word in ones - others)


_CHECKS: Final = (
    ("numbers", _differ_in_numbers),
    ("names", _differ_in_names),
    ("negation", _differ_in_negation),
    ("question word", _differ_in_asking),
    ("tense", _differ_in_tense),
    ("opposites", _are_opposed),
)


def _numbers(words: Sequence[Word]) -> list[str]:
    found: list[str] = []
    for word in words:
        if any(letter.isdigit() for letter in word.plain):
            found.append(word.plain.replace(",", ""))
        elif word.plain in NUMBERS:
            found.append(NUMBERS[word.plain])
    return found


def _names(words: Sequence[Word]) -> set[str]:
    """Give the words that are written like names; the first of a sentence is written like one."""
    return {
        word.plain
        for word in words
        if word.plain not in EMPTY
        and (
            (word.text[0].isupper() and not word.first)
            or (len(word.text) > 1 and word.text.isupper())
        )
    }


def _in_order(words: Sequence[Word], names: set[str]) -> list[str]:
    return [word.plain for word in words if word.plain in names]


def _negated(words: Sequence[Word]) -> bool:
    return any(word.plain in NEGATIONS or word.plain.endswith("n't") for word in words)


def _negated_words(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether one says `unsafe` where the other says `safe`."""
    ones, others = {word.plain for word in a}, {word.plain for word in b}
    return any(
        f"{start}{word}" in there
        for here, there in ((ones - others, others - ones), (others - ones, ones - others))
        for word in here
        for start in ("un", "non", "in", "im", "ir", "il", "dis", "de", "mis")
        if len(word) > 2
    )


def _asks(words: Sequence[Word]) -> set[str]:
    found = {ASKING[word.plain] for word in words if word.plain in ASKING}
    for before, word in pairwise(words):
        if before.plain == "how" and word.plain in HOW:
            found.add(f"how {word.plain}")
    return found


def _tense(words: Sequence[Word]) -> int:
    plain = {word.plain for word in words}
    return bool(plain & PRESENT) - bool(plain & PAST)


def _content(words: Sequence[Word]) -> list[str]:
    return [stem(word.plain) for word in words if word.plain not in EMPTY]


def _subject(a: Sequence[Word], b: Sequence[Word]) -> str:
    ones, others = _content(a), _content(b)
    left, right = set(ones) - set(others), set(others) - set(ones)
    if not left and not right:
        directed = any(word.plain in DIRECTIONS for word in (*a, *b))
        # The same words in another order: who does what to whom is another question.
        return "order" if directed and [*dict.fromkeys(ones)] != [*dict.fromkeys(others)] else ""
    # One word in the place of another, as `cats` for `dogs`; a synonym is lost with it.
    return "one word" if len(left) <= 1 and len(right) <= 1 else ""
