"""What is told of a run afterwards is what happened: calls, finish, errors and cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from conductor_mw import (
    Answer,
    Attempt,
    Attempted,
    Conductor,
    EvaluationError,
    Failure,
    Money,
    Part,
    Parts,
    Usage,
    attempts_of,
)
from conductor_mw.parts import ToolCall
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask
from tests.kit import Diary, conductor

PRICED = """
agents:
  - {id: a, price: {input: 1, output: 2}, timeout: 2s}
  - {id: b, price: {input: 1, output: 2}}
routing: {default: {fallback: [a, b]}}
"""


@pytest.mark.parametrize("way", STREAMS)
def test_a_tool_calls_name_counts_once_however_often_it_is_repeated(way: Way) -> None:
    agent = Scripted(
        Part(tool_calls=(ToolCall(0, "c1", "search", '{"q": '),)),
        Part(tool_calls=(ToolCall(0, "c1", "search", '"x"}'),)),
    )

    answer = ask(conductor(a=agent), "hello", way=way)

    assert answer.tool_calls == (ToolCall(0, "c1", "search", '{"q": "x"}'),)


@pytest.mark.parametrize("way", STREAMS)
def test_another_id_under_the_same_index_opens_another_call(way: Way) -> None:
    agent = Scripted(
        Part(tool_calls=(ToolCall(0, "c1", "search", "{}"),)),
        Part(tool_calls=(ToolCall(0, "c2", "open", "{"),)),
        Part(tool_calls=(ToolCall(0, "", "", "}"),)),
    )

    answer = ask(conductor(a=agent), "hello", way=way)

    assert answer.tool_calls == (ToolCall(0, "c1", "search", "{}"), ToolCall(0, "c2", "open", "{}"))


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_told_no_usage_has_no_known_cost(way: Way) -> None:
    answer = ask(conductor(PRICED, a=Scripted("one", usage=None), b=Scripted()), "hello", way=way)

    assert answer.cost is None
    assert [one.cost for one in answer.attempts] == [None]


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_waited_for_any_longer_has_no_known_cost(way: Way) -> None:
    c = conductor(PRICED, a=Scripted(9.0, "late", usage=None), b=Scripted("in time"))

    answer = ask(c, "hello", way=way)

    assert answer.text == "in time"
    assert answer.cost is None
    assert [one.cost for one in answer.attempts] == [None, Money(20_000)]


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_broke_off_has_no_known_cost(way: Way) -> None:
    c = conductor(PRICED, a=Scripted("one ", ConnectionError("reset")), b=Scripted())

    with pytest.raises(ConnectionError) as caught:
        ask(c, "hello", way=way)

    assert [one.cost for one in attempts_of(caught.value)] == [None]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_in_the_place_of_an_answer_costs_nothing(way: Way) -> None:
    c = conductor(PRICED, a=Scripted(ConnectionError("reset")), b=Scripted("here"))

    answer = ask(c, "hello", way=way)

    assert [one.cost for one in answer.attempts] == [Money(), Money(20_000)]
    assert answer.cost == Money(20_000)


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_its_caller_left_was_cut(way: Way) -> None:
    c = conductor(a=Scripted("one ", "two"))

    answer = left_early(c, way)

    assert (answer.text, answer.finish) == ("one ", "cut")
    assert [one.finish for one in answer.attempts] == ["cut"]


def test_a_stream_that_goes_on_has_no_finish() -> None:
    with conductor(a=Scripted("one ", "two")).stream("hello") as parts:
        next(parts)

        assert parts.answer.finish == ""


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_that_answers_alone_comes_to_its_end(way: Way) -> None:
    async def alone(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        del attempt, proceed
        yield Part("remembered")

    answer = ask(conductor(attempt_layers=[alone], a=Scripted()), "hello", way=way)

    assert answer.finish == "stop"
    assert [(one.finish, one.error) for one in answer.attempts] == [("stop", None)]


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_is_recorded_once_with_its_cost(way: Way) -> None:
    text = PRICED.replace("[a, b]", "[a, b], on: [refusal]")

    answer = ask(conductor(text, a=Filtered(), b=Scripted("here")), "hello", way=way)

    assert [(one.agent, one.kind, one.finish, one.cost) for one in answer.attempts] == [
        ("a", "refusal", "refusal", Money(10_000)),
        ("b", None, "stop", Money(20_000)),
    ]
    assert isinstance(answer.attempts[0].error, Failure)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_a_layer_refuses_is_recorded_once_with_its_cost(way: Way) -> None:
    async def strict(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        async for _ in proceed(attempt):
            pass
        raise Failure("invalid_output", "not JSON", agent=attempt.agent.id)
        yield Part("never")

    c = conductor(PRICED, attempt_layers=[strict], a=Scripted("one"), b=Scripted())

    with pytest.raises(Failure) as caught:
        ask(c, "hello", way=way)

    assert [(one.kind, one.finish, one.cost) for one in attempts_of(caught.value)] == [
        ("invalid_output", "error", Money(20_000))
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_layers_own_fault_is_recorded_as_such(when: str, way: Way) -> None:
    async def broken(attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        if when == "after":
            async for _ in proceed(attempt):
                pass
        raise KeyError("tenant")
        yield Part("never")

    with pytest.raises(KeyError) as caught:
        ask(conductor(attempt_layers=[broken], a=Scripted("one")), "hello", way=way)

    assert [(one.kind, one.error, one.finish) for one in attempts_of(caught.value)] == [
        (None, caught.value, "error")
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_agents_own_fault_is_recorded_once(way: Way) -> None:
    with pytest.raises(KeyError) as caught:
        ask(conductor(a=Scripted(KeyError("tenant"))), "hello", way=way)

    assert [(one.kind, one.error, one.finish) for one in attempts_of(caught.value)] == [
        (None, caught.value, "error")
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_could_not_decide_is_told_to_its_end(way: Way) -> None:
    diary = Diary()
    text = (
        "agents: [{id: a}]\n"
        "routing: {rules: [{condition: 'metadata.absent == 1', target: a, on_error: fail}], "
        "default: a}\n"
    )
    c = conductor(text, observers=[diary.events.append], a=Scripted("one"))

    with pytest.raises(EvaluationError):
        ask(c, "hello", way=way)

    assert [event.name for event in diary.events if event.run] == ["run_started", "run_ended"]
    assert diary.events[-1].data == {"attempts": 0, "failed": True}


class Filtered:
    """An agent whose provider let nothing through."""

    async def answer(self, attempt: Attempt) -> Parts:
        del attempt
        yield Part(finish="refusal", usage=Usage(10, 0))


def left_early(c: Conductor, way: Way) -> Answer:
    if way == "stream":
        with c.stream("hello") as parts:
            next(parts)
        return parts.answer

    async def read() -> Answer:
        async with c.astream("hello") as parts:
            await anext(parts)
        return parts.answer

    return asyncio.run(read())
