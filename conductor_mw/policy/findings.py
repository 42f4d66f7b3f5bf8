"""Collect what is wrong with a policy while it is read, and give as much as people read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from conductor_mw.errors import Finding, Place, Severity, nearest

SHOWN: Final = 50
"""Findings of one reading that are told; the rest is counted."""
ENOUGH: Final = 200
"""Errors after which slow checks are given up: a hostile file has a mistake in every word."""
_KEPT: Final = 1_000

Mend = str | Callable[[], str]


@dataclass(frozen=True, slots=True)
class Nearest:
    """Looks for the name that was probably meant, but only once somebody reads it.

    Comparing names is slow, and a file of five megabytes can hold a hundred thousand wrong ones.
    """

    name: str
    known: Iterable[str]

    def __call__(self) -> str:
        """Give the mend, with a name that differs only in capitals first."""
        small = self.name.lower()
        if small != self.name and small in self.known:
            return f"did you mean {small!r}?"
        return nearest(self.name, self.known)


_ELSEWHERE: Final = {
    "agent": "use",
    "condition": "when",
    "if": "when",
    "model_name": "id",
    "name": "id",
    "then": "target",
    "when": "condition",
}
"""What a key is called in other tools, or in another place of a policy, and what it is here."""
_PARAMETERS: Final = frozenset(
    {"logprobs", "max_tokens", "response_format", "stop", "temperature", "top_p"}
)


def other_key(key: str, known: Collection[str]) -> Mend:
    """Give the mend for a key that is not known here."""
    if _ELSEWHERE.get(key) in known:
        return f"did you mean {_ELSEWHERE[key]!r}?"
    if key in _PARAMETERS and "parameters" in known:
        return f"write it below `parameters:`, as in parameters: {{{key}: ...}}"
    return Nearest(key, known) if known else ""


class Findings:
    """Everything that is wrong with one policy so far.

    Attributes:
        errors: how many errors there are.
        cut: whether looking for further ones was given up.
    """

    def __init__(self) -> None:
        self.errors = 0
        self.cut = False
        self._kept: dict[Finding, Mend] = {}
        self._left = 0

    def add(
        self, place: Place, code: str, problem: str, mend: Mend = "", severity: Severity = "error"
    ) -> None:
        """Take in one finding; the same one twice counts once."""
        finding = Finding(place, code, problem, "", severity)
        if finding in self._kept:
            return
        self.errors += severity == "error"
        if len(self._kept) >= _KEPT:
            self._left += 1
            return
        self._kept[finding] = mend

    @property
    def enough(self) -> bool:
        """Whether so much is wrong that looking for more helps nobody; remembers the answer."""
        self.cut = self.cut or self.errors >= ENOUGH
        return self.cut

    def told(self) -> list[Finding]:
        """Give the errors, or the warnings if there are none, in the order of the text."""
        severity: Severity = "error" if self.errors else "warning"
        found = sorted(finding for finding in self._kept if finding.severity == severity)
        told = [
            Finding(one.place, one.code, one.problem, _said(self._kept[one]), one.severity)
            for one in found[:SHOWN]
        ]
        left = len(found) - len(told) + self._left
        if left:
            more = "and many more" if self.cut else f"and {left} more"
            told.append(Finding(told[-1].place, "more", more, "", severity))
        return told


def _said(mend: Mend) -> str:
    return mend if isinstance(mend, str) else mend()
