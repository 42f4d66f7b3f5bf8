"""A request as the engine carries it: the host's own payload, and a lens that can read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol

from .parts import Part, Usage


@dataclass(frozen=True, slots=True)
class Message:
    """A message as signals read it.

    Attributes:
        role: `system`, `user`, `assistant` or `tool`.
        text: its text; pieces that are not text are left out.
        media: the kinds of its other pieces, for example `("image",)`.
        tool_calls: the names of the tools it calls.
    """

    role: str
    text: str
    media: tuple[str, ...] = ()
    tool_calls: tuple[str, ...] = ()


class Weight(NamedTuple):
    """How heavy a request is; what is counted often is counted here, in one walk.

    Attributes:
        size: UTF-8 bytes of every text that `Lens.pieces` gives.
        messages: how many messages there are.
        media: how many images, sounds and files they hold.
        turns: how many of the messages are the user's.
    """

    size: int
    messages: int
    media: int
    turns: int


class Lens(Protocol):
    """How the core reads and changes a host's payload without converting it.

    A lens holds no state. Every reading method takes the payload as the host made it; every method
    that makes a new payload leaves the given one as it was.
    """

    def text(self, native: object) -> str:
        """Give the text of the last user message."""
        ...

    def messages(self, native: object) -> Sequence[Message]:
        """Give all messages, oldest first."""
        ...

    def tools(self, native: object) -> Sequence[str]:
        """Give the names of the tools the request offers."""
        ...

    def parameters(self, native: object) -> Mapping[str, object]:
        """Give the call's other parameters, for example `temperature` and `model`."""
        ...

    def size(self, native: object) -> int:
        """Give the number of UTF-8 bytes of everything that would be sent."""
        ...

    def pieces(self, native: object) -> Iterable[str]:
        """Give every text that would be sent: of messages, tool calls and tools, not of media."""
        ...

    def weight(self, native: object) -> Weight:
        """Give the request's weight; `input.tokens` and `input.turns` ask for it."""
        ...

    def plain(self, native: object) -> Mapping[str, object] | None:
        """Give everything that shapes the answer as plain data, for example as the key of a cache.

        Equal data must mean equal answers, and the answer must be one that `show` can make again
        from its parts. None where that is not so: the request is then never answered from a cache.
        """
        ...

    def with_system(self, native: object, prompt: str) -> object:
        """Give a payload whose conversation is led by this system prompt."""
        ...

    def with_parameters(self, native: object, parameters: Mapping[str, object]) -> object:
        """Give a payload with these parameters set, the others kept."""
        ...

    def redacted(self, native: object, mask: Callable[[str], str]) -> object:
        """Give a payload in which every text went through `mask`."""
        ...

    def fresh(self, native: object, text: str) -> object:
        """Give a payload with one user message and none of the conversation, tools kept out."""
        ...

    def shortened(self, native: object, dropped: Collection[int], note: str = "") -> object:
        """Give a payload without some messages.

        Args:
            native: the payload.
            dropped: the positions of the messages to leave out, as `messages` numbers them.
            note: a user message that stands in their place, or an empty string.
        """
        ...

    def read(self, native: object) -> Part:
        """Read an answer, or a chunk of one, as the host's models give it."""
        ...

    def usage_after(self, so_far: Usage, report: Usage) -> Usage:
        """Give the tokens after a further report: their sum, or the report where it is a total."""
        ...

    def show(self, part: Part) -> object:
        """Give the host's form of one part that no model of the host made."""
        ...

    def join(self, parts: Sequence[Part]) -> object:
        """Give the host's whole answer for the parts of one stream."""
        ...


_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the app.

    Attributes:
        native: the host's payload, untouched; only `lens` knows its form.
        lens: reads and changes `native`.
        metadata: what the app says about the request, for example tenant and tier.
        stream: whether the caller reads the answer part by part.
    """

    native: object
    lens: Lens
    metadata: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    stream: bool = False

    @property
    def text(self) -> str:
        """The text of the last user message."""
        return self.lens.text(self.native)

    @property
    def messages(self) -> Sequence[Message]:
        """All messages, oldest first."""
        return self.lens.messages(self.native)

    @property
    def tools(self) -> Sequence[str]:
        """The names of the tools that the request offers."""
        return self.lens.tools(self.native)

    @property
    def parameters(self) -> Mapping[str, object]:
        """The call's other parameters, for example `temperature`."""
        return self.lens.parameters(self.native)

    @property
    def size(self) -> int:
        """UTF-8 bytes of everything that would be sent."""
        return self.lens.size(self.native)

    def with_native(self, native: object) -> Request:
        """Give the same request with another payload."""
        # By hand: `dataclasses.replace` takes four times as long.
        return Request(native, self.lens, self.metadata, self.stream)
