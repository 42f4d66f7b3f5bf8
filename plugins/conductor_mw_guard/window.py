"""Look through a text that comes in pieces, and hold back only what may still be a match."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .bounds import bound
from .finder import Finder, Finding
from .kinds import AFTER, BEFORE, Compiled, Kind, compiled
from .plain import plain

_CONTEXT: Final = BEFORE + AFTER
_BLANKS: Final = " \t\n\r\f\v"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far ahead a stream must be known before a piece of it can be shown.

    Attributes:
        short: characters of the longest match that has blanks and no certain beginning.
        solid: characters of the longest match without a blank.
        any_head: finds whatever a long match begins with.
        heads: each beginning, and how long such a match may become.
    """

    short: int
    solid: int
    any_head: Compiled | None
    heads: Sequence[tuple[Compiled, int]]

    @classmethod
    def of(cls, kinds: Sequence[Kind]) -> Reach:
        """Give the reach of some kinds."""
        short, solid = 0, 0
        heads: dict[str, int] = {}
        for kind in kinds:
            whole = bound(kind.pattern)
            if kind.head:
                short = max(short, bound(kind.head).longest)
                heads[kind.head] = max(heads.get(kind.head, 0), whole.longest)
            elif whole.blank:
                short = max(short, whole.longest)
            else:
                solid = max(solid, whole.longest)
        return cls(
            short + AFTER,
            solid + AFTER,
            compiled("|".join(f"(?:{head})" for head in heads), capture=False) if heads else None,
            tuple((compiled(head, capture=False), longest) for head, longest in heads.items()),
        )

    def settled(self, text: str) -> int:
        """Give how many characters of a text no further text can change the findings of."""
        if text.isascii():
            return self._settled(text)
        view = plain(text)
        cut = self._settled(view.text)
        return view.original(cut - 1) + 1 if cut > 0 else 0

    def _settled(self, text: str) -> int:
        length = len(text)
        known = length - AFTER
        blank = max(text.rfind(sign, 0, max(0, known)) for sign in _BLANKS) + 1
        cut = min(length - self.short, max(blank, length - self.solid))
        if cut <= 0:
            return 0
        data = text.encode("utf-8", "replace")
        if self.any_head is None or self.any_head.search(data) is None:
            return cut
        for head, longest in self.heads:
            begin = 0
            while found := head.search(data, begin):
                start, end = found.span()
                place = len(data[:start].decode("utf-8", "ignore"))
                if place >= cut:
                    break
                if length - place < longest + AFTER:
                    cut = place
                    break
                begin = end
        return cut


@lru_cache(maxsize=64)
def reach(finder: Finder, names: frozenset[str]) -> Reach:
    """Give the reach of a finder's kinds of these names."""
    del names  # every kind may hide another below it, so all of them are waited for
    return Reach.of([kind for kind in finder.kinds if kind.family != "injection"])


class Window:
    """Looks through one text, piece by piece; no cut between pieces hides anything from it."""

    __slots__ = ("_before", "_finder", "_found", "_hold", "_names", "_pending", "_reach")

    def __init__(
        self,
        finder: Finder,
        names: Collection[str],
        found: Callable[[Finding, str], str],
        *,
        hold: bool = False,
    ) -> None:
        """Make a window over one text.

        Args:
            finder: finds what there is.
            names: the kinds that matter.
            found: told what was found and its text; gives what is shown in its place.
            hold: whether to show nothing before the text has ended.
        """
        self._finder = finder
        self._names = names
        self._found = found
        self._hold = hold
        self._reach = reach(finder, frozenset(names))
        self._before = ""
        self._pending = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """Give what can be shown after a further piece; everything after the last one."""
        self._pending += text
        if last:
            cut = len(self._pending)
        else:
            cut = 0 if self._hold else self._reach.settled(self._pending)
        if cut <= 0:
            return ""
        before = len(self._before)
        findings = self._finder.find(self._before + self._pending, before)
        settled = 0
        for place, one in enumerate(findings, 1):
            if one.begin - before < cut:
                cut = max(cut, one.end - before)
                settled = place
        pieces: list[str] = []
        begin = 0
        for one in findings[:settled]:
            if one.kind.name in self._names:
                start, end = one.start - before, one.end - before
                pieces += (self._pending[begin:start], self._found(one, self._pending[start:end]))
                begin = end
        pieces.append(self._pending[begin:cut])
        self._before = (self._before + self._pending[:cut])[-_CONTEXT:]
        self._pending = self._pending[cut:]
        return "".join(pieces)
