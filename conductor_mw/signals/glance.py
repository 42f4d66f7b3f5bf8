"""What the classifiers see of a text: a capped excerpt, its words and its shapes.

Every classifier takes a `Glance` and nothing else, so no classifier can scan more than the cap: the
first 4,000 and the last 1,000 characters. People put the instruction before or after the material
they paste, rarely in its middle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

HEAD: Final = 4_000
TAIL: Final = 1_000
ZONE: Final = 40
"""How many words at either end count as the instruction."""

# One class and one plus: the matcher never goes back, so this is linear in the text.
_WORDS: Final = re.compile(r"[^\W_]+")
# The same for plain ASCII, some times as fast: what is no letter and no digit is a blank.
_BLANKS: Final = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))

# Marks of program text. One alone stands in prose too ("import goods"), so several are asked.
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
_FORMULA_MARKS: Final = (
    "\\frac",
    "\\boxed",
    "\\[",
    "\\sqrt",
    "\\sum",
    "\\int",
    "\\begin{",
    "$$",
    "$x",
    "$y",
    "$n",
)
_COUNTING: Final = frozenset(
    (("how", "many"), ("how", "much"), ("in", "total"), ("what", "percent"), ("what", "percentage"))
)
LONG: Final = 25
"""Words from which on a counting question tells its numbers in words ("half of them")."""


def excerpt(text: str) -> str:
    """Return the part of a text that is scanned: all of it, or its head and its tail.

    >>> len(excerpt("x" * 1_000_000))
    5001
    """
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD]}\n{text[-TAIL:]}"


def words_of(text: str) -> frozenset[str]:
    """Return the words of a table that is written as one text.

    >>> sorted(words_of("as in as"))
    ['as', 'in']
    """
    return frozenset(text.split())


def split_words(lower: str) -> list[str]:
    """Return the words of a text: runs of letters and digits of any script.

    >>> split_words("don't pay 3.50 euros")
    ['don', 't', 'pay', '3', '50', 'euros']
    """
    return lower.translate(_BLANKS).split() if lower.isascii() else _WORDS.findall(lower)


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
        formula: whether it holds formulas as LaTeX or `x^2` write them.
        counted: whether it asks for a number and gives some ("how many", "how much").
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
    formula: bool
    counted: bool

    @classmethod
    def at(cls, text: str) -> Glance:
        """Return what is seen of a text.

        >>> Glance.at("How many apples are 3 + 4?").words
        ['how', 'many', 'apples', 'are', '3', '4']
        """
        part = excerpt(text)
        lower = part.lower()
        words = split_words(lower)
        zone = words if len(words) <= 2 * ZONE else words[:ZONE] + words[-ZONE:]
        numbers = sum(map(str.isdigit, words))
        pairs = frozenset(pairwise(zone))
        return cls(
            text=part,
            lower=lower,
            words=words,
            vocabulary=frozenset(words),
            zone=zone,
            pairs=pairs,
            length=len(text),
            numbers=numbers,
            code=_holds_code(lower),
            formula=_holds_formula(lower),
            counted=not _COUNTING.isdisjoint(pairs) and (numbers > 0 or len(words) > LONG),
        )


def _holds_formula(lower: str) -> bool:
    if not any(sign in lower for sign in "\\$^"):
        return False
    if any(mark in lower for mark in _FORMULA_MARKS):
        return True
    return "^" in lower and ("=" in lower or "$" in lower)


def _holds_code(lower: str) -> bool:
    if any(mark in lower for mark in _CODE_PROOF):
        return True
    # Nearly all prose ends here, after five looks instead of fifty.
    if not any(sign in lower for sign in "({;=<"):
        return False
    found = sum(mark in lower for mark in _CODE_MARKS)
    return found >= (2 if "\n" in lower else 3)


NOTHING_SEEN: Final = Glance.at("")
