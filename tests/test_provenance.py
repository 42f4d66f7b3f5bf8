"""Provenance: who said which part of an answer, and what became of everybody else."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from conductor_mw import Answer, Attempted, Failure, Money, Parts, Usage
from conductor_mw.effects import Attempt, Io
from conductor_mw.parts import Origin, Outcome, Part, ToolCall
from conductor_mw.provenance import provenance_of
from conductor_mw.testing import STREAMS, WAYS, Scripted, ask
from conductor_mw.testing.ways import Way

from .kit import conductor

PRICED = "{{id: {0}, price: {{input: 1, output: 1}}}}"


def policy(default: str, *agents: str) -> str:
    listed = ", ".join(PRICED.format(agent) for agent in agents)
    return f"agents: [{listed}]\nrouting: {{default: {default}}}\n"


def became(answer: Answer) -> dict[str, str]:
    return {one.path: one.became for one in answer.provenance.attempts}


@pytest.mark.parametrize("way", WAYS)
def test_a_fallback_tells_who_failed_and_who_answered(way: Way) -> None:
    asking = conductor(
        policy("{fallback: [a, b]}", "a", "b"), a=Scripted(ConnectionError()), b=Scripted("Hi.")
    )

    answer = ask(asking, "?", way=way)

    first, second = answer.provenance.attempts
    assert (first.agent, first.became, first.failure, first.characters) == (
        "a", "failed", "connection", 0,
    )  # fmt: skip
    assert (second.agent, second.became, second.characters) == ("b", "answered", 3)
    assert second.usage == Usage(10, 5)
    assert second.cost == Money(15_000)
    assert answer.agent == "b"


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_counts_the_text_for_the_try_that_said_it(way: Way) -> None:
    text = "agents: [{id: a, retry: 2}]\nrouting: {default: a}\n"

    answer = ask(
        conductor(text, a=Scripted(ConnectionError(), takes=[[ConnectionError()], ["Hello"]])),
        "?", way=way,
    )  # fmt: skip

    assert [(one.number, one.became, one.characters) for one in answer.provenance.attempts] == [
        (1, "failed", 0), (2, "failed", 0), (3, "answered", 5),
    ]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_sequence_tells_what_went_into_a_later_step(way: Way) -> None:
    flow = '{sequence: [{id: draft, use: a}, {use: b, prompt: "Polish: {draft.text}"}]}'

    answer = ask(
        conductor(policy(flow, "a", "b"), a=Scripted("rough"), b=Scripted("fine")), "?", way=way
    )

    assert became(answer) == {"sequence/draft/a": "fed", "sequence/2/b": "answered"}
    assert answer.text == "fine"
    assert answer.agent == "b"


@pytest.mark.parametrize("way", WAYS)
def test_a_cascade_tells_which_candidate_was_not_good_enough(way: Way) -> None:
    flow = '{cascade: [a, b], accept: "answer.chars > 3"}'

    answer = ask(
        conductor(policy(flow, "a", "b"), a=Scripted("no"), b=Scripted("better")), "?", way=way
    )

    assert became(answer) == {"cascade/0/a": "unused", "cascade/1/b": "answered"}
    assert answer.agent == "b"
    assert answer.cost == Money(30_000)


@pytest.mark.parametrize("way", WAYS)
def test_a_merge_tells_who_fed_it(way: Way) -> None:
    flow = "{parallel: [a, b], take: merge, merge: c}"

    answer = ask(
        conductor(
            policy(flow, "a", "b", "c"), real_clock=True,
            a=Scripted("one"), b=Scripted("two"), c=Scripted("both"),
        ),
        "?", way=way,
    )  # fmt: skip

    assert became(answer) == {
        "parallel/0/a": "fed", "parallel/1/b": "fed", "parallel/merge/c": "answered",
    }  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_merge_that_a_later_step_reads_was_fed_as_well(way: Way) -> None:
    flow = (
        "{sequence: [{id: x, use: {parallel: [a, b], take: merge, merge: c}}, "
        '{use: d, prompt: "{x.text}"}]}'
    )
    said: dict[str, Any] = {name: Scripted(name) for name in "abcd"}

    answer = ask(conductor(policy(flow, *"abcd"), real_clock=True, **said), "?", way=way)

    assert became(answer) == {
        "sequence/x/parallel/0/a": "fed", "sequence/x/parallel/1/b": "fed",
        "sequence/x/parallel/merge/c": "fed", "sequence/2/d": "answered",
    }  # fmt: skip


@pytest.mark.parametrize("way", STREAMS)
def test_streams_tell_it_as_far_as_they_were_read(way: Way) -> None:
    asking = conductor(policy("a", "a"), a=Scripted("one ", "two ", "three"))

    if way == "stream":
        with asking.stream("?") as parts:
            next(parts)
            next(parts)
            halfway = parts.answer
    else:

        async def read() -> Answer:
            async with asking.astream("?") as parts:
                await anext(parts)
                await anext(parts)
                return parts.answer

        halfway = asyncio.run(read())

    assert [(one.agent, one.characters) for one in halfway.provenance.segments] == [("a", 8)]
    assert halfway.provenance.attempts == ()
    assert halfway.agent == "a"
    assert halfway.cost is None


@pytest.mark.parametrize("way", WAYS)
def test_tool_calls_and_media_have_an_origin_too(way: Way) -> None:
    call = Part(tool_calls=(ToolCall(0, "c1", "search", "{}"),))

    answer = ask(conductor(a=Scripted(call)), "?", way=way)

    assert answer.agent == "a"
    assert answer.tool_calls[0].name == "search"
    assert became(answer) == {"a": "answered"}
    assert answer.native


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_of_a_layer_names_the_layer(way: Way) -> None:
    async def cached(
        attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        del proceed
        yield Part("from the shelf", finish="stop")
        attempt.settle(Outcome(path=attempt.path, agent=attempt.agent.id, by="cache", cost=Money()))

    answer = ask(conductor(attempt_layers=[cached], a=Scripted("fresh")), "?", way=way)

    (one,) = answer.provenance.attempts
    assert (one.by, one.became, one.characters) == ("cache", "answered", 14)


def test_a_silent_answer_still_has_an_agent() -> None:
    answer = conductor(a=Scripted("")).call("?")

    assert answer.text == ""
    assert answer.agent == "a"


def test_segments_of_several_agents_are_told_in_order() -> None:
    parts = [
        Part("Hel", origin=Origin("a", "x/a")),
        Part("lo"),
        Part(usage=Usage(1, 1)),
        Part(" you", origin=Origin("b", "y/b")),
        Part(finish="stop"),
    ]

    found = provenance_of(parts, [Outcome(path="x/a", agent="a"), Outcome(path="y/b", agent="b")])

    assert [(one.agent, one.characters) for one in found.segments] == [("a", 5), ("b", 4)]
    assert [one.became for one in found.attempts] == ["answered", "answered"]


def test_text_that_no_agent_said_has_no_agent() -> None:
    found = provenance_of([Part("from the policy")], [])

    assert [(one.agent, one.characters) for one in found.segments] == [("", 15)]


def test_it_is_plain_json() -> None:
    asking = conductor(
        policy("{fallback: [a, b]}", "a", "b"), a=Scripted(ConnectionError()), b=Scripted("Hi.")
    )

    record = asking.call("?").provenance.to_dict()

    assert json.loads(json.dumps(record)) == record
    assert record["segments"] == [{"agent": "b", "path": "fallback/1/b", "characters": 3}]


class Gated:
    """Answers when a gate is opened: a call that cannot be interrupted."""

    def __init__(self, gate: threading.Event, said: str) -> None:
        self.gate = gate
        self.said = said

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        del attempt
        await Io(self.gate.wait)
        yield Part(self.said, usage=Usage(10, 5), finish="stop")


def test_a_sync_loser_is_settled_when_its_call_returns() -> None:
    opened, shut, ended = threading.Event(), threading.Event(), threading.Event()
    opened.set()

    def told(event: object) -> None:
        if (
            getattr(event, "name", "") == "attempt_ended"
            and getattr(event, "data", {})["agent"] == "b"
        ):
            ended.set()

    asking = conductor(
        policy("{parallel: [a, b], take: first}", "a", "b"), real_clock=True, observers=[told],
        a=Gated(opened, "fast"), b=Gated(shut, "slow"),
    )  # fmt: skip

    answer = asking.call("?")
    assert (answer.text, answer.agent, answer.cost) == ("fast", "a", None)
    shut.set()
    assert ended.wait(10)

    whole = answer.updated()
    assert whole.text == "fast"
    assert sorted(one.agent for one in whole.attempts) == ["a", "b"]


def test_who_failed_last_is_in_the_attempts_of_the_error() -> None:
    asking = conductor(policy("a", "a"), a=Scripted(Failure("server_error", "broken", agent="a")))

    with pytest.raises(Failure):
        asking.call("?")


def test_a_step_that_only_had_to_run_is_done_and_who_was_overruled_fed_the_other() -> None:
    text = """
agents: [{id: a}, {id: b}, {id: c}]
routing:
  rules: [{condition: metadata.steps, target: {sequence: [{id: one, use: a}, b], answer: one}}]
  default: {consensus: [a, b], otherwise: {use: c, prompt: "{answers}"}}
"""
    c = conductor(text, a=Scripted("A"), b=Scripted("B"), c=Scripted("C"))

    steps = c.call("hello", metadata={"steps": True})
    others = c.call("hello", metadata={"steps": False})

    assert became(steps) == {"sequence/one/a": "answered", "sequence/2/b": "done"}
    assert became(others) == {
        "consensus/0/a": "fed", "consensus/1/b": "fed", "consensus/otherwise/c": "answered",
    }  # fmt: skip
