"""Faults that a reader of the engine would look for: each happened once, and stays away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from conductor_mw import (
    AsyncPartStream,
    Attempted,
    Conductor,
    Failure,
    Gather,
    Io,
    Latch,
    Notify,
    Part,
    Parts,
    PartStream,
    PolicyError,
    Request,
    Settled,
    Usage,
    Wait,
    attempts_of,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask
from tests.kit import ONE, Diary, conductor

WORD: ContextVar[str] = ContextVar("word", default="none")


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_a_sync_generator_that_hangs_is_a_timeout_for_an_async_caller(way: Way) -> None:
    released = threading.Event()

    def slow(request: Request) -> Iterator[str]:
        del request
        released.wait(0.5)
        yield "late"

    text = "agents: [{id: a, timeout: 50ms}, {id: b}]\nrouting: {default: {fallback: [a, b]}}\n"
    c = conductor(text, real_clock=True, a=slow, b=Scripted("b"))

    answer = ask(c, "hello", way=way)
    released.set()

    assert answer.text == "b"
    assert [one.kind for one in answer.attempts] == ["timeout", None]


@pytest.mark.parametrize("way", WAYS)
def test_a_sync_generator_finds_its_own_context_again(way: Way) -> None:
    def agent(request: Request) -> Iterator[str]:
        del request
        token = WORD.set("mine")
        yield WORD.get()
        yield WORD.get()
        WORD.reset(token)

    assert ask(conductor(a=agent), "hello", way=way).text == "minemine"
    assert WORD.get() == "none"


@pytest.mark.parametrize("way", WAYS)
def test_a_function_that_raises_stop_iteration_hangs_nobody(way: Way) -> None:
    def exhausted(request: Request) -> object:
        return next(iter([request][1:]))

    with pytest.raises(RuntimeError):
        ask(conductor(a=exhausted), "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_a_branch_that_is_abandoned_still_opens_its_latch(way: Way) -> None:
    inside, done = Latch(), Latch()

    async def loser() -> None:
        try:
            await Notify(inside)
            await Wait(Latch(), 0.2)
        finally:
            await Notify(done)

    async def winner() -> str:
        await Wait(inside)
        return "won"

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        del attempt, proceed
        await Gather((loser, winner), until=lambda ended: any(one.value for one in ended))
        yield Part(str(await Wait(done, 5)))

    c = conductor(attempt_layers=[around], real_clock=True, a=Scripted("x"))

    assert ask(c, "hello", way=way).text == "True"


@pytest.mark.parametrize("way", STREAMS)
def test_a_slow_reader_is_not_blamed_on_the_agent(way: Way) -> None:
    clock = VirtualClock()
    text = "agents: [{id: a, timeout: {idle: 5s}}]\nrouting: {default: a}\n"
    c = conductor(text, clock=clock, a=Scripted("one ", "two"))

    if way == "stream":
        stream = c.stream("hello")
        texts = [next(stream).text]
        clock.advance(100)
        texts += [part.text for part in stream]
    else:

        async def read() -> list[str]:
            parts = c.astream("hello")
            texts = [(await anext(parts)).text]
            clock.advance(100)
            return texts + [part.text async for part in parts]

        texts = asyncio.run(read())

    assert texts == ["one ", "two", ""]


def test_an_async_stream_with_only_close_is_closed() -> None:
    closed: list[str] = []

    class Stream:
        """As openai's AsyncStream: an async iterator whose `close` is a coroutine."""

        def __init__(self) -> None:
            self._left = ["one ", "two "]

        def __aiter__(self) -> Stream:
            return self

        async def __anext__(self) -> str:
            await asyncio.sleep(0)
            return self._left.pop(0)

        async def close(self) -> None:
            closed.append("closed")

    async def agent(request: Request) -> object:
        del request
        return Stream()

    async def read() -> None:
        async with conductor(a=agent).astream("hello") as parts:
            await anext(parts)

    asyncio.run(read())

    assert closed == ["closed"]


def test_a_stream_that_is_open_when_its_loop_ends_closes_every_layer() -> None:
    diary = Diary()
    told: list[object] = []
    kept: list[AsyncPartStream] = []
    c = conductor(attempt_layers=diary.attempt_layers, a=Scripted("one ", "two"))

    async def leave_open() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        kept.append(c.astream("hello"))
        await anext(kept[0])

    asyncio.run(leave_open())

    assert told == []
    assert diary.lines[-2:] == ["inner closes: cut", "outer closes: cut"]


def test_a_sync_stream_outlives_the_loop_in_which_it_began() -> None:
    c = conductor(a=Scripted("one ", "two"))
    kept: list[PartStream] = []

    async def begin() -> str:
        kept.append(c.stream("hello"))
        first = next(kept[0])
        return first.text

    texts = [asyncio.run(begin()), *(part.text for part in kept[0])]

    assert texts == ["one ", "two", ""]


@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_layer_may_leave_a_branch_that_is_inside_the_agent(way: Way) -> None:
    released = threading.Event()

    def stuck(request: Request) -> str:
        del request
        released.wait(5)
        return "late"

    async def hedging(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        inside = Latch()

        async def first() -> None:
            await Notify(inside)
            async for _ in proceed(attempt):
                pass

        async def second() -> str:
            await Wait(inside)
            return "hedge"

        def won(ended: tuple[Settled[Any], ...]) -> bool:
            return any(one.value for one in ended)

        settled = await Gather((first, second), until=won)
        yield Part(str(settled[1].value))

    c = conductor(attempt_layers=[hedging], real_clock=True, a=stuck)

    answer = ask(c, "hello", way=way)
    released.set()

    assert answer.text == "hedge"


@pytest.mark.parametrize("way", WAYS)
def test_waiting_ends_at_the_attempts_deadline(way: Way) -> None:
    class Waiting:
        async def answer(self, attempt: object) -> Parts:
            del attempt
            await Wait(Latch(), 30)
            yield Part("never")

    text = "agents: [{id: a, timeout: 30ms}]\nrouting: {default: a}\n"
    c = conductor(text, real_clock=True, a=Waiting())

    with pytest.raises(TimeoutError, match=r"no answer within 0\.03 s"):
        ask(c, "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_right_at_the_deadline_is_judged_alike_in_both_colours(way: Way) -> None:
    text = "agents: [{id: a, timeout: 2s}]\nrouting: {default: a}\n"
    c = conductor(text, a=Scripted(2.0, "just so"))

    assert ask(c, "hello", way=way).text == "just so"


@pytest.mark.parametrize("way", WAYS)
def test_the_primary_error_keeps_its_own_cause(way: Way) -> None:
    class Refusing:
        async def answer(self, attempt: object) -> Parts:
            del attempt
            await Io(lambda: None)
            raise ConnectionError("outer") from OSError("root")
            yield Part("never")

    with pytest.raises(ConnectionError) as caught:
        ask(conductor(a=Refusing()), "hello", way=way)

    assert repr(caught.value.__cause__) == "OSError('root')"


def test_the_tokens_of_a_late_answer_count() -> None:
    clock = VirtualClock()

    def blocking(request: Request) -> Part:
        del request
        clock.advance(5.0)
        return Part("late", usage=Usage(1000, 1000))

    text = "agents: [{id: a, timeout: 2s, price: {input: 1, output: 1}}]\nrouting: {default: a}\n"

    with pytest.raises(TimeoutError) as caught:
        conductor(text, clock=clock, a=blocking).call("hello")

    (attempt,) = attempts_of(caught.value)
    assert attempt.usage == Usage(1000, 1000)


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_that_fails_to_clean_up_keeps_its_figures(way: Way) -> None:
    class Clumsy:
        async def answer(self, attempt: object) -> Parts:
            del attempt
            try:
                yield Part("one", usage=Usage(7, 1))
            finally:
                raise LookupError("cannot clean up")

    with pytest.raises(LookupError) as caught:
        ask(conductor(a=Clumsy()), "hello", way=way)

    assert [one.usage for one in attempts_of(caught.value)] == [Usage(7, 1)]


def test_a_mended_include_is_noticed(tmp_path: Path) -> None:
    file, part, clock = tmp_path / "top.yaml", tmp_path / "part.yaml", VirtualClock()
    file.write_text(ONE)
    c = Conductor(file, agents={"a": Scripted("x")}, reload_every=1.0, clock=clock)

    part.write_text("agents: [")
    file.write_text("include: part.yaml\n")
    clock.advance(1.0)
    c.decide("hello")
    broken = c.reload_error
    part.write_text(ONE + "guarantees: [{at_most: {calls: 1}}]\n")
    clock.advance(1.0)
    c.decide("hello")

    assert broken is not None
    assert c.reload_error is None
    assert c.policy.guarantees.at_most.calls == 1


def test_a_good_reload_by_hand_clears_the_error(tmp_path: Path) -> None:
    file, clock = tmp_path / "top.yaml", VirtualClock()
    file.write_text(ONE)
    c = Conductor(file, agents={"a": Scripted("x")}, reload_every=1.0, clock=clock)

    file.write_text("agents: [")
    clock.advance(1.0)
    c.decide("hello")
    file.write_text(ONE)
    c.reload()

    assert c.reload_error is None


def test_a_failure_of_another_kind_is_told_from_a_policys() -> None:
    with pytest.raises(PolicyError):
        Conductor.from_text("agents: [")
    with pytest.raises(Failure):
        conductor(a=Scripted(Failure("auth"))).call("hello")


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_was_not_good_enough_is_told_and_not_the_error_it_came_after(
    way: Way,
) -> None:
    c = conductor(
        "agents: [{id: a, retry: {times: 1, wait: 0s}, score: {length: {min: 50}}}]\n"
        "routing: {default: a}\n",
        a=Scripted(TimeoutError("slow"), takes=[["too short"]]),
    )

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way)

    assert caught.value.kind == "low_confidence"
    assert [one.kind for one in attempts_of(caught.value)] == ["timeout", None]
