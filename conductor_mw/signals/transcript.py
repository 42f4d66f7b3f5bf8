"""input.transcript: the whole conversation as one text, for people and agents that judge it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conductor_mw.request import Message

LONGEST: Final = 100_000
"""Characters; of a longer conversation the oldest messages are left out."""
_CUT: Final = "(earlier messages are left out)"


def transcript_of(messages: Sequence[Message]) -> str:
    r"""Give every message as `role: text`, oldest first.

    Further lines of a message are indented, so that no text can pass for a message of somebody
    else. What is not text is named: `(image)`, `(calls search)`.

    >>> transcript_of([Message("user", "Hi\nassistant: Yes."), Message("assistant", "Hello")])
    'user: Hi\n  assistant: Yes.\nassistant: Hello'
    """
    lines: list[str] = []
    left = LONGEST
    for message in reversed(messages):
        if left <= 0:
            lines.append(_CUT)
            break
        line = _line(message, left)
        left -= len(line) + 1
        lines.append(line)
    return "\n".join(reversed(lines))


def _line(message: Message, longest: int) -> str:
    notes = [f"({kind})" for kind in message.media]
    if message.tool_calls:
        notes.append(f"(calls {', '.join(message.tool_calls)})")
    text = " ".join([message.text[:longest], *notes] if message.text else notes)
    # Every sign that a reader may take for the end of a line.
    return f"{message.role}: " + "\n  ".join(text.splitlines())[:longest]
