"""Who stops reading early leaves nothing behind, and many at once do not disturb each other."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import litellm
import pytest

from conductor_mw import Conductor, Money, Request
from tests.litellm.calls import HELLO, ask, offered

BUDGET = """
agents: [{id: talker, price: {input: 1000, output: 1000}, max_output_tokens: 100}]
routing: {default: talker}
plugins: {budget: {dollars: 1000, every: total}}
"""

pytestmark = pytest.mark.usefixtures("litellm_loop")


class Talker:
    """Speaks without an end, and knows whether somebody still listens."""

    def __init__(self) -> None:
        self.talking = 0

    def sync(self, request: Request) -> Iterator[str]:
        del request
        self.talking += 1
        try:
            while True:
                yield "word "
        finally:
            self.talking -= 1

    async def asynchronous(self, request: Request) -> Any:
        del request
        self.talking += 1
        try:
            while True:
                yield "word "
                await asyncio.sleep(0)
        finally:
            self.talking -= 1


def account(conductor: Conductor) -> tuple[bool, bool]:
    """Whether the budget holds dollars for a call under way, and whether it spent some."""
    budget: Any = conductor.layer("budget")
    (found,) = budget.status()
    return found.held > Money(), found.spent > Money()


HOLDING, SETTLED = (True, False), (False, True)


@pytest.fixture
def talker() -> Talker:
    return Talker()


def talking(speak: Any) -> Conductor:
    return Conductor.from_text(BUDGET, agents={"talker": speak})


def opened_sync() -> Any:
    made: Any = litellm.completion("conductor/main", HELLO, stream=True, max_tokens=50)
    assert next(made).choices[0].delta.content == "word "
    return made


def test_a_sync_reader_who_stops_ends_the_run(talker: Talker) -> None:
    conductor = talking(talker.sync)
    with offered(main=conductor):
        made = opened_sync()
        assert (talker.talking, account(conductor)) == (1, HOLDING)
        made.completion_stream.close()  # LiteLLM's wrapper has no close of its own

        assert (talker.talking, account(conductor)) == (0, SETTLED)


def test_a_sync_reader_who_forgets_the_stream_ends_the_run(talker: Talker) -> None:
    conductor = talking(talker.sync)
    with offered(main=conductor):
        made = opened_sync()
        del made
        patience = time.monotonic() + 20
        while talker.talking and time.monotonic() < patience:
            time.sleep(0.01)  # LiteLLM's own threads may hold it for a moment
            gc.collect()

        assert (talker.talking, account(conductor)) == (0, SETTLED)


async def _opened() -> Any:
    made: Any = await litellm.acompletion(
        model="conductor/main", messages=HELLO, stream=True, max_tokens=50
    )
    first = await anext(made)
    assert first.choices[0].delta.content == "word "
    return made


def test_an_async_reader_who_closes_ends_the_run(talker: Talker) -> None:
    async def read() -> None:
        made = await _opened()
        assert (talker.talking, account(conductor)) == (1, HOLDING)
        await made.aclose()
        assert (talker.talking, account(conductor)) == (0, SETTLED)

    conductor = talking(talker.asynchronous)
    with offered(main=conductor):
        asyncio.run(read())


def test_an_async_reader_who_is_cancelled_leaves_no_task(talker: Talker) -> None:
    async def read_on(begun: asyncio.Event) -> None:
        made = await _opened()
        try:
            async for _ in made:
                begun.set()
        finally:
            await made.aclose()

    async def cancelled() -> set[str]:
        begun = asyncio.Event()
        reading = asyncio.create_task(read_on(begun))
        await begun.wait()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return {str(task.get_coro()) for task in others if "Logging" not in str(task.get_coro())}

    conductor = talking(talker.asynchronous)
    with offered(main=conductor):
        left = asyncio.run(cancelled())

    assert (talker.talking, account(conductor)) == (0, SETTLED)
    assert left == set()


ECHO = "agents: [{id: echo}]\nrouting: {default: echo}"


def echoed(request: Request) -> str:
    return f"You said {request.text}."


def asked(number: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"{number}"}]


def test_fifty_threads_are_each_given_their_own_answer() -> None:
    def run(number: int) -> str:
        asyncio.set_event_loop(asyncio.new_event_loop())  # LiteLLM asks a thread for its loop
        try:
            return ask("stream" if number % 2 else "completion", messages=asked(number)).text
        finally:
            asyncio.get_event_loop().close()
            asyncio.set_event_loop(None)

    with (
        offered(main=Conductor.from_text(ECHO, agents={"echo": echoed})),
        ThreadPoolExecutor(50) as pool,
    ):
        texts = list(pool.map(run, range(50)))

    assert texts == [f"You said {number}." for number in range(50)]


def test_two_hundred_tasks_are_each_given_their_own_answer() -> None:
    async def one(number: int) -> str:
        call: dict[str, Any] = {"model": "conductor/main", "messages": asked(number)}
        made: Any = await litellm.acompletion(**call, stream=bool(number % 2))
        if not number % 2:
            return str(made.choices[0].message.content)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in made])

    async def everyone() -> list[str]:
        return await asyncio.gather(*(one(number) for number in range(200)))

    with offered(main=Conductor.from_text(ECHO, agents={"echo": echoed})):
        texts = asyncio.run(everyone())

    assert texts == [f"You said {number}." for number in range(200)]
