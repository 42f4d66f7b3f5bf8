"""Branches at the same time: in order of definition, cut when not needed, never deadlocked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from conductor_mw import (
    Attempted,
    Failure,
    Gather,
    Io,
    Latch,
    Notify,
    Part,
    Parts,
    Settled,
    Sleep,
    Wait,
)
from conductor_mw.drivers.sync import THREADS
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.kit import conductor

Branch = Callable[[], Coroutine[Any, Any, Any]]
WORD: ContextVar[str] = ContextVar("word", default="none")


def gathering(
    *branches: Branch, until: Callable[[tuple[Settled[Any], ...]], bool] | None = None
) -> tuple[list[Settled[Any]], Callable[..., Parts]]:
    """Give a layer that gathers branches instead of asking, and the list it reports to."""
    found: list[Settled[Any]] = []

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        del attempt, proceed
        found.extend(await Gather(branches, until))
        yield Part("gathered")

    return found, around


def say(value: str) -> Branch:
    async def branch() -> str:
        return value

    return branch


def hang(stopped: list[str], started: Latch) -> Branch:
    """A branch that waits until nobody needs it."""

    async def branch() -> str:
        never = Latch()
        try:
            await Notify(started)
            for _ in range(200):
                await Wait(never, 0.005)
            stopped.append("ran to its end")
        finally:
            await Io(lambda: stopped.append("closed"))
        return "never"

    return branch


@pytest.mark.parametrize("way", WAYS)
def test_branches_are_given_in_the_order_of_definition(way: Way) -> None:
    gate = Latch()

    async def slow() -> str:
        await Wait(gate)
        return "slow"

    async def quick() -> str:
        await Notify(gate)
        return "quick"

    found, layer = gathering(slow, quick)

    ask(conductor(attempt_layers=[layer], a=Scripted("x")), "hello", way=way)

    assert [(one.index, one.value) for one in found] == [(0, "slow"), (1, "quick")]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_in_a_branch_is_a_value(way: Way) -> None:
    failure = Failure("timeout")

    async def fails() -> str:
        raise failure

    found, layer = gathering(fails, say("fine"))

    ask(conductor(attempt_layers=[layer], a=Scripted("x")), "hello", way=way)

    assert [(one.error, one.value) for one in found] == [(failure, None), (None, "fine")]


@pytest.mark.parametrize("way", WAYS)
def test_a_branch_that_is_no_longer_needed_closes_what_it_opened(way: Way) -> None:
    stopped: list[str] = []
    started = Latch()

    async def winner() -> str:
        await Wait(started)
        return "won"

    found, layer = gathering(hang(stopped, started), winner, until=lambda ended: len(ended) == 1)
    c = conductor(attempt_layers=[layer], a=Scripted("x"))

    ask(c, "hello", way=way)
    _join_branches()

    assert [(one.done, one.value) for one in found] == [(False, None), (True, "won")]
    assert stopped == ["closed"]


@pytest.mark.parametrize("way", WAYS)
def test_nested_branches_do_not_wait_for_each_others_threads(way: Way) -> None:
    def nested(depth: int) -> Branch:
        async def branch() -> int:
            if depth == 0:
                return 1
            settled = await Gather((nested(depth - 1),) * 3)
            return sum(one.value or 0 for one in settled)

        return branch

    found, layer = gathering(nested(3))

    ask(conductor(attempt_layers=[layer], a=Scripted("x")), "hello", way=way)

    assert found[0].value == 27


@pytest.mark.parametrize("way", WAYS)
def test_a_branch_sees_the_context_of_its_run_and_keeps_its_own_changes(way: Way) -> None:
    async def whisper(word: str) -> str:
        WORD.set(f"{WORD.get()} {word}")
        await Sleep(0)
        return WORD.get()

    found, layer = gathering(lambda: whisper("left"), lambda: whisper("right"))

    async def outer(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        WORD.set("outer")
        async for part in proceed(attempt):
            yield part

    ask(conductor(attempt_layers=[outer, layer], a=Scripted("x")), "hello", way=way)

    assert [one.value for one in found] == ["outer left", "outer right"]
    assert WORD.get() == "none"


@pytest.mark.parametrize("way", WAYS)
def test_no_branches_are_done_at_once(way: Way) -> None:
    found, layer = gathering()

    answer = ask(conductor(attempt_layers=[layer], a=Scripted("x")), "hello", way=way)

    assert (found, answer.text) == ([], "gathered")


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_cancelling_a_run_cancels_its_branches(way: Way) -> None:
    stopped: list[str] = []
    started = Latch()
    _, layer = gathering(hang(stopped, started))
    c = conductor(attempt_layers=[layer], a=Scripted("x"))

    async def cancel() -> int:
        task = asyncio.create_task(c.acall("hello") if way == "acall" else _read(c))
        while not started.opened:  # noqa: ASYNC110 - a latch wakes runs, not tests
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    tasks_left = asyncio.run(cancel())

    assert (stopped, tasks_left) == (["closed"], 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_wait_that_is_too_long_gives_false(way: Way) -> None:
    answers: list[bool] = []

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        answers.append(await Wait(Latch(), 0.001))
        async for part in proceed(attempt):
            yield part

    ask(conductor(attempt_layers=[around], a=Scripted("x")), "hello", way=way)

    assert answers == [False]


def test_a_latch_opened_by_a_thread_wakes_a_task_and_the_first_value_stays() -> None:
    latch = Latch()

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        del proceed
        await Wait(latch)
        yield Part(f"{attempt.agent.id} heard {latch.value}")

    c = conductor(attempt_layers=[around], a=Scripted("x"))

    async def both() -> str:
        task = asyncio.create_task(c.acall("hello"))
        await asyncio.sleep(0)

        def open_twice() -> None:
            latch.open("first")
            latch.open("second")

        threading.Thread(target=open_twice).start()
        return (await task).text

    assert asyncio.run(both()) == "a heard first"


def _join_branches() -> None:
    for thread in threading.enumerate():
        if thread.name == THREADS:
            thread.join(timeout=5)


async def _read(c: Any) -> None:
    async for _ in c.astream("hello"):
        pass
