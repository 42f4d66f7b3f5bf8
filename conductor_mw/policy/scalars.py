"""What a plain word in YAML means: the core schema of YAML 1.2, and nothing of YAML 1.1.

`no`, `on` and `12:30` are text, `010` is ten and `1e3` is a number.
"""

from __future__ import annotations

import math
import re
from typing import Final

LONGEST_NUMBER: Final = 100
"""Characters. Python's own conversion of a longer number takes quadratic time."""

_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER_BEGINS: Final = frozenset("-+.0123456789")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

Scalar = str | int | float | bool | None


def plain(text: str) -> Scalar:  # noqa: PLR0911 - one for each kind of scalar
    """Give the value of an unquoted word.

    Raises:
        ValueError: it is a number that a policy cannot hold; the message says why.

    >>> [plain(word) for word in ("no", "12:30", "010", "1e3", "0x1F", "~", "True")]
    ['no', '12:30', 10, 1000.0, 31, None, True]
    """
    if text[:1] not in _NUMBER_BEGINS:
        return _WORDS.get(text, text)
    if len(text) > LONGEST_NUMBER:
        if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
            raise ValueError(f"a number has {len(text)} characters, {LONGEST_NUMBER} are allowed")
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError(f"the number {text} is too large")
        return number
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"the number {text} is not finite")
    return text
