"""An answer as the cache keeps it: what was said, without anything of the host's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, cast

from conductor_mw import Finish, Part, ToolCall, Usage, joined_tool_calls

FORM: Final = b"conductor-mw cache 1 "
_PIECE: Final = 80
"""Characters of a replayed part: about a line."""
_OVERHEAD: Final = 600
"""Bytes of an entry in memory beside its texts, measured with `tracemalloc` on CPython 3.11."""


# Not frozen, though nobody changes one: a frozen one takes three times as long to make.
@dataclass(slots=True)
class Kept:
    """A whole answer.

    Attributes:
        text: what the agent said.
        reasoning: what it told of its reasoning.
        tool_calls: the tools it wants to call.
        usage: the tokens that its call took.
        finish: `stop` or `tool_calls`.
        made: the UTC second at which it was whole.
    """

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage | None
    finish: Finish
    made: float

    @classmethod
    def of(cls, parts: Sequence[Part], finish: Finish, made: float) -> Kept:
        """Give the answer that these parts make up."""
        if len(parts) == 1:
            only = parts[0]
            calls = joined_tool_calls(parts) if only.tool_calls else ()
            return cls(only.text, only.reasoning, calls, only.usage, finish, made)
        return cls(
            "".join([part.text for part in parts]),
            "".join([part.reasoning for part in parts]),
            joined_tool_calls(parts),
            next((part.usage for part in reversed(parts) if part.usage is not None), None),
            finish,
            made,
        )

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        texts = len(self.text) + len(self.reasoning)
        for call in self.tool_calls:
            texts += len(call.arguments) + _OVERHEAD
        return _OVERHEAD + 2 * texts

    def parts(self, *, stream: bool) -> list[Part]:
        """Give the answer again: in several parts where the caller streams, else in one.

        None of them has a `native`, so the host's lens shows each in the host's own form.
        """
        if not stream:
            return [Part(self.text, self.reasoning, self.tool_calls, self.usage, self.finish)]
        parts = [Part(reasoning=piece) for piece in _pieces(self.reasoning)]
        parts += [Part(piece) for piece in _pieces(self.text)]
        if self.tool_calls:
            parts.append(Part(tool_calls=self.tool_calls))
        parts.append(Part(usage=self.usage, finish=self.finish))
        return parts

    def to_bytes(self, key: bytes) -> bytes:
        """Give the entry of a store: a form, a check sum over key and content, and JSON."""
        usage = self.usage
        body = json.dumps(
            {
                "text": self.text,
                "reasoning": self.reasoning,
                "tool_calls": [
                    [call.index, call.id, call.name, call.arguments] for call in self.tool_calls
                ],
                "usage": None
                if usage is None
                else [
                    usage.input_tokens,
                    usage.output_tokens,
                    usage.cached_tokens,
                    usage.reasoning_tokens,
                ],
                "finish": self.finish,
                "made": self.made,
            },
            separators=(",", ":"),
        ).encode("ascii")
        return FORM + _sum(key, body) + b"\n" + body


def read_kept(entry: bytes, key: bytes) -> Kept | None:
    """Give the answer of a store's entry; None where it is damaged, foreign, or of another key."""
    head, _, body = entry.partition(b"\n")
    if head != FORM + _sum(key, body):
        return None
    try:
        stated: dict[str, Any] = json.loads(body)
        usage = stated["usage"]
        return Kept(
            stated["text"],
            stated["reasoning"],
            tuple(ToolCall(*call) for call in stated["tool_calls"]),
            None if usage is None else Usage(*usage),
            cast("Finish", stated["finish"]),
            stated["made"],
        )
    except (ValueError, KeyError, TypeError):  # whole, and yet of another form
        return None


def _sum(key: bytes, body: bytes) -> bytes:
    return sha256(key + body).hexdigest().encode("ascii")


def _pieces(text: str) -> Iterator[str]:
    """Give a text in pieces that end after a blank, where there is one."""
    begin = 0
    while begin < len(text):
        end = begin + _PIECE
        if end < len(text):
            blank = text.rfind(" ", begin, end)
            end = blank + 1 if blank >= begin else end
        yield text[begin:end]
        begin = end
