"""Look behind odd writing: full-width digits, blanks that do not break, characters nobody sees.

Only a text that has such characters is rewritten; the others are searched as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

# Blanks and hyphens that are not the plain ones, digits of other scripts, full-width letters.
ODD: Final = (
    r"[\x{A0}\x{AD}\x{2000}-\x{2012}\x{202F}\x{2060}\x{2212}\x{3000}\x{FEFF}\x{FF01}-\x{FF5E}"
    r"\x{660}-\x{669}\x{6F0}-\x{6F9}\x{966}-\x{96F}\x{FE63}\x{1D7CE}-\x{1D7FF}\x{E0001}-\x{E007F}"
    r"\x{202A}-\x{202E}\x{2066}-\x{2069}]"
)
HIDDEN: Final = frozenset(
    (
        *(0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
)
_TAGS: Final = range(0xE0000, 0xE0080)


@dataclass(frozen=True, slots=True)
class Plain:
    """A text in plain writing, and where its characters stand in the original.

    Attributes:
        text: the plain writing.
        gaps: the place in the plain text of every character that is left out, in order.
    """

    text: str
    gaps: tuple[int, ...]

    def original(self, place: int) -> int:
        """Give the place in the original of a place in the plain text."""
        return place + bisect_right(self.gaps, place)


def plain(text: str) -> Plain:
    r"""Give a text in plain writing.

    >>> plain("\uff14\uff12 4\u200b2").text
    '42 42'
    """
    translated = text.translate(_table())
    pieces = translated.split("\x00")
    gaps = tuple(accumulate(map(len, pieces[:-1])))
    return Plain("".join(pieces), gaps)


def tags(text: str) -> str:
    """Give what a text says in Unicode's invisible tag characters; flags are no such text.

    >>> tags("ok" + "".join(chr(0xE0000 + ord(letter)) for letter in "hi"))
    'hi'
    """
    said: list[str] = []
    flag = False
    for sign in text:
        code = ord(sign)
        if code not in _TAGS:
            flag = code == 0x1F3F4
        elif not flag and 0xE0020 <= code < 0xE007F:
            said.append(chr(code - 0xE0000))
    return "".join(said)


@lru_cache(maxsize=1)
def _table() -> dict[int, int]:
    """Give what stands for what; NUL stands for what is left out, and for itself."""
    table = dict.fromkeys(HIDDEN, 0)
    for code in (0xA0, 0x202F, 0x3000, *range(0x2000, 0x200B)):
        table[code] = ord(" ")
    for code in (0x2010, 0x2011, 0x2012, 0x2212, 0xFE63):
        table[code] = ord("-")
    for code in range(0xFF01, 0xFF5F):
        table[code] = code - 0xFF01 + ord("!")
    for first in (0x660, 0x6F0, 0x966, *range(0x1D7CE, 0x1D800, 10)):
        for digit in range(10):
            table[first + digit] = ord("0") + digit
    table.update(dict.fromkeys(_TAGS, 0))
    return table
