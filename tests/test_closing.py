"""Whatever ends a run early, every layer closes, innermost first, with the final figures."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

import pytest

from conductor_mw import Attempted, Io, Part, Parts, Request, Run
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import Diary, conductor


@pytest.mark.parametrize("way", WAYS)
def test_layers_open_outermost_first_and_close_innermost_first(way: Way) -> None:
    diary = Diary()
    c = conductor(attempt_layers=diary.attempt_layers, a=Scripted("one ", "two"))

    answer = ask(c, "hello", way=way)

    assert answer.text == "one two"
    assert diary.lines == ["outer opens", "inner opens", "inner closes: stop", "outer closes: stop"]


@pytest.mark.parametrize("way", STREAMS)
def test_a_caller_who_stops_early_closes_every_layer_with_its_figures(way: Way) -> None:
    diary, agent = Diary(), Scripted("one ", "two ", "three")
    c = conductor(attempt_layers=diary.attempt_layers, a=agent)

    part = read_one(c, "hello", way=way)

    assert part.text == "one "
    assert agent.closed == 1
    assert diary.lines == ["outer opens", "inner opens", "inner closes: cut", "outer closes: cut"]


def test_a_sync_caller_may_simply_drop_the_stream() -> None:
    diary = Diary()
    c = conductor(attempt_layers=diary.attempt_layers, a=Scripted("one ", "two"))
    stream = c.stream("hello")

    next(stream)
    del stream
    gc.collect()

    assert diary.lines[-2:] == ["inner closes: cut", "outer closes: cut"]


def test_an_async_caller_may_break_out_of_its_loop() -> None:
    diary = Diary()
    c = conductor(attempt_layers=diary.attempt_layers, a=Scripted("one ", "two"))

    async def read() -> None:
        async for _ in c.astream("hello"):
            break
        gc.collect()
        await asyncio.sleep(0)  # the loop closes dropped generators in a task of its own
        await asyncio.sleep(0)

    asyncio.run(read())

    assert diary.lines[-2:] == ["inner closes: cut", "outer closes: cut"]


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_the_loop_closes_what_an_sdk_leaves_open(way: Way) -> None:
    left: list[AsyncGenerator[str, None]] = []
    closed: list[bool] = []

    async def connection() -> AsyncGenerator[str, None]:
        try:
            yield "one"
        finally:
            await asyncio.sleep(0)  # as a connection closes: on its loop
            closed.append(True)

    async def careless(request: Request) -> str:
        del request
        left.append(connection())
        return await anext(left[0])

    ask(conductor(a=careless), "hello", way=way)

    assert closed == [True]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_closes_every_layer_and_passes_as_it_was_raised(way: Way) -> None:
    diary, fault = Diary(), LookupError("of the agent")
    c = conductor(attempt_layers=diary.attempt_layers, a=Scripted(fault))

    with pytest.raises(LookupError) as caught:
        ask(c, "hello", way=way)

    assert caught.value is fault
    assert diary.lines[-2:] == ["inner closes: error", "outer closes: error"]


@pytest.mark.parametrize("way", STREAMS)
def test_an_error_after_the_first_part_closes_every_layer(way: Way) -> None:
    diary = Diary()
    c = conductor(attempt_layers=diary.attempt_layers, a=Scripted("one ", LookupError("late")))

    with pytest.raises(LookupError, match="late"):
        ask(c, "hello", way=way)

    assert diary.lines[-2:] == ["inner closes: error", "outer closes: error"]


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_cancellation_closes_every_layer(way: Way) -> None:
    diary, waiting = Diary(), asyncio.Event()

    async def hang(request: Request) -> str:
        del request
        waiting.set()
        await asyncio.Event().wait()
        return "never"

    c = conductor(attempt_layers=diary.attempt_layers, a=hang)

    async def cancel() -> None:
        task = asyncio.create_task(_read(c, way))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert diary.lines[-2:] == ["inner closes: cut", "outer closes: cut"]


@pytest.mark.parametrize("way", ["call", "stream"])
def test_an_interrupt_from_the_keyboard_closes_every_layer(way: Way) -> None:
    diary = Diary()
    c = conductor(attempt_layers=diary.attempt_layers, a=Scripted("one ", KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        ask(c, "hello", way=way)

    assert diary.lines[-2:] == ["inner closes: cut", "outer closes: cut"]


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_asyncio_timeout_around_a_run_closes_every_layer(way: Way) -> None:
    diary = Diary()

    async def hang(request: Request) -> str:
        del request
        await asyncio.Event().wait()
        return "never"

    c = conductor(attempt_layers=diary.attempt_layers, a=hang)

    async def limited() -> None:
        async with asyncio.timeout(0.01):
            await _read(c, way)

    with pytest.raises(TimeoutError):
        asyncio.run(limited())

    assert diary.lines[-2:] == ["inner closes: cut", "outer closes: cut"]


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_that_fails_to_close_stops_no_other_from_closing(way: Way) -> None:
    diary = Diary()

    async def clumsy(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        try:
            async for part in proceed(attempt):
                yield part
        finally:
            raise RuntimeError("cannot close")

    outer, inner = diary.attempt_layers
    c = conductor(attempt_layers=[outer, clumsy, inner], a=Scripted("one"))

    with pytest.raises(RuntimeError, match="cannot close"):
        ask(c, "hello", way=way)

    assert diary.lines[-2:] == ["inner closes: stop", "outer closes: stop"]


@pytest.mark.parametrize("way", STREAMS)
def test_early_stop_closes_every_layer_also_when_one_fails_to(way: Way) -> None:
    diary = Diary()

    async def clumsy(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        try:
            async for part in proceed(attempt):
                yield part
        finally:
            raise RuntimeError("cannot close")

    outer, inner = diary.attempt_layers
    c = conductor(attempt_layers=[outer, clumsy, inner], a=Scripted("one ", "two"))

    with pytest.raises(RuntimeError, match="cannot close"):
        read_one(c, "hello", way=way)

    assert diary.lines[-2:] == ["inner closes: cut", "outer closes: cut"]


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_that_swallows_a_failure_may_answer_instead(way: Way) -> None:
    async def consoling(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        with suppress(LookupError):
            async for part in proceed(attempt):
                yield part
            return
        yield Part("never mind")

    c = conductor(attempt_layers=[consoling], a=Scripted(LookupError("gone")))

    answer = ask(c, "hello", way=way)

    assert answer.text == "never mind"


@pytest.mark.parametrize("way", WAYS)
def test_layers_around_the_request_see_the_decision_and_every_outcome(way: Way) -> None:
    seen: list[object] = []

    async def around(run: Run, proceed: Callable[[Run], Parts]) -> Parts:
        seen.append(run.decision)
        async with aclosing(proceed(run)) as parts:
            async for part in parts:
                yield part
        seen.extend((run.decide().target, [outcome.agent for outcome in run.outcomes]))

    c = conductor(request_layers=[around], a=Scripted("one"))

    ask(c, "hello", way=way)

    assert seen == [None, "a", ["a"]]


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_of_the_host_is_closed_when_the_caller_stops(way: Way) -> None:
    closed: list[str] = []

    def sync_stream(request: Request) -> object:
        def items() -> object:
            try:
                yield "one "
                yield "two "
            finally:
                closed.append("sync")

        del request
        return items()

    async def async_stream(request: Request) -> AsyncGenerator[str, None]:
        del request
        try:
            yield "one "
            yield "two "
        finally:
            await asyncio.sleep(0)
            closed.append("async")

    c = conductor(a=sync_stream if way == "stream" else async_stream)

    part = read_one(c, "hello", way=way)

    assert part.text == "one "
    assert closed == ["sync" if way == "stream" else "async"]


async def _read(c: object, way: Way) -> None:
    if way == "acall":
        await c.acall("hello")  # type: ignore[attr-defined]  # a conductor
        return
    async for _ in c.astream("hello"):  # type: ignore[attr-defined]  # a conductor
        pass


@pytest.mark.parametrize("way", WAYS)
def test_io_of_a_layer_happens_in_the_callers_colour(way: Way) -> None:
    how: list[str] = []

    async def asynchronous() -> None:
        how.append("async")

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        await Io(sync=lambda: how.append("sync"), aio=asynchronous)
        async for part in proceed(attempt):
            yield part

    c = conductor(attempt_layers=[around], a=Scripted("one"))

    ask(c, "hello", way=way)

    assert how == ["async" if way.startswith("a") else "sync"]
