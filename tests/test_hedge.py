"""Hedged fallbacks: the next one begins where the one before keeps silent, and one speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Conductor, Failure, Latch, Part, PolicyError
from conductor_mw.effects import Attempt
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import Diary
from tests.racing import Held, branches_end, in_simulated_time, opened, paths, several

HEDGED = "{fallback: [a, b, c], hedge_after: 1ms}"
PATIENT = "{fallback: [a, b, c], hedge_after: 1h}"


@pytest.mark.parametrize("way", WAYS)
def test_the_next_one_begins_where_the_first_keeps_silent(way: Way) -> None:
    slow = Held("slow")
    c = several(HEDGED, a=slow, b=Held("b ", "speaks", latch=opened()), c=Held(latch=slow.latch))

    answer = ask(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    assert (answer.text, answer.agent) == ("b speaks", "b")
    assert slow.closed == 1
    assert set(paths(answer)) - {"fallback/2/c"} == {"fallback/0/a", "fallback/1/b"}


@pytest.mark.parametrize("way", WAYS)
def test_the_first_may_still_win_after_the_next_began(way: Way) -> None:
    begun = Latch()
    second = Held("second")
    c = several(
        "{fallback: [a, {parallel: [b, c]}], hedge_after: 1ms}",
        a=Held("the first ", "speaks", latch=begun),
        b=second,
        c=_Opens(begun, second.latch),
    )

    answer = ask(c, "hello", way=way)
    second.latch.open()
    branches_end()

    assert (answer.text, answer.agent) == ("the first speaks", "a")
    assert second.closed == second.asked


@pytest.mark.parametrize("way", WAYS)
def test_who_speaks_in_time_is_alone(way: Way) -> None:
    b = Scripted("never")
    answer = ask(several(PATIENT, a=Scripted("in ", "time"), b=b), "hello", way=way)

    assert answer.text == "in time"
    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_goes_on_to_the_next_at_once(way: Way) -> None:
    c = several(
        PATIENT, a=Scripted(ConnectionError("reset")), b=Scripted(TimeoutError("slow")),
        c=Scripted("c ", "speaks"),
    )  # fmt: skip

    answer = ask(c, "hello", way=way)

    assert answer.text == "c speaks"
    assert [one.kind for one in answer.attempts] == ["connection", "timeout", None]


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_that_nobody_else_would_mend_begins_nobody(way: Way) -> None:
    b = Scripted("never")
    failure = Failure("auth")

    with pytest.raises(Failure) as caught:
        ask(several(PATIENT, a=Scripted(failure), b=b), "hello", way=way)

    assert caught.value is failure
    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_where_all_fail_the_last_failure_counts(way: Way) -> None:
    c = several(
        "{fallback: [{fallback: [a, b], hedge_after: 1h, on: [timeout]}, d], on: [auth]}",
        a=Scripted(TimeoutError("slow")),
        b=Scripted(Failure("auth")),
    )

    assert ask(c, "hello", way=way).text == "d"


@pytest.mark.parametrize("way", STREAMS)
def test_the_winner_streams_on(way: Way) -> None:
    slow = Held("slow")
    c = several(HEDGED, a=slow, b=Scripted("one ", RuntimeError("after the first part")))

    assert read_one(c, "hello", way=way).text == "one "
    slow.latch.open()
    branches_end()
    assert slow.closed == 1


@pytest.mark.parametrize("way", STREAMS)
def test_after_the_first_word_nobody_takes_over(way: Way) -> None:
    b = Scripted("never")
    c = several(PATIENT, a=Scripted("half an ", ConnectionError("reset")), b=b)

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)

    assert b.asked == []


@pytest.mark.parametrize("way", ["call", "stream"])
def test_no_thread_waits_for_a_turn_that_does_not_come(way: Way) -> None:
    ask(several(PATIENT, a=Scripted("in time")), "hello", way=way)

    branches_end()  # it joins every thread, and a thread that waits would wait for an hour


def test_a_cancelled_caller_leaves_nothing_open() -> None:
    first, second = Held("a"), Held("b")
    c = several(HEDGED, a=first, b=second, c=first)

    async def cancel() -> int:
        task = asyncio.create_task(c.acall("hello"))
        while not second.asked:  # noqa: ASYNC110 - a latch wakes runs, not tests
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    assert asyncio.run(cancel()) == 1
    assert (first.closed, second.closed) == (first.asked, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_hedge_is_told(way: Way) -> None:
    diary = Diary()
    slow = Held("slow")
    c = several(
        HEDGED, observers=[diary.events.append], a=slow, b=Held("b", latch=opened()), c=slow
    )

    ask(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    told = {event.name: dict(event.data) for event in diary.events}
    assert told["hedged"]["after"] == 0.001
    assert told["won"] == {"take": "hedge", "step": 2}


TEXT = (
    "agents: [{id: a}, {id: b}, {id: c}]\n"
    "routing: {default: {fallback: [a, b, c], hedge_after: 10s}}\n"
)
Step = st.tuples(st.integers(1, 60).filter(lambda seconds: seconds % 10), st.booleans())


@given(steps=st.lists(Step, min_size=3, max_size=3), stops=st.booleans())
def test_in_every_order_the_first_to_speak_answers(
    steps: list[tuple[int, bool]], *, stops: bool
) -> None:
    agents = {
        name: Scripted(float(seconds), *([ConnectionError("reset")] if fails else ["x ", name]))
        for name, (seconds, fails) in zip("abc", steps, strict=True)
    }
    begins = 0.0
    ends: list[tuple[float, bool, str, float]] = []
    for name, (seconds, fails) in zip("abc", steps, strict=True):
        ends.append((begins + seconds, fails, name, begins))
        begins += min(10.0, seconds) if fails else 10.0
    spoken = [(end, name) for end, fails, name, _ in ends if not fails]

    async def work(c: Conductor) -> tuple[str, float]:
        async with aclosing(c.astream("hello")) as parts:
            async for _ in parts:
                if stops:
                    break
            return parts.answer.agent, asyncio.get_running_loop().time()

    if not spoken:
        with pytest.raises(ConnectionError):
            in_simulated_time(TEXT, work, **agents)
    elif len({end for end, _ in spoken}) == len(spoken):
        quickest = min(spoken)
        assert in_simulated_time(TEXT, work, **agents) == (quickest[1], quickest[0])
        begun = {name for _, _, name, begin in ends if begin < quickest[0]}
        assert {name for name, agent in agents.items() if agent.asked} == begun
    assert all(agent.closed == len(agent.asked) for agent in agents.values())


def test_after_a_failure_that_nobody_would_mend_only_those_that_have_begun_may_answer() -> None:
    fatal, never = Failure("auth"), Scripted("never")

    async def work(c: Conductor) -> None:
        with pytest.raises(Failure) as caught:
            await c.acall("hello")
        assert caught.value is fatal

    in_simulated_time(
        TEXT, work, a=Scripted(15.0, fatal), b=Scripted(8.0, ConnectionError("reset")), c=never
    )
    assert never.asked == []


def test_a_policy_without_a_hedge_keeps_its_fingerprint() -> None:
    plain = several("{fallback: [a, b]}").policy.fingerprint

    assert plain == several("{fallback: [a, b], hedge_after: null}").policy.fingerprint
    assert plain != several("{fallback: [a, b], hedge_after: 1s}").policy.fingerprint


def test_a_time_needs_a_unit() -> None:
    with pytest.raises(PolicyError, match="800 has no unit; write for example 800s"):
        several("{fallback: [a, b], hedge_after: 800}")


class _Opens(Held):
    """Opens one latch when it is asked, and then waits for another."""

    def __init__(self, opens: Latch, latch: Latch) -> None:
        super().__init__("never", latch=latch)
        self._when_asked = opens

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Open the one, wait for the other."""
        self._when_asked.open()
        async with aclosing(super().answer(attempt)) as parts:
            async for part in parts:
                yield part
