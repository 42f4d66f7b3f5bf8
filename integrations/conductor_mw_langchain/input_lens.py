"""How the core reads and changes the input of a chain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from conductor_mw import Part, Weight

from .inputs import Input
from .joining import joined
from .lens import LangChainLens
from .outputs import read_output, shown
from .values import masked_value

_MARKS: Final = 2
"""What the marks around a text count."""


class InputLens(LangChainLens):
    """Reads and changes an `Input`.

    What signals read of its messages is what they read of the same messages in every host. Where
    messages or a text are one field of several, the texts of the others count and are searched too:
    the chain is given them all.
    """

    __slots__ = ()

    def size(self, native: object) -> int:
        """Give the number of UTF-8 bytes of everything that the chain is given."""
        return super().size(native) + sum(_bytes(text) + _MARKS for text in _of(native).beside)

    def pieces(self, native: object) -> Iterator[str]:
        """Give every text that the chain is given."""
        yield from super().pieces(native)
        yield from _of(native).beside

    def weight(self, native: object) -> Weight:
        """Give the input's weight."""
        found = super().weight(native)
        beside = sum(_bytes(text) for text in _of(native).beside)
        return found._replace(size=found.size + beside) if beside else found

    def plain(self, native: object) -> Mapping[str, object] | None:
        """Give None: an answer may be any object, and no cache can keep that."""
        del native
        return None

    def redacted(self, native: object, mask: Callable[[str], str]) -> object:
        """Give an input in which every text, of whatever field, went through `mask`."""
        old, changed = _of(native), _of(super().redacted(native, mask))
        asked = changed.messages if old.messages is old.asked else old.asked
        return replace(changed, value=masked_value(old.value, mask), asked=asked)

    def fresh(self, native: object, text: str) -> object:
        """Give an input that says this text in the place of its messages."""
        return replace(_of(super().fresh(native, text)), said=frozenset())

    def shortened(self, native: object, dropped: Collection[int], note: str = "") -> object:
        """Give an input without the messages at these positions; a note may stand for them."""
        if dropped or note:
            return super().shortened(native, dropped, note)
        old, kept = _of(native), list(_of(native).messages)
        asked = kept if old.messages is old.asked else old.asked
        return replace(old, messages=kept, asked=asked)

    def read(self, native: object) -> Part:
        """Read an answer of whatever kind."""
        return read_output(native)

    def show(self, part: Part) -> object:
        """Give a part as a chain's caller expects it: a text where no chain spoke."""
        return next(iter(shown(part)), "")

    def join(self, parts: Sequence[Part]) -> object:
        """Give what the parts add up to."""
        chunks = [chunk for part in parts for chunk in shown(part)]
        return joined(chunks) if chunks else ""


INPUT_LENS: Final = InputLens()
"""The one lens; it holds no state."""


def _of(native: object) -> Input:
    payload: Any = native
    found: Input = payload
    return found


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
