"""Asking several at once: the first to speak answers, and everybody else is let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from contextvars import ContextVar
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import (
    Attempted,
    Conductor,
    Failure,
    Io,
    Part,
    Parts,
    PolicyError,
    Request,
    Suspend,
)
from conductor_mw.drivers.sync import THREADS
from conductor_mw.flows.base import At
from conductor_mw.flows.race import Race
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.racing import Held, branches_end, in_simulated_time, opened, several


@pytest.mark.parametrize("way", WAYS)
def test_who_speaks_first_answers_and_the_others_are_let_go(way: Way) -> None:
    slow = Held("slow")
    c = several("{parallel: [a, b]}", a=slow, b=Held("quick ", "one", latch=opened()))

    answer = ask(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    assert (answer.text, answer.agent) == ("quick one", "b")
    assert (slow.asked, slow.closed) == (1, 1)
    found = {one.path: one for one in answer.updated().attempts}
    assert found["parallel/0/a"].finish == "cut"
    assert found["parallel/1/b"].finish == "stop"


@pytest.mark.parametrize("way", WAYS)
def test_what_a_loser_costs_is_settled(way: Way) -> None:
    settled: list[str] = []

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        try:
            async for part in proceed(attempt):
                yield part
        finally:
            finish = attempt.outcome.finish if attempt.outcome else "nothing"
            await Io(lambda: settled.append(f"{attempt.agent.id} {finish}"))

    slow = Held("slow")
    c = several(
        "{parallel: [a, b]}",
        attempt_layers=[around],
        a=slow, b=Held("quick", latch=opened()),
    )  # fmt: skip

    ask(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    assert sorted(settled) == ["a cut", "b stop"]


@pytest.mark.parametrize("way", STREAMS)
def test_the_winner_streams_on(way: Way) -> None:
    c = several("{parallel: [a]}", a=Scripted("one ", RuntimeError("after the first part")))

    assert read_one(c, "hello", way=way).text == "one "


@pytest.mark.parametrize("way", WAYS)
def test_who_fails_before_it_speaks_does_not_end_the_race(way: Way) -> None:
    c = several("{parallel: [a, b]}", a=Scripted(Failure("auth")), b=Held("late", latch=opened()))

    answer = ask(c, "hello", way=way)

    assert answer.text == "late"
    assert {one.kind for one in answer.attempts} == {"auth", None}


@pytest.mark.parametrize("way", WAYS)
def test_where_all_fail_the_first_in_the_definition_is_told(way: Way) -> None:
    c = several(
        "{fallback: [{parallel: [a, b]}, d], on: [auth]}",
        a=Scripted(Failure("auth")),
        b=Scripted(Failure("rate_limit")),
    )

    assert ask(c, "hello", way=way).text == "d"


@pytest.mark.parametrize("way", STREAMS)
def test_after_the_first_word_the_winner_may_fail_and_nobody_takes_over(way: Way) -> None:
    slow = Held("never")
    c = several("{parallel: [a, b]}", a=Scripted("half an ", ConnectionError("reset")), b=slow)

    with pytest.raises(ConnectionError):
        ask(c, "hello", way=way)

    slow.latch.open()
    branches_end()


@pytest.mark.parametrize("way", STREAMS)
def test_a_caller_that_stops_reading_a_race_leaves_nothing_open(way: Way) -> None:
    a, slow = Scripted("one ", "two"), Held("slow")
    c = several("{parallel: [a, b]}", a=a, b=slow)

    read_one(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    assert (a.closed, slow.closed) == (1, slow.asked)


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_a_cancelled_caller_leaves_nothing_open(way: Way) -> None:
    first, second = Held("a"), Held("b")
    c = several("{parallel: [a, b]}", a=first, b=second)

    async def cancel() -> int:
        task = asyncio.create_task(c.acall("hello") if way == "acall" else _read(c))
        while not (first.asked and second.asked):  # noqa: ASYNC110 - a latch wakes runs, not tests
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    assert asyncio.run(cancel()) == 1
    assert (first.closed, second.closed) == (1, 1)


WORD: ContextVar[str] = ContextVar("word", default="none")


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_finds_its_context_again_in_the_answer_that_won(way: Way) -> None:
    seen: list[str] = []
    slow = Held("one ", "two")

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        token = WORD.set(attempt.agent.id)
        try:
            async for part in proceed(attempt):
                seen.append(f"{attempt.agent.id} {WORD.get()}")
                yield part
        finally:
            WORD.reset(token)  # fails in any other context than that of `set`

    c = several(
        "{parallel: [a, b]}", attempt_layers=[around],
        a=slow, b=Held("three ", "four", latch=opened()),
    )  # fmt: skip

    ask(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    assert set(seen) == {"b b"}
    assert WORD.get() == "none"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [Suspend("gate"), TypeError("a bug")])
@pytest.mark.parametrize("take", ["first", "majority"])
def test_what_is_no_failure_ends_every_branch(take: str, error: Exception, way: Way) -> None:
    slow = Held("slow")
    c = several(f"{{parallel: [a, b], take: {take}}}", a=slow, b=Scripted(error))

    with pytest.raises(type(error)):
        ask(c, "hello", way=way)

    slow.latch.open()
    branches_end()
    assert slow.closed == slow.asked


@pytest.mark.parametrize("way", WAYS)
def test_who_speaks_when_nobody_listens_any_more_closes_its_own_answer(way: Way) -> None:
    late = _Late()

    async def around(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        race = Race()
        await race.close()
        await race.enter(0, late, attempt.request, cast("At", None))
        assert race.winner is None
        async for part in proceed(attempt):
            yield part

    assert ask(several("a", attempt_layers=[around]), "hello", way=way).text == "a"
    assert late.closed == 1


@pytest.mark.parametrize("way", WAYS)
def test_races_nest(way: Way) -> None:
    slow = Held("slow")
    c = several(
        "{parallel: [{parallel: [a, b]}, {parallel: [a, {fallback: [c, d]}]}]}",
        a=slow, b=slow, c=Scripted(ConnectionError("reset")), d=Scripted("d ", "speaks"),
    )  # fmt: skip

    answer = ask(c, "hello", way=way)
    slow.latch.open()
    branches_end()

    assert answer.text == "d speaks"
    assert slow.closed == slow.asked
    assert not any(thread.name == THREADS for thread in threading.enumerate())


def test_a_race_that_takes_too_long_is_a_timeout() -> None:
    async def work(c: Conductor) -> None:
        with pytest.raises(Failure, match="in time") as caught:
            await c.acall("hello")
        assert caught.value.kind == "timeout"

    slow = Scripted(30.0, "late")
    in_simulated_time(
        "agents: [{id: a}, {id: b}]\nrouting: {default: {parallel: [a, b], timeout: 2s}}\n",
        work, a=slow, b=slow,
    )  # fmt: skip
    assert slow.closed == 2


def test_the_time_of_a_race_is_for_the_first_word_only() -> None:
    async def work(c: Conductor) -> str:
        return "".join([part.text async for part in c.astream("hello")])

    text = in_simulated_time(
        "agents: [{id: a}, {id: b}]\nrouting: {default: {parallel: [a, b], timeout: 2s}}\n",
        work, a=Scripted(1.0, "one ", 5.0, "two"), b=Scripted(30.0, "late"),
    )  # fmt: skip
    assert text == "one two"


Speed = st.tuples(st.integers(1, 50), st.booleans())


@given(
    speeds=st.lists(Speed, min_size=1, max_size=8, unique_by=lambda one: one[0]),
    stops=st.booleans(),
)
def test_in_every_order_one_wins_and_everything_is_closed(
    speeds: list[tuple[int, bool]], *, stops: bool
) -> None:
    names = [f"a{n}" for n in range(len(speeds))]
    agents = {
        name: Scripted(float(seconds), *([ConnectionError("reset")] if fails else ["x ", name]))
        for name, (seconds, fails) in zip(names, speeds, strict=True)
    }
    quickest = min(
        (
            (seconds, name)
            for name, (seconds, fails) in zip(names, speeds, strict=True)
            if not fails
        ),
        default=None,
    )

    async def work(c: Conductor) -> tuple[str, int]:
        async with aclosing(c.astream("hello")) as parts:
            async for _ in parts:
                if stops:
                    break
            return parts.answer.agent, len(parts.answer.attempts)

    ids = ", ".join(f"{{id: {name}}}" for name in names)
    text = f"agents: [{ids}]\nrouting: {{default: {{parallel: [{', '.join(names)}]}}}}\n"
    if quickest is None:
        with pytest.raises(ConnectionError):
            in_simulated_time(text, work, **agents)
    else:
        assert in_simulated_time(text, work, **agents)[0] == quickest[1]
    assert {name: agent.closed for name, agent in agents.items()} == dict.fromkeys(names, 1)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{parallel: [a, b], take: merge}", "nobody merges"),
        ("{parallel: [a, b], take: best}", "nothing says which answer is the best"),
        ("{parallel: [a, b], quorum: 2}", "'quorum' says nothing with `take: first`"),
        ("{parallel: [a, b], take: best, score: not_refusal, merge: c}", "'merge' says nothing"),
        ("{parallel: [a, b], need: 2}", "'need' says nothing with `take: first`"),
        ("{parallel: [a, b], take: majority, need: 3}", "3 of 2 answers can never be there"),
        ("{parallel: [a, b], take: majority, quorum: 3}", "3 of 2 answers can never be there"),
        ("{parallel: [a, b, c], samples: 6}", "18 answers are asked for at once, 16 are allowed"),
        ("{parallel: [a, b], take: all}", "first"),
        ("{parallel: [a, b], take: majority, by: answer.word}", "answer.word"),
        ("{parallel: [a, b], take: merge, merge: c, prompt: '{answers.x}'}", "answers"),
        ("{parallel: [a, b], take: merge, merge: c, prompt: '{oops'}", "closes|begins no place"),
        ("{parallel: []}", "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(body: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        several(body)


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        ("{parallel: [a, b, c]}", 3),
        ("{parallel: [a, b], samples: 4, take: majority, otherwise: c}", 9),
        ("{parallel: [a, b, c], take: best, judge: d}", 5),
        ("{parallel: [a], take: best, judge: d}", 1),
        ("{parallel: [a, b], take: best, score: {judge: c, rubric: Good?}, judge: d}", 6),
        ("{parallel: [a, {fallback: [b, c]}], take: merge, merge: d}", 4),
    ],
)
def test_the_bound_counts_every_call(body: str, calls: int) -> None:
    flow = several(body).policy.default_flow

    assert flow is not None
    assert flow.worst_calls == calls


async def _read(c: Conductor) -> None:
    async for _ in c.astream("hello"):
        pass


class _Late:
    """A flow that says a word and would say more."""

    label = "late"
    children = ()
    worst_calls = 1
    canonical: object = None

    def __init__(self) -> None:
        self.closed = 0

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Say it."""
        del request, at
        try:
            yield Part("too ")
            yield Part("late")
        finally:
            await Io(self._close)

    def _close(self) -> None:
        self.closed += 1
