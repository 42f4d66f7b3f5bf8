"""Faults that a reader of flows and drivers would look for: each happened once, and stays away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from conductor_mw import (
    Conductor,
    Event,
    Failure,
    Latch,
    Part,
    Parts,
    Request,
    Wait,
)
from conductor_mw.effects import Attempt
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask
from tests.kit import conductor

INNER = """
agents: [{id: a}, {id: b}, {id: plan}, {id: helper}]
flows: {inner: {cascade: [a, b], accept: "answer.chars > 100"}}
"""
HELP = "fallback: {low_confidence: helper}"


def test_branches_within_an_abandoned_branch_make_no_further_calls() -> None:
    inside, released = threading.Semaphore(0), threading.Event()
    calls: list[str] = []

    def slow(request: Request) -> str:
        calls.append(request.text)
        inside.release()
        released.wait(5)
        return "late"

    def fast(request: Request) -> str:
        for _ in range(2):
            inside.acquire(timeout=5)
        return request.text

    chain = "{sequence: [slow, slow, slow]}"
    both = f"{{parallel: [{chain}, {chain}], take: majority}}"
    text = (
        f"agents: [{{id: fast}}, {{id: slow}}]\nrouting: {{default: {{parallel: [fast, {both}]}}}}"
    )
    before = set(threading.enumerate())
    c = conductor(text, real_clock=True, fast=fast, slow=slow)

    answer = c.call("hello")
    released.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)

    assert answer.text == "hello"
    assert len(calls) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("routing", ["", HELP], ids=["alone", "rescued"])
@pytest.mark.parametrize(
    "flow",
    [
        '{cascade: [inner, helper], accept: "answer.chars > 3"}',
        '{repeat: inner, until: "answer.chars > 3"}',
        '{use: inner, accept: "answer.chars > 3"}',
        "{sequence: [{use: inner, on_failure: continue}, {use: helper, when: 'false'}]}",
        (
            "{sequence: [{id: list, use: plan}, "
            "{for_each: '{list.output}', use: inner, max: 2, on_failure: continue}]}"
        ),
    ],
    ids=["cascade", "repeat", "gate", "sequence", "for_each"],
)
def test_a_rescue_above_takes_no_answer_from_a_flow_that_judges_or_goes_on(
    way: Way, routing: str, flow: str
) -> None:
    text = f"{INNER}routing: {{default: {flow}, {routing}}}"
    c = conductor(
        text, a=Scripted("no"), b=Scripted("good enough"), plan=Scripted("[1]"),
        helper=Scripted("helped"),
    )  # fmt: skip

    assert ask(c, "hello", way=way).text == "good enough"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "flow",
    [
        "{parallel: [inner, inner], take: best, score: not_refusal}",
        "{parallel: [inner, inner], take: majority}",
        "{consensus: [inner, inner]}",
        "{sequence: [{id: list, use: plan}, {for_each: '{list.output}', use: inner, max: 2}]}",
    ],
    ids=["best", "majority", "consensus", "for_each"],
)
def test_an_answer_that_nobody_accepted_stays_so_in_the_flow_around_it(way: Way, flow: str) -> None:
    c = conductor(
        f"{INNER}routing: {{default: {flow}}}",
        a=Scripted("no"), b=Scripted("neither"), plan=Scripted("[1]"),
    )  # fmt: skip

    assert not ask(c, "hello", way=way).accepted


def _whole(request: Request) -> str:
    return request.text


def _in_pieces(request: Request) -> Iterator[str]:
    yield from request.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("agent", [_whole, _in_pieces])
def test_an_agent_that_does_not_say_why_it_stopped_is_shadowed(way: Way, agent: object) -> None:
    told: list[Event] = []
    c = conductor(
        "agents: [{id: a}, {id: b}]\nrouting: {default: {use: a, shadow: b}}",
        observers=[told.append],
        a=agent, b=Scripted("x"),
    )  # fmt: skip

    ask(c, "hello", way=way)

    assert c.drain(5)
    assert "shadow_compared" in {event.name for event in told}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("agent", [_whole, _in_pieces])
def test_a_buffered_answer_stops_for_the_reason_for_which_its_agent_did(
    way: Way, agent: object
) -> None:
    text = 'agents: [{id: a}]\nrouting: {default: {cascade: [a], accept: "answer.chars > 1"}}'

    assert ask(conductor(text, a=agent), "hello", way=way).finish == "stop"


@pytest.mark.parametrize("way", STREAMS)
@pytest.mark.parametrize(
    "text",
    [
        "agents: [{id: a}, {id: b}]\nrouting: {default: {fallback: [a, b]}}",
        "agents: [{id: a, retry: {times: 1, wait: 0s}}, {id: b}]\nrouting: {default: a}",
    ],
    ids=["fallback", "retry"],
)
def test_an_answer_that_goes_on_has_no_finish_of_somebody_elses(way: Way, text: str) -> None:
    c = conductor(
        text, a=Scripted(Failure("timeout"), takes=[["one ", "two"]]), b=Scripted("one ", "two")
    )

    assert _finishes(c, way) == ["", "cut"]


def _finishes(c: Conductor, way: Way) -> list[str]:
    """Give how an answer stopped, as told after its first part and when the caller has left."""
    if way == "stream":
        with c.stream("hello") as parts:
            next(parts)
            found = [parts.answer.finish]
        return [*found, parts.answer.finish]

    async def read() -> list[str]:
        async with c.astream("hello") as parts:
            await anext(parts)
            found = [parts.answer.finish]
        return [*found, parts.answer.finish]

    return asyncio.run(read())


@pytest.mark.parametrize(("cancels", "closes"), [(1, ["begins", "ends"]), (2, ["begins"])])
def test_a_caller_who_is_cancelled_while_a_loser_closes_leaves_nothing_under_way(
    cancels: int, closes: list[str]
) -> None:
    closing: list[str] = []
    begins = asyncio.Event()
    text = "agents: [{id: fast}, {id: slow}]\nrouting: {default: {parallel: [fast, slow]}}"

    async def fast(request: Request) -> str:
        await asyncio.sleep(0.001)
        return request.text

    async def slow(request: Request) -> str:
        try:
            await asyncio.sleep(5)
        finally:
            closing.append("begins")
            begins.set()
            await asyncio.sleep(0.01)
            closing.append("ends")
        return request.text

    async def run() -> None:
        task = asyncio.create_task(
            conductor(text, real_clock=True, fast=fast, slow=slow).acall("x")
        )
        await begins.wait()
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())

    assert closing == closes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("take", ["first", "majority"])
def test_samples_of_a_sequence_in_a_loop_do_not_read_each_others_steps(way: Way, take: str) -> None:
    sequence = (
        '{sequence: [{id: one, use: a, prompt: "before: {two.text}"}, {id: two, use: b, '
        "on_failure: continue}]}"
    )
    loop = (
        f'{{repeat: {{parallel: [{sequence}], samples: 3, take: {take}}}, until: "false", max: 2}}'
    )
    a, b = Scripted("one"), Scripted("two")

    ask(conductor(f"agents: [{{id: a}}, {{id: b}}]\nrouting: {{default: {loop}}}\n", a=a, b=b), "x",
        way=way)  # fmt: skip

    assert [request.text for request in a.asked[:3]] == ["before: "] * 3


@pytest.mark.parametrize("way", WAYS)
def test_chance_in_a_branch_does_not_depend_on_how_fast_the_others_are(way: Way) -> None:
    step = "{sequence: [{use: %s}, {balance: {a: 50, b: 50}}]}"
    steps = ", ".join(step % agent for agent in ("even", "odd") * 4)
    text = (
        "agents: [{id: a}, {id: b}, {id: even}, {id: odd}]\n"
        f"routing: {{default: {{parallel: [{steps}], take: merge, merge: a, need: 8}}}}\n"
    )

    def chosen(slow: str) -> set[str]:
        late = Latch()

        class Slow:
            async def answer(self, attempt: Attempt) -> Parts:
                del attempt
                await Wait(late, 0.02)
                yield Part("late")

        pair = (Slow(), Scripted("soon"))
        even, odd = pair if slow == "even" else pair[::-1]
        c = conductor(text, real_clock=True, a=Scripted("a"), b=Scripted("b"), even=even, odd=odd)
        return {one.path for one in ask(c, "hello", way=way).attempts}

    assert chosen("even") == chosen("odd")


@pytest.mark.parametrize("way", ["call", "stream"])
@pytest.mark.parametrize("on_failure", ["fail", "continue"])
def test_items_that_hang_keep_no_sync_caller_beyond_the_deadline(way: Way, on_failure: str) -> None:
    released = threading.Event()
    ended: list[str] = []

    def answering(request: Request) -> str:
        if request.text == "slow":
            released.wait(5)
            ended.append("slow")
        return request.text

    text = (
        "agents: [{id: plan}, {id: a}]\nrouting: {default: {sequence: [{id: list, use: plan}, "
        "{for_each: '{list.output}', use: {use: a, prompt: '{item}'}, max: 2, "
        f"on_failure: {on_failure}}}]}}}}\n"
    )
    c = conductor(text, real_clock=True, plan=Scripted('["quick", "slow"]'), a=answering)

    try:
        said = ask(c, "hello", way=way, deadline=0.1).text
    except Failure as failure:
        said = failure.kind
    in_time = not ended
    released.set()

    assert in_time
    assert said == ("timeout" if on_failure == "fail" else "quick")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "flow", ['{cascade: [a], accept: "answer.chars > 3"}', '{repeat: a, until: "false"}']
)
def test_an_agent_that_says_nothing_at_all_is_not_accepted(way: Way, flow: str) -> None:
    def silent(request: Request) -> Iterator[str]:
        yield from request.text[:0]

    c = conductor(f"agents: [{{id: a}}]\nrouting: {{default: {flow}}}\n", a=silent)

    assert not ask(c, "hello", way=way).accepted


def test_sync_losers_leave_the_threads_of_the_event_loop_to_the_app() -> None:
    text = "agents: [{id: fast}, {id: stuck}]\nrouting: {default: {parallel: [stuck, fast]}}"
    released = threading.Event()

    async def race() -> str:
        inside = Latch()

        class Fast:
            async def answer(self, attempt: Attempt) -> Parts:
                del attempt
                await Wait(inside, 5)
                yield Part("fast")

        def stuck(request: Request) -> str:
            inside.open()
            released.wait(20)
            return request.text

        answer = await conductor(text, real_clock=True, fast=Fast(), stuck=stuck).acall("hello")
        return answer.text

    async def run() -> None:
        for _ in range(40):  # more than the loop's own pool ever has
            assert await race() == "fast"
        await asyncio.wait_for(asyncio.to_thread(int), 10)

    try:
        asyncio.run(run())  # does not wait for them
        assert not released.is_set()
    finally:
        released.set()
