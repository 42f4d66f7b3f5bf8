"""An agent that declines to answer: a failure where somebody acts upon it, else an answer."""

from __future__ import annotations

import asyncio

import pytest

from conductor_mw import (
    Conductor,
    Failure,
    Part,
    PolicyError,
    Request,
    ToolCall,
    Usage,
    attempts_of,
)
from conductor_mw.parts import Origin
from conductor_mw.policy import load_text
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one
from tests.kit import conductor

NO = ("I'm sorry, ", "but I can't help ", "with that.")
PLAIN = "agents: [{id: a}, {id: b}]\nrouting: {default: a}\n"
RESCUED = "agents: [{id: a}, {id: b}]\nrouting: {default: a, fallback: {refusal: b}}\n"
PAIR = "agents: [{id: a}, {id: b}]\nrouting: {default: {fallback: [a, b], on: [refusal]}}\n"
RETRIED = """
agents: [{id: a, retry: {times: 2, on: [refusal], wait: 1s, with: [{temperature: 0.2}]}}]
routing: {default: a}
"""


def two(text: str, a: Scripted) -> tuple[Conductor, Scripted]:
    b = Scripted("b answers")
    return conductor(text, a=a, b=b), b


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [RESCUED, PAIR])
def test_a_text_that_declines_is_a_refusal_where_somebody_stands_ready(text: str, way: Way) -> None:
    c, _ = two(text, Scripted(*NO))

    answer = ask(c, "hello", way=way)

    assert answer.text == "b answers"
    assert [(one.agent, one.kind, one.finish) for one in answer.attempts] == [
        ("a", "refusal", "refusal"),
        ("b", None, "stop"),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_elsewhere_it_is_an_answer(way: Way) -> None:
    c, b = two(PLAIN, Scripted(*NO))

    answer = ask(c, "hello", way=way)

    assert answer.text == "".join(NO)
    assert [one.kind for one in answer.attempts] == [None]
    assert b.asked == []


@pytest.mark.parametrize("way", STREAMS)
def test_an_answer_is_held_back_only_where_somebody_acts_upon_a_refusal(way: Way) -> None:
    said = Scripted("one ", ConnectionError("reset"))

    assert read_one(two(PLAIN, said)[0], "hello", way=way).text == "one "
    with pytest.raises(ConnectionError):
        read_one(two(RESCUED, Scripted("one ", ConnectionError("reset")))[0], "hello", way=way)


def read(c: Conductor, way: Way) -> list[Part]:
    async def parts() -> list[Part]:
        return [part async for part in c.astream("hello")]

    return list(c.stream("hello")) if way == "stream" else asyncio.run(parts())


@pytest.mark.parametrize("way", STREAMS)
def test_what_was_held_back_comes_part_by_part_and_says_whose_it_is(way: Way) -> None:
    silent = Part(native={"role": "assistant"})
    c, _ = two(RESCUED, Scripted(silent, "one ", "two"))

    parts = read(c, way)

    assert [part.text for part in parts] == ["", "one ", "two", ""]
    assert [part.origin for part in parts] == [None, Origin("a", "a"), None, None]


@pytest.mark.parametrize("way", WAYS)
def test_after_half_an_answer_that_was_held_back_another_agent_may_answer(way: Way) -> None:
    text = RESCUED.replace("refusal: b", "refusal: b, connection: b")
    c, _ = two(text, Scripted("half an ", ConnectionError("reset")))

    assert ask(c, "hello", way=way).text == "b answers"


def cut_off(request: Request) -> Part:
    del request
    return Part("This is how", finish="refusal")


@pytest.mark.parametrize("way", WAYS)
def test_a_provider_that_cuts_an_answer_off_refuses_it(way: Way) -> None:
    c = conductor(RESCUED, a=cut_off, b=Scripted("b answers"))

    answer = ask(c, "hello", way=way)

    assert (answer.text, answer.attempts[0].kind) == ("b answers", "refusal")


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_calls_a_tool_is_no_refusal(way: Way) -> None:
    call = ToolCall(0, "c1", "look", "{}")
    c, b = two(RESCUED, Scripted(Part("I can't help with that directly.", tool_calls=(call,))))

    ask(c, "hello", way=way)

    assert b.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_is_tried_again_with_other_parameters(way: Way) -> None:
    a = Scripted(*NO, takes=[[*NO], ["Well: ", "yes."]])
    c = conductor(RETRIED, a=a)

    answer = ask(c, "hello", way=way, temperature=0.9)

    assert answer.text == "Well: yes."
    assert [one.kind for one in answer.attempts] == ["refusal", "refusal", None]
    assert [request.parameters.get("temperature") for request in a.asked] == [0.9, 0.2, 0.2]


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_that_nobody_mends_is_told_with_its_cost(way: Way) -> None:
    text = """
agents:
  - {id: a, price: {input: 1, output: 1}}
  - {id: b, price: {input: 1, output: 1}}
routing: {default: {fallback: [a, b], on: [refusal]}}
"""
    usage = Usage(10, 10)
    a, b = Scripted(*NO, usage=usage), Scripted(Failure("timeout"))

    with pytest.raises(Failure) as caught:
        ask(conductor(text, a=a, b=b), "hello", way=way)

    assert caught.value.kind == "refusal"
    first = attempts_of(caught.value)[0]
    assert (first.kind, first.cost.nano if first.cost else None) == ("refusal", 20_000)


@pytest.mark.parametrize("way", WAYS)
def test_each_further_try_has_its_own_parameters_and_the_last_ones_hold_on(way: Way) -> None:
    text = """
agents:
  - id: a
    parameters: {temperature: 1, top_p: 0.5}
    retry: {times: 3, with: [{temperature: 0.2}, {temperature: 0, seed: 7}]}
routing: {default: a}
"""
    a = Scripted(ConnectionError("reset"))

    with pytest.raises(ConnectionError):
        ask(conductor(text, a=a), "hello", way=way)

    told = [request.parameters for request in a.asked]
    assert [(one["temperature"], one["top_p"], one.get("seed")) for one in told] == [
        (1, 0.5, None),
        (0.2, 0.5, None),
        (0, 0.5, 7),
        (0, 0.5, 7),
    ]


@pytest.mark.parametrize(
    ("retry", "problem"),
    [
        ("{times: 1, with: [{api_key: sk-1}]}", "may hold a key"),
        ("{times: 1, with: [{temperature: 0}, {fallbacks: [x]}]}", "go past this policy"),
        ("{times: 1, with: [{extra_headers: {a: b}}]}", "a request could set it for the first"),
        ("{times: 1, with: {temperature: 0}}", "must be a list"),
    ],
)
def test_parameters_of_further_tries_keep_the_rules_of_parameters(retry: str, problem: str) -> None:
    text = f"agents: [{{id: a, model: x/y, retry: {retry}}}]\nrouting: {{default: a}}"

    with pytest.raises(PolicyError, match=problem) as caught:
        load_text(text, env={})

    assert "agents.0.retry" in str(caught.value)
    assert "sk-1" not in str(caught.value)
