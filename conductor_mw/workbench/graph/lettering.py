"""Make hostile text harmless and short enough to draw."""

from __future__ import annotations

from typing import Final
from unicodedata import category, east_asian_width

ELLIPSIS: Final = "…"
_UNDRAWABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ZERO_WIDTH: Final = frozenset({"Mn", "Me"})
_READ_AT_MOST: Final = 20_000  # a drawing shows far less; reading more would only cost time
_STACKED_MARKS: Final = 2


def clean(text: str) -> str:
    r"""Return the text on one line, with everything replaced that could steer a display.

    Escape sequences, marks that turn the reading direction, invisible characters and lone
    surrogates become `U+FFFD`, so that a reader sees that something was there.

    >>> clean("a\n  b\x1b[31m")
    'a b�[31m'
    """
    letters: list[str] = []
    marks = 0
    for letter in " ".join(text[:_READ_AT_MOST].split()):
        kind = category(letter)
        marks = marks + 1 if kind in _ZERO_WIDTH else 0
        if marks > _STACKED_MARKS:  # a tower of accents would be drawn over the lines above it
            continue
        letters.append("\ufffd" if kind in _UNDRAWABLE else letter)
    return "".join(letters)


def cells(text: str) -> int:
    """Count the columns that a cleaned text takes in a terminal.

    >>> cells("abc"), cells("日本")
    (3, 4)
    """
    return sum(_width(letter) for letter in text)


def shorten(text: str, room: int) -> str:
    """Return the cleaned text in at most `room` columns, ending in an ellipsis if it was cut.

    >>> shorten("input.tokens < 64", 10)
    'input.tok…'
    """
    return wrap(text, room, 1)[0]


def ending(text: str, room: int) -> str:
    """Return the end of a cleaned path in at most `room` columns, after an ellipsis if cut.

    >>> ending("cascade/0/score/judge/grader", 16)
    '…/judge/grader'
    """
    shown = clean(text)
    if cells(shown) <= room:
        return shown
    rest = _head(shown[::-1], max(room - 1, 0))[::-1]
    return ELLIPSIS + rest[max(rest.find("/"), 0) :]


def wrap(text: str, room: int, count: int) -> tuple[str, ...]:
    """Return the cleaned text in one to `count` lines of at most `room` columns each.

    >>> wrap("one two three four", 9, 2)
    ('one two', 'three fo…')
    """
    # Reading a little more than can be shown is enough to know whether something was cut.
    rest = clean(text)[: 4 * room * count + 4]
    found: list[str] = []
    while len(found) < count - 1:
        head = _head(rest, room)
        if len(head) == len(rest):
            break
        space = head.rfind(" ", len(head) // 2)
        if space > 0 and rest[len(head)] != " ":
            head = head[:space]
        found.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    last = _head(rest, room)
    if len(last) < len(rest):
        last = _head(rest, max(room - 1, 0)).rstrip() + ELLIPSIS
    return (*found, last)


def _head(text: str, room: int) -> str:
    used = 0
    for position, letter in enumerate(text):
        used += _width(letter)
        if used > room:
            return text[:position]
    return text


def _width(letter: str) -> int:
    if letter.isascii():
        return 1
    if category(letter) in _ZERO_WIDTH:
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1
