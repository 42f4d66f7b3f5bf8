"""Read what a chain gave: whatever it is goes on untouched, and its text is what judges read."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.prompt_values import PromptValue

from conductor_mw import Part

from .reading import read_message
from .values import fields_of, json_text

KEYS: Final = ("messages", "output", "answer", "result", "response", "text", "content")
"""Where in a mapping the answer stands; the first that holds a text or messages counts."""
LONGEST: Final = 1_000_000
"""Characters of an answer's JSON that are read."""
DATA: Final = ("data",)
"""What a chunk without a text brings."""


class Nothing(Enum):
    """What stands for None: a part whose native is None was made by no chain."""

    NOTHING = "nothing"


NOTHING: Final = Nothing.NOTHING


def read_output(native: object) -> Part:
    """Read a whole answer: a text, a message, a mapping with an answer in it; else it is JSON."""
    part = _read(native)
    return Part(json_text(native, LONGEST)[:LONGEST], native=native) if part is None else part


def read_chunk(native: object) -> Part:
    """Read a chunk of an answer; one without a text is shown all the same."""
    part = _read(native)
    return Part(native=native, media=DATA) if part is None else part


def shown(part: Part) -> list[Any]:
    """Give what a caller sees of a part: nothing of one that only reports."""
    native = part.native
    if native is NOTHING:
        return [None]
    if native is not None:
        return [native]
    return [part.text] if part.text else []


def _read(native: object) -> Part | None:
    if isinstance(native, str):
        return Part(native, native=native)
    if native is None:
        return Part(native=NOTHING)
    if isinstance(native, AIMessage):
        return read_message(native, native)
    text = _said(native)
    if text is None:
        text = _in_fields(native)
    return None if text is None else Part(text, native=native)


def _in_fields(native: object) -> str | None:
    fields = fields_of(native)
    if fields is None:
        return None
    for key in KEYS:
        text = _said(fields.get(key))
        if text is not None:
            return text
    for update in fields.values():  # of a graph's `stream`: what each node changed
        inner = fields_of(update)
        text = None if inner is None else _said(inner.get("messages"))
        if text is not None:
            return text
    return None


def _said(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, BaseMessage):
        return str(value.text)
    if isinstance(value, PromptValue):
        return value.to_string()
    if isinstance(value, tuple):  # of a graph's `stream_mode="messages"`
        value = list(cast("tuple[Any, ...]", value)[:1])
    if isinstance(value, list):
        items = cast("list[Any]", value)
        messages = [one for one in items if isinstance(one, BaseMessage)]
        if messages and len(messages) == len(items):
            of_model = [one for one in messages if isinstance(one, AIMessage)]
            return str((of_model or messages)[-1].text)
    return None
