"""The four ways to ask a conductor, as one function that a test can be parametrised with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, closing
from typing import Any, Final, Literal

from conductor_mw.answer import Answer
from conductor_mw.conductor import Conductor
from conductor_mw.parts import Part
from conductor_mw.prompt import Prompt

Colour = Literal["sync", "async"]
Way = Literal["call", "acall", "stream", "astream"]
COLOURS: Final[Sequence[Colour]] = ("sync", "async")
WAYS: Final[Sequence[Way]] = ("call", "acall", "stream", "astream")
STREAMS: Final[Sequence[Way]] = ("stream", "astream")


def ask(conductor: Conductor, prompt: Prompt, *, way: Way, **options: Any) -> Answer:
    """Give the answer to a prompt, asked in one of the four ways.

    Args:
        conductor: whom to ask.
        prompt: a text or messages.
        way: `call`, `acall`, `stream` or `astream`.
        options: as for `Conductor.call`.
    """
    if way == "call":
        return conductor.call(prompt, **options)
    if way == "acall":
        return asyncio.run(conductor.acall(prompt, **options))
    if way == "stream":
        stream = conductor.stream(prompt, **options)
        for _ in stream:
            pass
        return stream.answer

    async def read() -> Answer:
        parts = conductor.astream(prompt, **options)
        async for _ in parts:
            pass
        return parts.answer

    return asyncio.run(read())


def read_one(conductor: Conductor, prompt: Prompt, *, way: Way, **options: Any) -> Part:
    """Give the first part of a stream and stop reading, as an impatient caller does."""
    if way in ("call", "stream"):
        with closing(conductor.stream(prompt, **options)) as parts:
            return next(parts)

    async def read() -> Part:
        async with aclosing(conductor.astream(prompt, **options)) as parts:
            return await anext(parts)

    return asyncio.run(read())
