"""The proxy's hooks learn who answers a stream before its reader reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from conductor_mw_litellm.hearing import Heard, Opening, heard, listen, opened, tell

LONG = 60.0
SHORT = 0.01


class Stream:
    """A stream that says who answers with its second chunk, when it is let on."""

    def __init__(self, heard: Heard) -> None:
        self.on = asyncio.Event()
        self.closed = False
        self.opening = Opening(self._chunks(heard), heard)

    async def _chunks(self, heard: Heard) -> AsyncGenerator[str, None]:
        try:
            yield "role"
            await self.on.wait()
            heard.headers, heard.known = {"x-conductor-agent": "small"}, True
            yield "word"
            yield "end"
        finally:
            self.closed = True


async def read(opening: Opening) -> list[str]:
    return [chunk async for chunk in opening]


async def test_the_first_word_says_who_answers_and_is_still_there_to_read() -> None:
    known = Heard()
    stream = Stream(known)
    stream.on.set()

    await stream.opening.wait(LONG)

    assert known.headers == {"x-conductor-agent": "small"}
    assert await read(stream.opening) == ["role", "word", "end"]


async def test_who_waits_too_long_lets_the_reader_wait() -> None:
    stream = Stream(Heard())

    await stream.opening.wait(SHORT)
    reading = asyncio.create_task(read(stream.opening))
    stream.on.set()

    assert await reading == ["role", "word", "end"]


async def test_a_stream_that_is_closed_while_somebody_waits_stops() -> None:
    stream = Stream(Heard())
    await stream.opening.wait(SHORT)

    await stream.opening.aclose()

    assert stream.closed


async def test_a_reader_that_is_cancelled_stops_the_stream() -> None:
    stream = Stream(Heard())
    await stream.opening.wait(SHORT)
    reading = asyncio.create_task(read(stream.opening))
    await asyncio.sleep(0)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert stream.closed


async def test_a_hook_that_is_cancelled_stops_the_stream() -> None:
    stream = Stream(Heard())
    waiting = asyncio.create_task(stream.opening.wait(LONG))
    await asyncio.sleep(SHORT)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert stream.closed


async def test_a_failure_is_raised_to_the_reader_and_not_to_the_hook() -> None:
    async def failing() -> AsyncGenerator[str, None]:
        yield "role"
        raise LookupError("nobody")

    opening = Opening(failing(), Heard())

    await opening.wait(LONG)

    assert await anext(opening) == "role"
    with pytest.raises(LookupError, match="nobody"):
        await anext(opening)


async def test_an_empty_stream_is_empty() -> None:
    async def nothing() -> AsyncGenerator[str, None]:
        return
        yield ""

    opening = Opening(nothing(), Heard())
    await opening.wait(LONG)

    assert await read(opening) == []


async def test_only_the_request_that_is_listened_to_is_heard() -> None:
    async def request(agent: str) -> str:
        listen()
        await asyncio.to_thread(tell, {"x-conductor-agent": agent})  # LiteLLM calls in a thread
        found = heard()
        assert found is not None
        return found.headers["x-conductor-agent"]

    agents = [str(number) for number in range(8)]

    assert await asyncio.gather(*map(request, agents)) == agents
    assert heard() is None


async def test_nothing_stands_between_a_stream_and_its_reader_where_nobody_listens() -> None:
    async def chunks() -> AsyncGenerator[str, None]:
        yield "word"

    stream = chunks()

    assert opened(stream) is stream
    await stream.aclose()
