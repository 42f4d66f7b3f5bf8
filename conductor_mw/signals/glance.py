"""What the classifiers see of a text: a capped excerpt, its words and its shapes, found in one pass.

Every classifier takes a `Glance` and nothing else, so no classifier can scan more than the cap: the
first 4,000 and the last 1,000 characters. People put the instruction before or after the material
they paste, rarely in its middle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEAD: Final = 4_000
TAIL: Final = 1_000
ZONE: Final = 40
"""How many words at either end count as the instruction."""

# One class and one plus: the matcher never goes back, so this is linear in the text.
_WORDS: Final = re.compile(r"[^\W_]+")

# Marks of program text. One alone also stands in prose ("import goods", "a => b"), so two are asked.
_CODE_MARKS: Final = (
    "def ",
    "class ",
    "import ",
    "return ",
    "function ",
    "function(",
    "const ",
    "let ",
    "var ",
    "public ",
    "static ",
    "void ",
    "#include",
    "struct ",
    "fn ",
    "func ",
    "=> ",
    "->",
    "==",
    "!=",
    "&&",
    "||",
    "();",
    ");",
    "){",
    ") {",
    "};",
    "</",
    "/>",
    "self.",
    "print(",
    "console.log",
    "select * from",
    "elif ",
    "else:",
    "else {",
    "if (",
    "for (",
    "while (",
    "+= ",
    "++",
    "[python]",
    "#!/",
    "$ sudo ",
    "npm ",
    "pip install",
    "git ",
    "docker ",
    "null",
    "none:",
    "int ",
    "    return",
)
# Any of these alone is program text or what programs print when they fail.
_CODE_PROOF: Final = (
    "```",
    "traceback (most recent call last)",
    "#include <",
    "#!/bin/",
    "public static void",
    "<?php",
    "<!doctype html",
    "select * from",
    "insert into ",
    "create table ",
    "import numpy",
    "console.log(",
    "system.out.print",
    "    def ",
    "if __name__",
    "typeerror:",
    "nullpointerexception",
)


def excerpt(text: str) -> str:
    """Return the part of a text that is scanned: all of it, or its head and its tail.

    >>> len(excerpt("x" * 1_000_000))
    5001
    """
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD]}\n{text[-TAIL:]}"


@dataclass(frozen=True, slots=True)
class Glance:
    """Words and shapes of a capped excerpt.

    Attributes:
        text: the excerpt.
        lower: the excerpt in lower case.
        words: its words in lower case, in order; numbers are words too.
        vocabulary: its words, each once.
        zone: the first and the last 40 words, where an instruction stands.
        pairs: neighbouring words of the zone.
        length: characters of the whole text.
        numbers: how many of the words are numbers.
        code: whether the excerpt holds program text.
    """

    text: str
    lower: str
    words: Sequence[str]
    vocabulary: frozenset[str]
    zone: Sequence[str]
    pairs: frozenset[tuple[str, str]]
    length: int
    numbers: int
    code: bool

    @classmethod
    def at(cls, text: str) -> Glance:
        """Return what is seen of a text.

        >>> Glance.at("How many apples are 3 + 4?").words
        ['how', 'many', 'apples', 'are', '3', '4']
        """
        part = excerpt(text)
        lower = part.lower()
        words: list[str] = _WORDS.findall(lower)
        zone = words if len(words) <= 2 * ZONE else words[:ZONE] + words[-ZONE:]
        return cls(
            text=part,
            lower=lower,
            words=words,
            vocabulary=frozenset(words),
            zone=zone,
            pairs=frozenset(zip(zone, zone[1:], strict=False)),
            length=len(text),
            numbers=sum(map(str.isdigit, words)),
            code=_holds_code(lower),
        )


def _holds_code(lower: str) -> bool:
    if any(mark in lower for mark in _CODE_PROOF):
        return True
    found = 0
    for mark in _CODE_MARKS:
        if mark in lower:
            found += 1
    return found >= (2 if "\n" in lower else 3)


NOTHING_SEEN: Final = Glance.at("")
