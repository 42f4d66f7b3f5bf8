"""What an app sees that put a policy between its LangChain chains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from functools import reduce
from operator import add
from typing import Any

import pytest
from conductor_mw_langchain import ConductorRunnable
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.runnables.utils import AddableDict

from conductor_mw import ConductorError, Failure, attempts_of
from tests.langchain.chains import (
    Keeping,
    Runs,
    Way,
    ask,
    each_stream,
    each_way,
    says,
    streams,
    template,
    told,
    two,
)
from tests.langchain.oracle import Oracle

ONE = "agents: [{id: faq}]\nrouting: {default: faq}\n"
FAQ = "Hello from faq-1, nice to see you"
RESEARCH = "Hello from research-1, nice to see you"


def question(asked: Any) -> Any:
    return asked["question"]


def one(chain: Any) -> ConductorRunnable:
    return ConductorRunnable(policy=ONE, agents={"faq": chain})


@each_way
def test_a_rule_over_the_question_chooses_the_chain(way: Way) -> None:
    chain = two()

    assert told(chain, "When do you open?", way) == FAQ
    assert told(chain, "But why?", way) == RESEARCH


@each_way
def test_a_rule_reads_the_configs_metadata_and_what_is_configurable(way: Way) -> None:
    chain = two()

    assert told(chain, "Hello", way, {"metadata": {"tier": "pro"}}) == RESEARCH
    assert told(chain, "Hello", way, {"configurable": {"tier": "pro"}}) == RESEARCH


@each_way
@pytest.mark.parametrize(
    "given",
    ["text", {"answer": 3}, AIMessage("said", id="m1"), ["a", 2], None, 0, object()],
    ids=lambda one: type(one).__name__,
)
def test_whatever_a_chain_gives_is_given_untouched(given: Any, way: Way) -> None:
    found = ask(one(says(given)), "Hello", way)

    assert (
        found[0] if isinstance(found, list) and way in ("stream", "astream") else found
    ) is given


@each_stream
def test_every_chunk_comes_as_the_chain_made_it(way: Way) -> None:
    chunks = [AddableDict(context=[1]), AddableDict(answer="He"), AddableDict(answer="llo")]

    found = ask(one(streams(*chunks)), "Hello", way)

    assert [a is b for a, b in zip(found, chunks, strict=True)] == [True] * 3


def test_a_chunk_is_there_before_the_next_one_is_made() -> None:
    made: list[int] = []

    def give(asked: Iterator[Any]) -> Iterator[str]:
        list(asked)
        for number in range(3):
            made.append(number)
            yield str(number)

    chunks = one(RunnableGenerator(give)).stream("Hello")

    assert (next(chunks), made) == ("0", [0])
    assert list(chunks) == ["1", "2"]


@each_way
def test_the_next_chain_answers_where_the_first_one_fails(way: Way) -> None:
    assert told(two(fails=ConnectionError("down")), "Hello", way) == RESEARCH


@each_stream
def test_no_chain_takes_over_after_the_first_chunk(way: Way) -> None:
    chain = ConductorRunnable(
        policy=two().policy,
        agents={"faq": streams("Hel", ConnectionError("cut")), "research": says("never")},
    )

    with pytest.raises(ConnectionError, match="cut"):
        ask(chain, "Hello", way)


@each_stream
def test_a_chunk_of_data_counts_as_the_first_chunk(way: Way) -> None:
    chain = ConductorRunnable(
        policy=two().policy,
        agents={"faq": streams({"context": [1]}, ConnectionError("cut")), "research": says("no")},
    )

    with pytest.raises(ConnectionError, match="cut"):
        ask(chain, "Hello", way)


@each_stream
def test_a_chain_takes_over_from_one_that_failed_after_saying_nothing(way: Way) -> None:
    chain = ConductorRunnable(
        policy=two().policy,
        agents={"faq": streams("", ConnectionError("cut")), "research": says("Here.")},
    )

    assert ask(chain, "Hello", way) == ["Here."]


@each_way
def test_the_first_chains_own_error_is_raised_with_every_attempt(way: Way) -> None:
    first = ConnectionError("first")
    chain = ConductorRunnable(
        policy=two().policy,
        agents={"faq": says(first), "research": says(ConnectionError("second"))},
    )

    with pytest.raises(ConnectionError) as caught:
        ask(chain, "Hello", way)

    assert caught.value is first
    assert [one.agent for one in attempts_of(first)] == ["faq", "research"]


@each_way
def test_a_chains_fault_is_no_failure_that_another_chain_hides(way: Way) -> None:
    chain = ConductorRunnable(
        policy=two().policy, agents={"faq": says(KeyError("topic")), "research": says("no")}
    )

    with pytest.raises(KeyError, match="topic"):
        ask(chain, "Hello", way)


@each_way
def test_a_failed_chain_and_the_one_that_answered_stand_below_one_run(way: Way) -> None:
    runs = Runs()
    chain = ConductorRunnable(
        policy=two().policy,
        agents={
            "faq": says(ConnectionError("down")).with_config(run_name="Faq"),
            "research": template(Oracle()).with_config(run_name="Research"),
        },
    )

    told(chain, "Hello", way, {"callbacks": [runs]})

    outer = [
        line for line in runs.lines if line.split()[0] in ("ConductorRunnable", "Faq", "Research")
    ]
    assert outer == [
        "ConductorRunnable starts", "Faq starts", "Faq fails: ConnectionError",
        "Research starts", "Research ends", "ConductorRunnable ends",
    ]  # fmt: skip
    assert runs.path("Faq") == ["ConductorRunnable", "Faq"]
    assert runs.path("model") == ["ConductorRunnable", "Research", "model"]
    assert "conductor:faq" in runs.tags["Faq"]
    assert "conductor:research" in runs.tags["Research"]
    assert "conductor:research" not in runs.tags["model"]


@each_way
def test_the_run_is_named_told_and_ended_as_the_caller_said(way: Way) -> None:
    runs = Runs()

    config = {"callbacks": [runs], "run_name": "Desk", "tags": ["t"], "metadata": {"k": "v"}}
    ask(one(says("Hi.")), "Hello", way, config)

    assert runs.outputs["Desk"] == "Hi."
    assert "t" in runs.tags["Desk"]
    assert "t" in runs.tags["give"]
    assert runs.metadata["give"]["k"] == "v"


@each_way
def test_a_chain_sees_the_callers_config_and_context(way: Way) -> None:
    seen: dict[str, Any] = {}
    user: ContextVar[str] = ContextVar("user")

    def look(asked: str, config: Any) -> str:
        seen.update(config, user=user.get())
        return asked

    user.set("ana")
    config = {"configurable": {"thread": 7}, "recursion_limit": 9, "max_concurrency": 3}
    ask(one(RunnableLambda(look)), "Hello", way, config)

    assert seen["configurable"] == {"thread": 7}
    assert (seen["recursion_limit"], seen["max_concurrency"], seen["user"]) == (9, 3, "ana")


@each_way
def test_what_is_bound_goes_to_the_chain(way: Way) -> None:
    seen: list[Any] = []

    def look(asked: str, **kwargs: Any) -> str:
        seen.append(kwargs)
        return asked

    ask(one(RunnableLambda(look)).bind(depth=3), "Hello", way)

    assert seen == [{"depth": 3}]


@each_way
def test_a_chat_model_as_an_agent_gives_its_message(way: Way) -> None:
    found = ask(one(Oracle(model="bare")), "Hello", way)

    whole: Any = found if way in ("invoke", "ainvoke") else reduce(add, found)
    assert isinstance(whole, AIMessage if way in ("invoke", "ainvoke") else AIMessageChunk)
    assert whole.text == "Hello from bare, nice to see you"


@each_way
def test_an_output_that_cannot_be_parsed_is_a_failure_a_policy_names(way: Way) -> None:
    unparsed = OutputParserException("no JSON")
    chain = ConductorRunnable(
        policy=two().policy, agents={"faq": says(unparsed), "research": says("Here.")}
    )

    assert ask(chain, "Hello", way) in ("Here.", ["Here."])


def test_a_caller_that_leaves_early_closes_the_chain() -> None:
    closed: list[str] = []
    runs = Runs()

    def give(asked: Iterator[Any]) -> Iterator[str]:
        list(asked)
        try:
            yield from "abc"
        finally:
            closed.append("sync")

    chunks = one(RunnableGenerator(give)).stream("Hello", {"callbacks": [runs]})
    assert next(chunks) == "a"
    chunks.close()  # type: ignore[attr-defined]

    assert closed == ["sync"]
    assert runs.outputs["ConductorRunnable"] == "a"


async def test_an_async_caller_that_leaves_early_closes_the_chain() -> None:
    closed: list[str] = []

    async def give(asked: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in asked:
            pass
        try:
            for letter in "abc":
                yield letter
        finally:
            closed.append("async")

    chunks: Any = one(RunnableGenerator(give)).astream("Hello")
    assert await anext(chunks) == "a"
    await chunks.aclose()

    assert closed == ["async"]


@each_way
def test_a_simulated_agent_answers_with_a_text(way: Way) -> None:
    chain = ConductorRunnable(
        policy="agents: [{id: faq, simulated: Soon.}]\nrouting: {default: faq}\n"
    )

    assert ask(chain, {"question": "When?"}, way) in ("Soon.", ["Soon."])


@pytest.mark.parametrize("key", ["prompt: Be brief.", "parameters: {temperature: 0}"])
def test_what_no_chain_can_be_told_is_refused_when_it_is_made(key: str) -> None:
    policy = ONE.replace("{id: faq}", f"{{id: faq, {key}}}")

    with pytest.raises(ConductorError, match="'faq' is a chain") as caught:
        ConductorRunnable(policy=policy, agents={"faq": says("Hi.")})

    assert caught.value.where.endswith(f"agents.faq.{key.partition(':')[0]}")
    assert "bind a chat model" in caught.value.mend


def test_a_chat_model_is_told_its_prompt_and_parameters() -> None:
    model = Oracle()
    policy = ONE.replace("{id: faq}", "{id: faq, prompt: Be brief., parameters: {temperature: 0}}")

    ConductorRunnable(policy=policy, agents={"faq": model}).invoke("Hello")

    messages, kwargs = model.asked[0]
    assert [message.text for message in messages] == ["Be brief.", "Hello"]
    assert kwargs["temperature"] == 0


def test_a_step_says_no_parameter_that_a_chain_would_leave_aside() -> None:
    policy = ONE.replace("default: faq", "default: {use: faq, parameters: {temperature: 0}}")

    with pytest.raises(ConductorError, match="cannot be told the parameter 'temperature'"):
        ConductorRunnable(policy=policy, agents={"faq": says("Hi.")}).invoke("Hello")


def test_a_decision_is_given_without_asking_anybody() -> None:
    kept = Keeping()
    chain = ConductorRunnable(
        policy=two().policy, agents={"faq": kept.chain, "research": kept.chain}
    )

    assert chain.decide({"question": "why?"}).rule == "why"
    assert chain.decide({"question": "Hi"}, {"metadata": {"tier": "pro"}}).target == "research"
    assert not kept.asked


@each_way
def test_a_guarantee_holds_for_chains(way: Way) -> None:
    policy = ONE + "guarantees: [{never: {when: \"input.text == 'no'\", agents: [faq]}}]\n"
    kept = Keeping()
    chain = ConductorRunnable(policy=policy, agents={"faq": kept.chain})

    with pytest.raises(Failure) as caught:
        ask(chain, "no", way)

    assert caught.value.kind == "policy_violation"
    assert not kept.asked


def test_many_callers_at_once_get_their_own_answers() -> None:
    chain = one(Keeping(question).chain)
    asked = [{"question": str(number)} for number in range(200)]

    assert chain.batch(asked, {"max_concurrency": 16}) == [one["question"] for one in asked]
    assert asyncio.run(chain.abatch(asked)) == [one["question"] for one in asked]
