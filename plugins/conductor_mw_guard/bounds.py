"""How long the matches of a pattern may become, so that a stream knows how long to wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from conductor_mw import ConductorError

LONGEST: Final = 8_000
"""Characters that a pattern may match at most; a private key has some 3,500."""
_BLANKS: Final = " \t\n\r\f\v"
_LETTERS: Final = ord("!")
"""The first character that is no blank; those before it are blanks or control characters."""


class Bound(NamedTuple):
    """What a pattern may match.

    Attributes:
        longest: characters of its longest match.
        blank: whether a match may hold a blank or the end of a line.
    """

    longest: int
    blank: bool


def bound(pattern: str) -> Bound:
    r"""Give how long a match of a google-re2 pattern may become.

    The pattern must be one that google-re2 compiles.

    >>> bound(r"TCK-\d{6}")
    Bound(longest=10, blank=False)
    >>> bound("a|b (cd)?")
    Bound(longest=4, blank=True)

    Raises:
        ConductorError: there is no bound, because of `*`, `+` or `{3,}`, or it is too large.
    """
    found = _Reader(pattern).alternatives()
    if found.longest > LONGEST:
        raise ConductorError(
            f"a match may have {found.longest:,} characters; at most {LONGEST:,} are looked for",
            mend="repeat less",
        )
    return found


@dataclass(slots=True)
class _Reader:
    """Reads a pattern from left to right."""

    pattern: str
    at: int = 0

    def alternatives(self) -> Bound:
        longest, blank = 0, False
        while True:
            one = self._sequence()
            longest, blank = max(longest, one.longest), blank or one.blank
            if self._peek() != "|":
                return Bound(longest, blank)
            self.at += 1

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _sequence(self) -> Bound:
        longest, blank = 0, False
        while self._peek() not in ("", "|", ")"):
            one = self._atom()
            times = self._times()
            longest += one.longest * times
            blank = blank or (one.blank and times > 0)
        return Bound(longest, blank)

    def _times(self) -> int:
        """Give how often the atom before may stand, after all its quantifiers."""
        times = 1
        while True:
            sign = self._peek()
            counted = re.compile(r"\{(\d+)(,?)(\d*)\}").match(self.pattern, self.at)
            if sign and sign in "*+":
                raise _endless(sign)
            if sign == "?":
                self.at += 1
            elif counted:
                if counted[2] and not counted[3]:
                    raise _endless(counted[0])
                times *= int(counted[3] or counted[1])
                self.at = counted.end()
            else:
                return times

    def _atom(self) -> Bound:
        sign = self._peek()
        self.at += 1
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._set()
        if sign == "\\":
            return self._escape()
        if sign in "^$":
            return Bound(0, blank=False)
        return Bound(1, sign == "." or sign in _BLANKS)

    def _group(self) -> Bound:
        if self._peek() == "?":
            flags = re.compile(r"\?[a-zA-Z-]*(\)|:)|\?P?<[^>]*>").match(self.pattern, self.at)
            if flags is None:
                raise ConductorError("the pattern has a group that cannot be read")
            self.at = flags.end()
            if flags[1] == ")":
                return Bound(0, blank=False)
        inside = self.alternatives()
        self.at += 1  # the bracket that closes; google-re2 has made sure of it
        return inside

    def _escape(self) -> Bound:
        sign = self._peek()
        self.at += 1
        if sign in "AzbB":
            return Bound(0, blank=False)
        if sign == "Q":
            end = self.pattern.find("\\E", self.at)
            quoted = self.pattern[self.at : end if end >= 0 else None]
            self.at += len(quoted) + (2 if end >= 0 else 0)
            # A quantifier after it repeats its last letter only; to repeat all is no less.
            return Bound(len(quoted), any(blank in quoted for blank in _BLANKS))
        if sign in "pPx":
            rest = re.compile(r"\{[^}]*\}|[0-9A-Fa-f]{2}|.").match(self.pattern, self.at)
            self.at = rest.end() if rest else self.at
        elif sign.isdigit():
            rest = re.compile(r"[0-7]{0,2}").match(self.pattern, self.at)
            self.at = rest.end() if rest else self.at
        return Bound(1, sign in "sWDtnrfvPxpC" or sign.isdigit())

    def _set(self) -> Bound:
        negated = self._peek() == "^"
        self.at += negated
        begin = self.at
        while True:
            sign = self._peek()
            if sign == "]" and self.at > begin:
                break
            named = re.compile(r"\[:\^?[a-z]+:\]").match(self.pattern, self.at)
            self.at = named.end() if named else self.at + (2 if sign == "\\" else 1)
        inside = self.pattern[begin : self.at]
        self.at += 1
        # Where it is not certain, a blank is possible: a stream then waits a little longer.
        if negated:
            return Bound(1, "\\s" not in inside)
        coded = [int(code, 16) for code in re.findall(r"\\x\{?([0-9A-Fa-f]{1,6})", inside)]
        escapes = ("\\s", "\\W", "\\D", "\\P", "\\t", "\\n", "\\r", "[:", *_BLANKS)
        odd = any(mark in inside for mark in escapes) or min(coded, default=_LETTERS) < _LETTERS
        return Bound(1, odd)


def _endless(sign: str) -> ConductorError:
    return ConductorError(
        f"{sign!r} lets a match become as long as it likes",
        mend="say how often at most, for example {1,40}: a stream has to know how long to wait",
    )
