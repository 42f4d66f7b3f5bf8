"""Equal calls at the same time cost one call, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import pytest

from conductor_mw import Answer, Conductor, Failure, Latch, Part, Request, Usage, Wait
from conductor_mw.effects import Attempt
from conductor_mw.testing import VirtualClock
from tests.cache_kit import T1, T2, Told, conductor, policy
from tests.racing import opened

PATIENCE = 10.0
Line = str | BaseException | Part


class Stage:
    """An agent whose calls wait behind doors; the last line is said again by every further call.

    Attributes:
        calls: how often it was asked.
        entered: opens when the first call has come.
    """

    def __init__(self, *lines: tuple[Latch, Line]) -> None:
        self.lines = lines
        self.calls = 0
        self.entered = Latch()

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Wait for the call's own door, then say the line in two parts."""
        door, line = self.lines[min(self.calls, len(self.lines) - 1)]
        self.calls += 1
        self.entered.open()
        if attempt.request.stream:
            yield Part("first ")
        if not await Wait(door, PATIENCE):
            raise AssertionError("nobody opened the door")
        if isinstance(line, BaseException):
            raise line
        if isinstance(line, Part):
            yield line
            return
        text = line if attempt.request.stream else f"first {line}"
        yield Part(text, usage=Usage(1, 1), finish="stop")


def flights(c: Conductor) -> Any:
    layer: Any = c.layer("cache")
    return layer.flights


async def until(true: Callable[[], bool]) -> None:
    """Let others go on until something holds."""
    for _ in range(100_000):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


def in_loop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(PATIENCE):
            await work()

    asyncio.run(limited())


async def read(c: Conductor, text: str = "hello", **options: Any) -> Answer:
    parts = c.astream(text, metadata=T1, **options)
    async for _ in parts:
        pass
    return parts.answer


@pytest.mark.parametrize("stream", [False, True], ids=["acall", "astream"])
def test_500_equal_calls_cost_one(stream: bool) -> None:
    door = Latch()
    agent, told = Stage((door, "word")), Told()
    c = conductor(a=agent, told=told)

    async def work() -> None:
        ask = read(c) if stream else c.acall("hello", metadata=T1)
        asks = [ask, *(read(c) if stream else c.acall("hello", metadata=T1) for _ in range(499))]
        tasks = [asyncio.ensure_future(one) for one in asks]
        await until(lambda: flights(c).awaited == 1)
        for _ in range(3):
            await asyncio.sleep(0)
        door.open()
        answers = await asyncio.gather(*tasks)

        assert {answer.text for answer in answers} == {"first word"}
        assert sorted(answer.attempts[0].by for answer in answers) == [""] + ["cache"] * 499

    in_loop(work)
    assert agent.calls == 1
    assert len(told.of("cache.hit")) == 499
    assert flights(c).awaited == 0


@pytest.mark.parametrize("stream", [False, True], ids=["call", "stream"])
def test_50_equal_threads_cost_one(stream: bool) -> None:
    door = Latch()
    agent = Stage((door, "word"))
    c = conductor(a=agent)
    together = threading.Barrier(50)

    def ask(_: int) -> str:
        together.wait(PATIENCE)
        if not stream:
            return c.call("hello", metadata=T1).text
        return "".join(part.text for part in c.stream("hello", metadata=T1))

    with ThreadPoolExecutor(50) as pool:
        asked = pool.map(ask, range(50))
        pause(lambda: flights(c).awaited == 1)
        door.open()
        texts = list(asked)

    assert set(texts) == {"first word"}
    assert agent.calls == 1


def pause(true: Callable[[], bool]) -> None:
    """Wait in a thread until something holds; how long does not matter for what comes of it."""
    for _ in range(int(PATIENCE * 1000)):
        if true():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it never came to hold")


def test_a_thread_leads_calls_on_an_event_loop() -> None:
    door = Latch()
    agent = Stage((door, "word"))
    c = conductor(a=agent)
    leader = threading.Thread(target=lambda: c.call("hello", metadata=T1), daemon=True)
    leader.start()

    async def work() -> None:
        await until(lambda: agent.entered.opened)
        followers = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(5)]
        await until(lambda: flights(c).awaited == 1)
        door.open()
        assert {answer.text for answer in await asyncio.gather(*followers)} == {"first word"}

    in_loop(work)
    leader.join(PATIENCE)
    assert agent.calls == 1


def test_another_tenant_waits_for_nobody() -> None:
    agent = Stage((Latch(), "for t1"), (opened(), "for t2"))
    c = conductor(a=agent)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        other = await c.acall("hello", metadata=T2)
        assert other.text == "first for t2"
        leader.cancel()
        await asyncio.wait([leader])

    in_loop(work)


@pytest.mark.parametrize("how", ["cancelled", "cut"])
def test_a_leader_that_goes_away_fails_nobody(how: str) -> None:
    agent = Stage((Latch(), "never"), (opened(), "word"))
    c = conductor(a=agent)

    async def cut() -> None:
        async with aclosing(c.astream("hello", metadata=T1)) as parts:
            await anext(parts)
            await until(lambda: flights(c).awaited == 1)

    async def work() -> None:
        going = c.acall("hello", metadata=T1) if how == "cancelled" else cut()
        leader = asyncio.ensure_future(going)
        await until(lambda: agent.calls == 1)
        followers = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(20)]
        await until(lambda: flights(c).awaited == 1)
        if how == "cancelled":
            leader.cancel()
        answers = await asyncio.gather(*followers)
        with suppress(asyncio.CancelledError):
            await leader

        assert {answer.text for answer in answers} == {"first word"}

    in_loop(work)
    assert agent.calls == 2  # one of those who waited asked for all of them
    assert flights(c).awaited == 0


def test_however_many_leaders_go_away_one_call_at_a_time_is_made() -> None:
    agent = Stage(*[(Latch(), "never")] * 4, (opened(), "word"))
    c = conductor(a=agent)

    def came(calls: int) -> bool:
        return agent.calls == calls

    async def work() -> None:
        tasks = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(20)]
        for gone in range(4):
            await until(partial(came, gone + 1))
            await until(lambda: flights(c).awaited == 1)
            tasks[gone].cancel()  # those who wait are woken in their order
        answers = await asyncio.gather(*tasks[4:])
        assert {answer.text for answer in answers} == {"first word"}

    in_loop(work)
    assert agent.calls == 5


def test_a_sync_leader_that_stops_reading_fails_nobody() -> None:
    agent = Stage((Latch(), "never"), (opened(), "word"))
    c = conductor(a=agent)
    leader = c.stream("hello", metadata=T1)
    next(leader)

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(lambda: c.call("hello", metadata=T1).text) for _ in range(5)]
        pause(lambda: flights(c).awaited == 1)
        leader.close()
        texts = {one.result(PATIENCE) for one in asked}

    assert texts == {"first word"}
    assert agent.calls == 2


def test_the_loser_of_a_race_that_led_fails_nobody() -> None:
    agents = "agents: [{id: slow}, {id: fast}]\n"
    routing = """
routing:
  rules: [{condition: "has(metadata.race)", target: {parallel: [slow, fast], take: first}}]
  default: slow
"""
    slow, fast = Stage((Latch(), "never"), (opened(), "word")), Stage((Latch(), "fast"))
    c = conductor(policy(agents=agents, routing=routing), slow=slow, fast=fast)

    async def work() -> None:
        race = asyncio.ensure_future(c.acall("hello", metadata={**T1, "race": True}))
        await until(lambda: slow.calls == 1)
        follower = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: flights(c).awaited == 1)
        fast.lines[0][0].open()
        assert (await race).text == "first fast"
        assert (await follower).text == "first word"

    in_loop(work)
    assert slow.calls == 2


def test_after_one_failed_call_one_more_is_made_for_all_who_waited() -> None:
    door = Latch()
    agent = Stage((door, ConnectionError("reset")), (opened(), "word"))
    c = conductor(a=agent)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        followers = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(20)]
        await until(lambda: flights(c).awaited == 1)
        door.open()
        assert {answer.text for answer in await asyncio.gather(*followers)} == {"first word"}
        with pytest.raises(ConnectionError):
            await leader

    in_loop(work)
    assert agent.calls == 2


def test_where_the_provider_answers_nobody_those_who_waited_are_told_without_a_stampede() -> None:
    door = Latch()
    agent = Stage((door, ConnectionError("reset")))
    c = conductor(a=agent)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        followers = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(20)]
        await until(lambda: flights(c).awaited == 1)
        door.open()
        ends = await asyncio.gather(leader, *followers, return_exceptions=True)

        told = [end for end in ends if isinstance(end, Failure)]
        assert [one.kind for one in told] == ["connection"] * 19
        assert [type(end) for end in ends if end not in told] == [ConnectionError] * 2

    in_loop(work)
    assert agent.calls == 2


def test_what_one_caller_is_refused_is_not_refused_to_others() -> None:
    door = Latch()
    refused = Failure("limited", "this user has asked too much")
    agent = Stage((door, refused), (opened(), refused), (opened(), "word"))
    c = conductor(a=agent)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        followers = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(5)]
        await until(lambda: flights(c).awaited == 1)
        door.open()
        ends = await asyncio.gather(leader, *followers, return_exceptions=True)

        assert sum(isinstance(end, Failure) for end in ends) == 2
        assert {end.text for end in ends if isinstance(end, Answer)} == {"first word"}

    in_loop(work)


def test_a_fault_of_the_agent_is_raised_to_each_as_its_own() -> None:
    door, second = Latch(), Latch()
    fault = LookupError("a fault")
    agent = Stage((door, fault), (opened(), fault), (second, fault))
    c = conductor(a=agent)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        followers = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(5)]
        await until(lambda: flights(c).awaited == 1)
        door.open()
        await until(lambda: agent.calls == 6)  # two in vain, then all who are left at once
        second.open()
        ends = await asyncio.gather(leader, *followers, return_exceptions=True)
        assert [type(end) for end in ends] == [LookupError] * 6

    in_loop(work)


def test_those_who_waited_for_an_answer_that_is_not_kept_ask_themselves() -> None:
    door = Latch()
    half = Part("half an", finish="length")
    agent = Stage((door, half), (opened(), half))
    c = conductor(a=agent)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        followers = [asyncio.ensure_future(c.acall("hello", metadata=T1)) for _ in range(5)]
        await until(lambda: flights(c).awaited == 1)
        door.open()
        answers = await asyncio.gather(leader, *followers)
        assert {answer.text for answer in answers} == {"half an"}

    in_loop(work)
    assert agent.calls == 6


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_whoever_waits_keeps_its_own_deadline(colour: str) -> None:
    door = Latch()
    agent = Stage((door, "word"))
    c = conductor(a=agent, real_clock=True)

    def ask() -> None:
        with pytest.raises(Failure) as late:
            c.call("hello", metadata=T1, deadline=0.05)
        assert late.value.kind == "timeout"

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        if colour == "sync":
            await asyncio.to_thread(ask)
        else:
            with pytest.raises(Failure) as late:
                await c.acall("hello", metadata=T1, deadline=0.05)
            assert late.value.kind == "timeout"
        door.open()
        assert (await leader).text == "first word"

    in_loop(work)
    assert agent.calls == 1


def test_a_provider_that_is_too_slow_is_not_asked_by_everybody() -> None:
    agent = Stage((Latch(), "never"))
    agents = "agents: [{id: a, timeout: 300ms}]\n"
    c = conductor(policy(agents=agents), a=agent, real_clock=True)

    async def work() -> None:
        asks = [c.acall("hello", metadata=T1) for _ in range(20)]
        ends = await asyncio.gather(*asks, return_exceptions=True)
        assert all(isinstance(end, TimeoutError | Failure) for end in ends)

    in_loop(work)
    assert agent.calls == 2


def test_nobody_waits_for_a_caller_that_does_not_read_on() -> None:
    agent = Stage((opened(), "word"))
    agents = "agents: [{id: a, timeout: 50ms}]\n"
    c = conductor(policy(agents=agents), a=agent, real_clock=True)
    half = c.stream("hello", metadata=T1)
    next(half)

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: c.call("hello", metadata=T1)).result(PATIENCE)
    half.close()

    assert answer.text == "first word"
    assert answer.attempts[0].by == ""


@pytest.mark.parametrize("wait", ["0s", "20ms"])
def test_how_long_anybody_waits_is_bounded(wait: str) -> None:
    agent = Stage((Latch(), "never"), (opened(), "word"))
    c = conductor(policy(f"ttl: 1h, wait: {wait}"), a=agent, real_clock=True)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        answer = await c.acall("hello", metadata=T1)
        assert answer.text == "first word"
        assert answer.attempts[0].by == ""
        leader.cancel()
        await asyncio.wait([leader])

    in_loop(work)


def test_whoever_reads_a_stream_half_may_ask_the_same_again() -> None:
    agent = Stage((opened(), "word"))
    c = conductor(a=agent)
    half = c.stream("hello", metadata=T1)
    next(half)

    again = c.call("hello", metadata=T1, deadline=5)  # without waiting for itself

    assert again.text == "first word"
    assert "".join(part.text for part in half) == "word"
    assert agent.calls == 2


def test_a_sync_call_inside_a_loop_does_not_wait_for_that_loop() -> None:
    agent = Stage((Latch(), "never"), (opened(), "word"))
    c = conductor(a=agent)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        assert c.call("hello", metadata=T1, deadline=5).text == "first word"
        leader.cancel()
        await asyncio.wait([leader])

    in_loop(work)


def test_an_answer_that_came_between_looking_and_asking_is_found() -> None:
    agent = Stage((opened(), "word"))
    c = conductor(a=agent)
    layer: Any = c.layer("cache")
    shelf: Any = layer.shelf
    look = shelf.glance

    def interrupted(*question: Any) -> Any:
        found = look(*question)
        shelf.glance = look
        c.call("hello", metadata=T1)  # somebody else, from beginning to end
        return found

    shelf.glance = interrupted
    answer = c.call("hello", metadata=T1)

    assert answer.attempts[0].by == "cache"
    assert agent.calls == 1


def test_a_retry_after_an_error_takes_what_was_answered_in_between() -> None:
    calls: list[str] = []

    def agent(request: Request) -> str:
        calls.append(request.text)
        if len(calls) == 1:
            c.call("hello", metadata=T1)
            raise ConnectionError("reset")
        return "word"

    agents = "agents: [{id: a, retry: {times: 1, wait: 1ms}}]\n"
    c = conductor(policy(agents=agents), a=agent)

    answer = c.call("hello", metadata=T1)

    assert [one.by for one in answer.attempts] == ["", "cache"]
    assert len(calls) == 2


def test_samples_of_one_run_do_not_wait_for_each_other() -> None:
    door = Latch()
    agent = Stage((door, "word"))
    text = policy(routing="routing: {default: {parallel: [a, a, a], take: majority}}\n")
    c = conductor(text, a=agent)

    async def work() -> None:
        run = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 3)
        door.open()
        assert (await run).text == "first word"

    in_loop(work)


def test_the_clock_of_whoever_waits_may_stand_still() -> None:
    door = Latch()
    agent, clock = Stage((door, "word")), VirtualClock()
    c = conductor(a=agent, clock=clock)

    async def work() -> None:
        leader = asyncio.ensure_future(c.acall("hello", metadata=T1))
        await until(lambda: agent.calls == 1)
        follower = asyncio.ensure_future(read(c))
        await until(lambda: flights(c).awaited == 1)
        clock.advance(3)
        door.open()
        answer = await follower
        await leader
        assert answer.attempts[0].seconds == 3.0
        assert answer.text == "first word"

    in_loop(work)
