"""Find every kind in a text: one pass of a set of patterns, then only those that matched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .credentials import SECRETS
from .injections import INJECTIONS
from .kinds import Candidate, Compiled, Family, Kind, compiled, engine
from .personal import PERSONAL
from .plain import ODD, Plain, plain

BUILT_IN: Final = (*PERSONAL, *SECRETS, *INJECTIONS)
_MEMORY: Final = 64 << 20
"""Bytes that the set's automaton may take; it is built as texts need it, and takes far less."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that stands in a text.

    Attributes:
        kind: what it is.
        start: its first character.
        end: the character after its last.
        begin: where the words begin that give it away, `password is` say; or `start`.
    """

    kind: Kind
    start: int
    end: int
    begin: int = -1


class Labels(NamedTuple):
    """The names of what was found, sorted, by family."""

    pii: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    injection: tuple[str, ...] = ()


_NOTHING: Final = Labels()


class _Found(NamedTuple):
    """A match in bytes; the least of several is the one that counts."""

    start: int
    shorter: int
    rank: int
    end: int
    begin: int


class Finder:
    """Finds kinds in texts; it holds no state of any text, and threads may share it."""

    __slots__ = ("_match", "_patterns", "kinds")

    def __init__(self, kinds: Sequence[Kind]) -> None:
        """Make a finder.

        Args:
            kinds: what to look for; of two that match the same characters the first counts.

        Raises:
            ConductorError: google-re2 is not installed, or a pattern is wrong.
        """
        self.kinds = tuple(kinds)
        self._patterns: list[Compiled | None] = [None] * len(self.kinds)
        re2 = engine()
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        options.max_mem = _MEMORY
        hints: Any = re2.Set.SearchSet(options)
        # `\z` always matches: a set that does not say so ran out of memory, and then every pattern
        # is tried by itself.
        for pattern in (r"\z", ODD, *(kind.hint or kind.pattern for kind in self.kinds)):
            hints.Add(pattern)
        hints.Compile()
        self._match = hints.Match

    def labels(self, text: str) -> Labels:
        """Give the names of everything in a text."""
        data = _encoded(text)
        hits = self._match(data)
        if hits == [0]:
            return _NOTHING
        found: dict[Family, set[str]] = {"pii": set(), "secrets": set(), "injection": set()}
        self._orders(data, hits, found["injection"])
        if not hits or 1 in hits:
            data = _encoded(plain(text).text)
            hits = self._match(data)
            self._orders(data, hits, found["injection"])
        active = self._active(hits)
        wanted = {self.kinds[rank].name for rank in active}
        for one in self._walk(data, active):
            kind = self.kinds[one.rank]
            found[kind.family].add(kind.name)
            wanted.discard(kind.name)
            if not wanted:
                break
        return Labels(*(tuple(sorted(names)) for names in found.values()))

    def find(self, text: str, begin: int = 0) -> list[Finding]:
        """Give personal data and secrets of a text, in order, no two over the same characters.

        Args:
            text: the text.
            begin: where to begin; what stands before it may still tell what a match is.
        """
        data = _encoded(text)
        hits = self._match(data)
        if hits == [0]:
            return []
        view: Plain | None = None
        if not hits or 1 in hits:
            view = plain(text)
            data = _encoded(view.text)
            hits = self._match(data)
        found: list[Finding] = []
        byte = place = 0
        if begin:
            before = text[:begin] if view is None else plain(text[:begin]).text
            byte, place = len(_encoded(before)), len(before)
        for one in self._walk(data, self._active(hits), byte):
            marks: list[int] = []
            for mark in (one.begin, one.start, one.end):
                if mark > byte:
                    place += _characters(data[byte:mark])
                    byte = mark
                marks.append(place)
            first, start, end = marks
            if view is not None:
                first, start, end = (
                    view.original(first), view.original(start), view.original(end - 1) + 1
                )  # fmt: skip
            found.append(Finding(self.kinds[one.rank], start, end, first))
        return found

    def _active(self, hits: list[int] | None) -> list[int]:
        ranks = range(len(self.kinds)) if not hits else [hit - 2 for hit in sorted(hits) if hit > 1]
        return [rank for rank in ranks if self.kinds[rank].family != "injection"]

    def _orders(self, data: bytes, hits: list[int] | None, found: set[str]) -> None:
        ranks = range(len(self.kinds)) if not hits else [hit - 2 for hit in hits if hit > 1]
        for rank in ranks:
            kind = self.kinds[rank]
            if kind.family != "injection" or kind.name in found:
                continue
            if (kind.check is None and hits) or self._next(data, rank, 0) is not None:
                found.add(kind.name)

    def _walk(self, data: bytes, ranks: Iterable[int], begin: int = 0) -> Iterator[_Found]:
        """Give what stands first, then what stands first after it, and so on."""
        ahead: dict[int, _Found] = {}
        for rank in ranks:
            one = self._next(data, rank, begin)
            if one is not None:
                ahead[rank] = one
        while ahead:
            first = min(ahead.values())
            yield first
            for rank, one in list(ahead.items()):
                if one.start >= first.end:
                    continue
                following = self._next(data, rank, first.end)
                if following is None:
                    del ahead[rank]
                else:
                    ahead[rank] = following

    def _next(self, data: bytes, rank: int, begin: int) -> _Found | None:
        """Give the first match of one kind from a place on that stands its check."""
        kind = self.kinds[rank]
        pattern = self._patterns[rank]
        if pattern is None:
            pattern = compiled(kind.pattern)
            if not pattern.groups:
                pattern = compiled(kind.pattern, capture=False)
            self._patterns[rank] = pattern
        group = 1 if pattern.groups else 0
        while begin <= len(data) and (match := pattern.search(data, begin)):
            start, end = match.span(group)
            kept = end - start
            if kind.check is not None:
                kept = _kept(kind, data, start, end)
            if kept:
                return _Found(start, -kept, rank, start + kept, match.span()[0])
            begin = start + 1 if kind.inside else max(end, start + 1)
        return None


def _kept(kind: Kind, data: bytes, start: int, end: int) -> int:
    """Give how many bytes of a candidate are the thing itself."""
    candidate = Candidate(data, start, end)
    kept = kind.check(candidate) if kind.check else 0
    return end - start if kept == len(candidate.text) else len(candidate.text[:kept].encode())


def _encoded(text: str) -> bytes:
    # A lone surrogate, as broken JSON gives, matches nothing and breaks nothing.
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _characters(data: bytes) -> int:
    return len(data) if data.isascii() else len(data.decode("utf-8", "surrogatepass"))


@lru_cache(maxsize=1)
def standard() -> Finder:
    """Give the finder of everything that comes with the guard."""
    return Finder(BUILT_IN)
