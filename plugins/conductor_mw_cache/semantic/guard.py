"""Say in what two questions differ that a vector cannot tell: numbers, names, negation, order.

An embedding finds that two texts are about the same thing. Whether they ask the same of it, it does
not know: "from Paris to Rome" and "from Rome to Paris" have a cosine of 0.998. This guard is made
of words and knows English ones; it is there to say no.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    if _numbers(a) != _numbers(b):
        return "numbers"
    names = _names(a) | _names(b)
    if _in_order(a, names) != _in_order(b, names):
        return "names"
    if _negated(a) != _negated(b) or _negated_words(a, b):
        return "negation"
    if _asks(a) and _asks(b) and _asks(a) != _asks(b):
        return "question word"
    if _tense(a) * _tense(b) < 0:
        return "tense"
    if _opposed(a, b):
        return "opposites"
    directed = any(word.plain in DIRECTIONS for word in (*a, *b))
    return _subject(_content(a), _content(b), directed=directed)


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
    for before, word in zip(words, words[1:], strict=False):
        if before.plain == "how" and word.plain in HOW:
            found.add(f"how {word.plain}")
    return found


def _tense(words: Sequence[Word]) -> int:
    plain = {word.plain for word in words}
    return bool(plain & PRESENT) - bool(plain & PAST)


def _opposed(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether one says `before` where the other says `after`."""
    ones, others = {stem(word.plain) for word in a}, {stem(word.plain) for word in b}
    right = others - ones
    return any(RIVALS.get(word, frozenset()) & right for word in ones - others)


def _content(words: Sequence[Word]) -> list[str]:
    return [stem(word.plain) for word in words if word.plain not in EMPTY]


def _subject(a: Sequence[str], b: Sequence[str], *, directed: bool) -> str:
    left, right = set(a) - set(b), set(b) - set(a)
    if not left and not right:
        # The same words in another order: who does what to whom is another question.
        return "order" if directed and [*dict.fromkeys(a)] != [*dict.fromkeys(b)] else ""
    if len(left) <= 1 and len(right) <= 1:
        return "one word"  # as `cats` for `dogs`; a synonym is lost with it
    return ""
