"""Threads, loops and context variables: a run keeps its own context, whoever drives it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

import pytest

from conductor_mw import Attempted, ColourError, Parts, Request
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask
from tests.kit import conductor

SPAN: ContextVar[str] = ContextVar("span", default="none")


@contextmanager
def span(name: str) -> Generator[None, None, None]:
    """As OpenTelemetry attaches a span: set, and reset by token in the same context."""
    token = SPAN.set(f"{SPAN.get()}/{name}")
    try:
        yield
    finally:
        SPAN.reset(token)


async def spanning(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
    with span(f"attempt {attempt.agent.id}"):
        async for part in proceed(attempt):
            yield part


@pytest.mark.parametrize("way", WAYS)
def test_the_agent_runs_below_the_span_of_the_layer_and_of_the_caller(way: Way) -> None:
    seen: list[str] = []

    def agent(request: Request) -> str:
        del request
        seen.append(SPAN.get())
        return "hello"

    c = conductor(attempt_layers=[spanning], a=agent)

    with span("caller"):
        ask(c, "hello", way=way)
        after = SPAN.get()

    assert seen == ["none/caller/attempt a"]
    assert after == "none/caller"


@pytest.mark.parametrize("way", STREAMS)
def test_two_streams_read_in_turns_do_not_see_each_others_spans(way: Way) -> None:
    c = conductor(attempt_layers=[spanning], a=Scripted("one ", "two ", "three"))

    if way == "stream":
        first, second = c.stream("x"), c.stream("y")
        texts = [next(s).text for s in (first, second, first, second, second, first)]
        first.close()
        second.close()
    else:

        async def read() -> list[str]:
            first, second = c.astream("x"), c.astream("y")
            order = (first, second, first, second, second, first)
            texts = [(await anext(s)).text for s in order]
            await first.aclose()
            await second.aclose()
            return texts

        texts = asyncio.run(read())

    assert texts == ["one ", "one ", "two ", "two ", "three", "three"]
    assert SPAN.get() == "none"


def test_each_part_may_be_asked_for_from_another_context() -> None:
    c = conductor(attempt_layers=[spanning], a=Scripted("one ", "two"))
    parts = c.stream("hello")

    texts = [contextvars.copy_context().run(next, parts).text for _ in range(3)]
    contextvars.copy_context().run(parts.close)

    assert texts == ["one ", "two", ""]


def test_each_part_may_be_asked_for_from_another_thread() -> None:
    c = conductor(attempt_layers=[spanning], a=Scripted("one ", "two"))
    parts = c.stream("hello")

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        texts = [pool.submit(next, parts).result().text for pool in (first, second, first)]
        second.submit(parts.close).result()

    assert texts == ["one ", "two", ""]


def test_each_part_may_be_awaited_by_another_task() -> None:
    c = conductor(attempt_layers=[spanning], a=Scripted("one ", "two"))

    async def read() -> list[str]:
        parts = c.astream("hello")

        async def one() -> str:
            return (await anext(parts)).text

        texts = [await asyncio.create_task(one()) for _ in range(3)]
        await asyncio.create_task(parts.aclose())
        return texts

    texts = asyncio.run(read())

    assert texts == ["one ", "two", ""]


@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_sync_call_works_inside_a_running_event_loop(way: Way) -> None:
    c = conductor(attempt_layers=[spanning], a=Scripted("one ", "two"))

    async def handler() -> str:
        return ask(c, "hello", way=way).text

    assert asyncio.run(handler()) == "one two"


@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_sync_caller_of_an_async_agent_is_told_the_mend(way: Way) -> None:
    async def agent(request: Request) -> str:
        del request
        return "never"

    c = conductor(a=agent)

    with pytest.raises(ColourError) as caught:
        ask(c, "hello", way=way)

    assert str(caught.value) == (
        "agent 'a' is async and was asked by a sync caller\n"
        "  Call acall or astream, or bind a sync function."
    )


@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_layer_that_awaits_the_loop_itself_is_told_the_mend(way: Way) -> None:
    async def sleepy(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        await asyncio.sleep(0)
        async for part in proceed(attempt):
            yield part

    c = conductor(attempt_layers=[sleepy], a=Scripted("one"))

    with pytest.raises(ColourError) as caught:
        ask(c, "hello", way=way)

    assert str(caught.value) == (
        "a plugin awaited None while a sync caller was waiting\n"
        "  Say the I/O as `await Io(sync=..., aio=...)`, or call the async API."
    )


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_a_layer_may_await_the_loop_where_only_async_callers_come(way: Way) -> None:
    async def sleepy(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        await asyncio.sleep(0)
        async for part in proceed(attempt):
            yield part

    c = conductor(attempt_layers=[sleepy], a=Scripted("one"))

    assert ask(c, "hello", way=way).text == "one"


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_a_blocking_agent_does_not_hold_up_the_event_loop(way: Way) -> None:
    loop_thread = threading.get_ident()
    ran_in: list[int] = []

    def agent(request: Request) -> str:
        del request
        ran_in.append(threading.get_ident())
        return "one"

    c = conductor(a=agent)

    assert ask(c, "hello", way=way).text == "one"
    assert ran_in != [loop_thread]


def test_many_threads_share_one_conductor() -> None:
    def agent(request: Request) -> str:
        return f"{request.text} heard in {SPAN.get()}"

    c = conductor(attempt_layers=[spanning], a=agent)

    def work(number: int) -> tuple[str, str]:
        answer = c.call(f"question {number}")
        return answer.text, answer.id

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(work, range(400)))

    assert [text for text, _ in answers] == [
        f"question {number} heard in none/attempt a" for number in range(400)
    ]
    assert len({run for _, run in answers}) == 400


def test_many_tasks_share_one_conductor() -> None:
    async def agent(request: Request) -> str:
        await asyncio.sleep(0)
        return f"{request.text} heard in {SPAN.get()}"

    c = conductor(attempt_layers=[spanning], a=agent)

    async def crowd() -> list[str]:
        answers = await asyncio.gather(*(c.acall(f"question {n}") for n in range(200)))
        return [answer.text for answer in answers]

    texts = asyncio.run(crowd())

    assert texts == [f"question {n} heard in none/attempt a" for n in range(200)]
