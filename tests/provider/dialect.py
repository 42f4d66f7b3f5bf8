"""What the server needs to know of a dialect, and how JSON of unknown shape is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from .brain import Question, Reply

Body = Mapping[str, Any]
Event = tuple[str | None, dict[str, Any]]
"""An event of a stream: its name, where the dialect names events, and its data."""
PIECE: Final = 7
"""Characters of a tool call's arguments in one event; it cuts words and escapes in the middle."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to ask and answer over HTTP.

    Attributes:
        path: where questions are posted.
        headers: what every answer carries.
        end: what a stream closes with.
        signed: whether the headers of a request carry a key.
        fault: what the real endpoint would refuse about a conversation, or None.
        question: reads a request.
        error: tells a status, with a message of its own or the usual one.
        completion: tells an answer at once.
        events: tells an answer piece by piece.
    """

    path: str
    headers: Mapping[str, str]
    end: bytes
    signed: Callable[[Mapping[str, str]], bool]
    fault: Callable[[Body], str | None]
    question: Callable[[Body], Question]
    error: Callable[[int, str | None], dict[str, Any]]
    completion: Callable[[Body, Reply], dict[str, Any]]
    events: Callable[[Body, Reply], Iterator[Event]]


def parts(content: object) -> Sequence[Body]:
    """Give the blocks of a message's content; none where it is a text."""
    return cast("list[Body]", content) if isinstance(content, list) else ()


def text_of(content: object) -> str:
    """Give what a message's content says."""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in parts(content) if part["type"] == "text")
