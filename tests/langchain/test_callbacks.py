"""What a policy does about calls that a LangChain app makes itself, with no call site changed."""
# ruff: noqa: ARG002 - the arguments are LangChain's

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from conductor_mw_langchain import ConductorCallbackHandler, ConductorChatModel
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool

from conductor_mw import ConductorError, Failure, attempts_of
from tests.langchain.callbacks_kit import FIVE, SMALL, STREAMS, Way, ask, attending, each_way, spent
from tests.langchain.oracle import Oracle


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


@each_way
def test_the_app_gets_the_answer_of_the_model_that_it_asked(way: Way) -> None:
    handler, records = attending()
    model = Oracle(model="small-1")

    answer = ask(model, "Hello", way, handler)

    assert answer.text == "Hello from small-1, nice to see you"
    assert [one["agent"] for one in records.told("attempt_ended")] == ["small"]
    assert handler.under_way == 0


@each_way
def test_what_the_policy_would_have_chosen_is_recorded_and_nothing_is_rerouted(way: Way) -> None:
    handler, records = attending()
    model = Oracle(model="small-1")

    ask(model, "Please reason", way, handler)

    assert records.told("observed") == [{"rule": "long", "target": "large"}]
    assert [one["agent"] for one in records.told("attempt_ended")] == ["small"]
    assert len(model.asked) == 1


@each_way
def test_a_budget_that_is_spent_keeps_the_provider_from_being_called(way: Way) -> None:
    handler, _ = attending(FIVE)
    model = Oracle(model="small-1")
    for _ in range(5):
        ask(model, "Hello", way, handler)

    with pytest.raises(Failure) as refused:
        ask(model, "Hello", way, handler)

    assert refused.value.kind == "budget"
    assert [one.kind for one in attempts_of(refused.value)] == ["budget"]
    assert len(model.asked) == 5
    assert (spent(handler), handler.under_way) == (35_000, 0)


@each_way
def test_a_call_is_charged_with_the_tokens_that_it_used(way: Way) -> None:
    handler, _ = attending(FIVE.replace("max_output_tokens: 7", "max_output_tokens: 30"))

    ask(Oracle(model="small-1"), "Hello", way, handler)

    assert spent(handler) == 7_000


@each_way
def test_the_apps_own_ceiling_is_what_a_budget_holds(way: Way) -> None:
    handler, _ = attending(FIVE.replace("max_output_tokens: 7", "max_output_tokens: 4000"))

    ask(Oracle(model="small-1").bind(max_tokens=10), "Hello", way, handler)
    with pytest.raises(Failure, match="could cost"):
        ask(Oracle(model="small-1"), "Hello", way, handler)


@each_way
def test_an_error_of_the_provider_reaches_the_app_and_opens_the_circuit(way: Way) -> None:
    handler, records = attending(
        SMALL + "plugins: {breaker: {error_rate: 0.5, min_calls: 2, open_for: 30s}}\n"
    )
    down = ConnectionError("down")
    model = Oracle(model="small-1", fails=down)

    for _ in range(2):
        with pytest.raises(ConnectionError) as caught:
            ask(model, "Hello", way, handler)
        assert caught.value is down
    with pytest.raises(Failure) as refused:
        ask(model, "Hello", way, handler)

    assert refused.value.kind == "circuit_open"
    assert len(model.asked) == 2
    kinds = [one["kind"] for one in records.told("attempt_ended")]
    assert kinds == ["connection", "connection", "circuit_open"]


@each_way
def test_a_guard_refuses_what_must_not_be_sent(way: Way) -> None:
    handler, _ = attending(SMALL + "plugins: {guard: {pii: [email], on_pii: refuse}}\n")
    model = Oracle(model="small-1")

    with pytest.raises(Failure) as refused:
        ask(model, "I am ada@example.org", way, handler)

    assert refused.value.kind == "policy_violation"
    assert model.asked == []


@each_way
def test_what_a_policy_would_mask_is_refused_because_a_handler_can_mask_nothing(way: Way) -> None:
    handler, _ = attending(SMALL + "plugins: {guard: {pii: [email], redact: true}}\n")
    model = Oracle(model="small-1")

    with pytest.raises(Failure, match="a layer changed what is sent"):
        ask(model, "I am ada@example.org", way, handler)
    assert model.asked == []

    assert ask(model, "I am Ada", way, handler).text
    assert handler.under_way == 0


@each_way
def test_a_guarantee_holds_for_the_model_that_the_app_chose(way: Way) -> None:
    handler, _ = attending(
        SMALL.replace("{id: large,", "{id: large, labels: [safe],")
        + "guarantees: [{never: {when: has(metadata.secret), agents_without: safe}}]\n"
    )
    small, large = Oracle(model="small-1"), Oracle(model="large-1")
    secret = {"metadata": {"secret": True}}

    assert ask(large, "Hello", way, handler, **secret).text
    assert ask(small, "Hello", way, handler).text
    with pytest.raises(Failure, match="was not asked"):
        ask(small, "Hello", way, handler, **secret)

    assert len(small.asked) == 1


@each_way
def test_a_cache_answers_nothing(way: Way) -> None:
    handler, _ = attending(SMALL + "plugins: {cache: {scope: shared}}\n")
    model = Oracle(model="small-1")

    for _ in range(2):
        ask(model, "Hello", way, handler)

    assert len(model.asked) == 2


@each_way
def test_calls_that_a_policy_makes_are_not_counted_a_second_time(way: Way) -> None:
    handler, records = attending()
    children = {"small": Oracle(model="small-1"), "large": Oracle(model="large-1")}
    model: Any = ConductorChatModel(
        policy="agents: [{id: small}, {id: large}]\nrouting: {default: small}\n", agents=children
    )

    ask(model, "Hello", way, handler)
    assert records.events == []

    ask(children["small"], "Hello", way, handler)
    assert len(records.told("attempt_ended")) == 1


@each_way
def test_a_tag_that_an_app_sets_hides_nothing_from_the_policy(way: Way) -> None:
    handler, records = attending()

    ask(Oracle(model="small-1"), "Hello", way, handler, tags=["conductor:small"])

    assert len(records.told("attempt_ended")) == 1


@each_way
def test_a_model_that_no_agent_stands_for_is_refused(way: Way) -> None:
    handler, _ = attending()
    model = Oracle(model="other")

    with pytest.raises(Failure) as refused:
        ask(model, "Hello", way, handler)

    assert refused.value.kind == "policy_violation"
    assert "'oracle/other' was not asked: no agent of the policy stands for it" in str(
        refused.value
    )
    assert model.asked == []


@each_way
def test_an_unknown_model_may_be_allowed_and_is_recorded_by_its_name(way: Way) -> None:
    handler, records = attending(FIVE, unknown="allow")

    assert ask(Oracle(model="other"), "Hello", way, handler).text
    assert [one["agent"] for one in records.told("attempt_ended")] == ["(app)"]
    assert spent(handler) == 0


def test_every_guarantee_forbids_a_model_that_nobody_knows() -> None:
    never = "guarantees: [{never: {when: has(metadata.secret), agents: [large]}}]\n"
    handler, _ = attending(SMALL + never, unknown="allow")

    with pytest.raises(Failure, match="was not asked"):
        ask(Oracle(model="other"), "Hello", "invoke", handler, metadata={"secret": 1})


def test_the_app_may_say_which_agent_stands_for_a_model() -> None:
    handler, records = attending(models={"oracle/mine": "small", "yours": "large"})

    ask(Oracle(model="mine"), "Hello", "invoke", handler)
    ask(Oracle(model="yours"), "Hello", "invoke", handler)

    assert [one["agent"] for one in records.told("attempt_ended")] == ["small", "large"]


def test_naming_an_agent_that_is_none_says_which_was_meant() -> None:
    with pytest.raises(ConductorError, match="did you mean 'small'"):
        attending(models={"mine": "smal"})


@each_way
def test_a_policy_that_only_observes_refuses_nothing(way: Way) -> None:
    handler, records = attending("mode: observe\n" + FIVE.replace("0.000035", "0.000001"))

    for name in ("small-1", "other"):
        assert ask(Oracle(model=name), "Hello", way, handler).text
    assert len(records.told("observed")) == 2


def test_what_the_app_knows_about_a_request_is_what_rules_read() -> None:
    rule = (
        "{id: pro, condition: \"metadata.tier == 'pro' && size(input.tools) == 1\", target: large}"
    )
    handler, records = attending(SMALL.replace("rules: [", f"rules: [{rule}, "))
    model = Oracle(model="small-1").bind_tools([weather])

    model.invoke("Hello", {"callbacks": [handler], "metadata": {"tier": "pro"}})

    assert records.told("observed") == [{"rule": "pro", "target": "large"}]


def test_a_chain_fails_with_the_refusal_and_batch_refuses_one_by_one() -> None:
    handler, _ = attending(FIVE)
    model = Oracle(model="small-1")
    chain: Any = ChatPromptTemplate.from_template("{word}") | model

    found = chain.batch([{"word": "Hello"}] * 8, {"callbacks": [handler]}, return_exceptions=True)

    assert sum(isinstance(one, AIMessage) for one in found) == 5
    assert sum(isinstance(one, Failure) for one in found) == 3
    assert len(model.asked) == 5


# LangChain makes the coroutines of all starts before it awaits the first.
@pytest.mark.filterwarnings("ignore:coroutine 'ahandle_event' was never awaited:RuntimeWarning")
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_where_one_of_a_batch_is_refused_none_is_made_and_none_is_charged(colour: str) -> None:
    handler, _ = attending(FIVE)
    model = Oracle(model="small-1")
    questions: Any = [[HumanMessage("Hello")]] * 8
    refused = ""

    try:
        if colour == "sync":
            model.generate(questions, callbacks=[handler])
        else:
            asyncio.run(model.agenerate(questions, callbacks=[handler]))
    except Failure as failure:
        refused = failure.kind
    gc.collect()  # here, where their warning is expected

    assert (refused, model.asked) == ("budget", [])
    assert (spent(handler), handler.under_way) == (0, 0)
    assert len(model.generate(questions[:5], callbacks=[handler]).generations) == 5


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_off_counts_as_dear_as_it_could_be(way: Way) -> None:
    handler, _ = attending(FIVE)
    model = Oracle(model="small-1", fails=ConnectionError("down"), when="middle")

    with pytest.raises(ConnectionError):
        ask(model, "Hello", way, handler)

    assert (spent(handler), handler.under_way) == (7_000, 0)


def test_a_model_that_knows_no_messages_is_attended_as_well() -> None:
    handler, records = attending(FIVE, models={"fakelist": "small"})
    model = FakeListLLM(responses=["Hello."])

    assert model.invoke("Hi", {"callbacks": [handler]}) == "Hello."
    assert [one["agent"] for one in records.told("attempt_ended")] == ["small"]
    assert spent(handler) == 7_000  # it does not tell its tokens


class Starts(BaseCallbackHandler):
    """Another handler, a tracer for example."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **told: Any) -> None:
        self.lines.append("starts")

    def on_llm_end(self, response: Any, **told: Any) -> None:
        self.lines.append("ends")


@each_way
def test_other_handlers_hear_what_they_heard_before(way: Way) -> None:
    handler, _ = attending()
    other = Starts()

    ask(Oracle(model="small-1"), "Hello", way, handler, other)

    assert other.lines == ["starts", "ends"]


def test_two_handlers_of_one_policy_count_a_call_once_each_and_one_handler_once() -> None:
    handler, records = attending()

    ask(Oracle(model="small-1"), "Hello", "invoke", handler, handler)

    assert len(records.told("attempt_ended")) == 1


def test_a_handler_without_a_policy_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONDUCTOR_LANGCHAIN_POLICY", raising=False)

    with pytest.raises(ConductorError, match="set CONDUCTOR_LANGCHAIN_POLICY"):
        ConductorCallbackHandler()
