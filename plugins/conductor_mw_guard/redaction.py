"""Put placeholders in the place of what must not be sent, and the originals back into answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .analyzers import beside
from .finder import Finder, Finding

LONGEST: Final = 64
"""Characters of the longest placeholder; names of own patterns are at most 40 long."""


class Vault:
    """What the placeholders of one run stand for. Branches of the run share it.

    The same value gets the same placeholder in every message, tool call and attempt of the run,
    and no placeholder ever stands for two values.
    """

    __slots__ = ("_lock", "_numbers", "_placeholders")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._placeholders: dict[tuple[str, str], str] = {}

    def placeholder(self, kind: str, value: str, taken: Collection[str]) -> str:
        """Give the placeholder of a value.

        Args:
            kind: the kind's name.
            value: what it is to stand for.
            taken: what the text holds already and means literally.
        """
        with self._lock:
            known = self._placeholders.get((kind, value))
            if known is not None and known not in taken:
                return known
            while True:
                number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
                made = f"<{kind.upper()}_{number}>"
                if made not in taken:
                    self._placeholders[kind, value] = made
                    return made


@dataclass(frozen=True, slots=True)
class Redaction:
    """Redacts the texts of one attempt, all with the same placeholders.

    Attributes:
        finder: finds what there is.
        names: the kinds that are replaced.
        vault: the run's placeholders.
        taken: placeholders that the texts hold literally.
        texts: every text that was looked at, once.
        spotted: what analyzers found in them.
        values: what each placeholder of this attempt stands for.
        counts: how often each kind was replaced.
    """

    finder: Finder
    names: Collection[str]
    vault: Vault = field(default_factory=Vault)
    taken: set[str] = field(default_factory=set[str])
    texts: dict[str, None] = field(default_factory=dict[str, None])
    spotted: dict[str, Sequence[Finding]] = field(default_factory=dict[str, Sequence[Finding]])
    values: dict[str, str] = field(default_factory=dict[str, str])
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def look(self, text: str) -> str:
        """Learn which placeholders a text holds already; give the text. Look at all, then mask."""
        self.taken.update(literals(text))
        self.texts[text] = None
        return text

    def mask(self, text: str) -> str:
        """Give a text with placeholders in the place of what was found."""
        pieces: list[str] = []
        begin = 0
        findings = [one for one in self.finder.find(text) if one.kind.name in self.names]
        if text in self.spotted:
            spotted = [one for one in self.spotted[text] if one.end <= len(text)]
            findings = beside(findings, [one for one in spotted if one.kind.name in self.names])
        for found in findings:
            name = found.kind.name
            value = text[found.start : found.end]
            placeholder = self.vault.placeholder(name, value, self.taken)
            self.values[placeholder] = value
            self.counts[name] = self.counts.get(name, 0) + 1
            pieces += (text[begin : found.start], placeholder)
            begin = found.end
        return "".join((*pieces, text[begin:])) if pieces else text


def literals(text: str) -> list[str]:
    """Give everything in a text that has the form of a placeholder.

    >>> literals("a < b, <EMAIL_1> and <b>")
    ['<EMAIL_1>']
    """
    found: list[str] = []
    at = text.find("<")
    while at >= 0:
        end = text.find(">", at + 1, at + LONGEST)
        inside = text[at + 1 : end] if end > 0 else ""
        kind, _, number = inside.rpartition("_")
        if kind and number.isdigit() and "<" not in inside:
            found.append(f"<{inside}>")
        at = text.find("<", at + 1)
    return found


def restored(text: str, values: Mapping[str, str]) -> str:
    """Give a text with the originals back in the place of their placeholders.

    >>> restored("<EMAIL_1> and <EMAIL_2>", {"<EMAIL_1>": "ada@example.org"})
    'ada@example.org and <EMAIL_2>'
    """
    pieces: list[str] = []
    begin = 0
    at = text.find("<")
    while at >= 0:
        end = text.find(">", at + 1, at + LONGEST)
        value = values.get(text[at : end + 1]) if end > 0 else None
        if value is None:
            at = text.find("<", at + 1)
            continue
        pieces += (text[begin:at], value)
        begin = end + 1
        at = text.find("<", begin)
    return "".join((*pieces, text[begin:])) if pieces else text


class Restorer:
    """Restores a text that comes in pieces, whatever the pieces are."""

    __slots__ = ("_pending", "_value", "_values")

    def __init__(
        self, values: Mapping[str, str], value: Callable[[str], str] | None = None
    ) -> None:
        """Make a restorer of one text.

        Args:
            values: what each placeholder stands for.
            value: how a value is written in such a text, for example inside JSON.
        """
        written = values if value is None else {name: value(one) for name, one in values.items()}
        self._values = written
        self._pending = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """Give what is certain after a further piece; everything after the last one."""
        whole = self._pending + text
        cut = len(whole)
        if not last:
            at = whole.rfind("<", max(0, cut - LONGEST))
            if at >= 0 and ">" not in whole[at:]:
                cut = at
        self._pending = whole[cut:]
        return restored(whole[:cut], self._values)
