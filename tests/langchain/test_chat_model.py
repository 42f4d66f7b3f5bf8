"""What an app sees that put a policy where its LangChain chat model was."""
# ruff: noqa: ARG002 - the arguments are LangChain's

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import reduce
from operator import add
from typing import Any, Literal
from uuid import UUID

import pytest
from conductor_mw_langchain import ConductorChatModel
from conductor_mw_langchain.lens import LENS
from conductor_mw_langchain.payload import Payload
from langchain_core.callbacks import (
    BaseCallbackHandler,
    CallbackManager,
    UsageMetadataCallbackHandler,
)
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from pydantic import BaseModel, ValidationError

from conductor_mw import Conductor, Failure, Request, attempts_of
from tests.langchain.oracle import Oracle

Way = Literal["invoke", "ainvoke", "stream", "astream"]
WAYS: tuple[Way, ...] = ("invoke", "ainvoke", "stream", "astream")
STREAMS: tuple[Way, ...] = ("stream", "astream")
each_way = pytest.mark.parametrize("way", WAYS)

POLICY = """
agents:
  - {id: small}
  - {id: large, prompt: Think first., parameters: {temperature: 0.25}}
flows: {either: {fallback: [small, large], on: [connection, invalid_output]}}
signals: {tier: {from: metadata.tier, type: string, default: ""}}
routing:
  rules:
    - {condition: "tier == 'pro'", target: large}
    - {condition: "input.text.contains('reason') && input.turns >= 0", target: large}
  default: either
"""


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


def routed(**of_small: Any) -> ConductorChatModel:
    children = {"small": Oracle(model="small-1", **of_small), "large": Oracle(model="large-1")}
    return ConductorChatModel(policy=POLICY, agents=children)


def child(model: ConductorChatModel, name: str) -> Any:
    return model.agents[name]


def ask(asked: Any, question: Any, way: Way, config: Any = None, **kwargs: Any) -> Any:
    if way == "invoke":
        return asked.invoke(question, config, **kwargs)
    if way == "ainvoke":
        return asyncio.run(asked.ainvoke(question, config, **kwargs))
    if way == "stream":
        return reduce(add, asked.stream(question, config, **kwargs))

    async def read() -> Any:
        return reduce(add, [chunk async for chunk in asked.astream(question, config, **kwargs)])

    return asyncio.run(read())


class Runs(BaseCallbackHandler):
    """Writes down which run began and ended, and below which other run."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.parents: dict[UUID, UUID | None] = {}
        self.tags: list[list[str]] = []
        self.said: list[Any] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **told: Any) -> None:
        self._started("chain", told)

    def on_chat_model_start(self, serialized: Any, messages: Any, **told: Any) -> None:
        self._started("model", told)
        self.tags.append(told["tags"])

    def on_chain_end(self, outputs: Any, **told: Any) -> None:
        self.lines.append("chain ends")

    def on_chain_error(self, error: BaseException, **told: Any) -> None:
        self.lines.append(f"chain fails: {type(error).__name__}")

    def on_llm_end(self, response: Any, **told: Any) -> None:
        self.lines.append("model ends")
        self.said.append(response.generations[0][0].message)

    def on_llm_error(self, error: BaseException, **told: Any) -> None:
        self.lines.append(f"model fails: {type(error).__name__}")

    def _started(self, what: str, told: dict[str, Any]) -> None:
        self.lines.append(f"{what} starts")
        self.parents[told["run_id"]] = told["parent_run_id"]


@each_way
def test_the_second_child_answers_where_the_first_cannot_be_reached(way: Way) -> None:
    model = routed(fails=ConnectionError("down"))

    answer = ask(model, "Hello", way)

    assert answer.text == "Hello from large-1, nice to see you"
    assert answer.response_metadata["model_name"] == "large-1"


@each_way
def test_a_failed_child_and_the_one_that_answered_stand_below_one_chain_run(way: Way) -> None:
    runs = Runs()
    model = routed(fails=ConnectionError("down"))

    ask(model, "Hello", way, {"callbacks": [runs]})

    assert runs.lines == [
        "chain starts", "model starts", "model fails: ConnectionError",
        "model starts", "model ends", "chain ends",
    ]  # fmt: skip
    chain, *models = runs.parents
    assert [runs.parents[chain], *(runs.parents[run] for run in models)] == [None, chain, chain]
    assert runs.tags == [["conductor:small"], ["conductor:large"]]


def _exclaim(text: str) -> str:
    return f"{text}!"


@each_way
def test_the_run_lies_below_the_run_that_called_it(way: Way) -> None:
    runs = Runs()
    chain: Any = RunnableLambda(_exclaim) | routed()

    ask(chain, "Hello", way, {"callbacks": [runs], "metadata": {"tier": "pro"}})

    outermost = next(iter(runs.parents))
    assert list(runs.parents.values()).count(outermost) == 2  # the function and the conductor
    assert runs.tags == [["conductor:large"]]


@each_way
def test_usage_is_counted_once_and_the_model_starts_once(way: Way) -> None:
    runs, usage = Runs(), UsageMetadataCallbackHandler()

    answer = ask(routed(), "Hello over there", way, {"callbacks": [runs, usage]})

    assert runs.lines.count("model starts") == 1
    assert usage.usage_metadata == {"small-1": answer.usage_metadata}
    assert answer.usage_metadata["input_tokens"] == 3


@each_way
def test_the_error_of_the_first_child_reaches_the_caller_with_every_attempt(way: Way) -> None:
    runs, first = Runs(), ConnectionError("small is down")
    model = routed(fails=first)
    child(model, "large").fails = ConnectionError("large is down")

    with pytest.raises(ConnectionError) as caught:
        ask(model, "Hello", way, {"callbacks": [runs]})

    assert caught.value is first
    assert [one.agent for one in attempts_of(caught.value)] == ["small", "large"]
    assert runs.lines[-1] == "chain fails: ConnectionError"


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_after_its_first_words_falls_back_no_more(way: Way) -> None:
    model = routed(fails=ConnectionError("down"), when="middle")

    with pytest.raises(ConnectionError, match="down"):
        ask(model, "Hello", way)

    assert child(model, "large").asked == []


@pytest.mark.parametrize("way", STREAMS)
def test_nothing_of_a_child_that_failed_silently_reaches_the_caller(way: Way) -> None:
    model = routed(fails=ConnectionError("down"), when="silent")

    answer = ask(model, "Hello", way)

    assert answer.text == "Hello from large-1, nice to see you"
    assert answer.response_metadata["model_name"] == "large-1"  # not "small-1large-1"


@each_way
def test_tools_reach_the_child_raw_and_calls_come_back_whole(way: Way) -> None:
    seen: list[Any] = []

    class Watching(Oracle):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            seen.extend(tools)
            return super().bind_tools(tools, **kwargs)

    model = ConductorChatModel(
        policy=POLICY, agents={"small": Watching(model="small-1"), "large": Oracle()}
    )

    answer = ask(model.bind_tools([weather], tool_choice="weather"), "In 'Zürich'?", way)

    assert seen == [weather]
    assert seen[0] is weather
    assert answer.tool_calls == [
        {
            "name": "weather",
            "args": {"city": "Zürich"},
            "id": answer.tool_calls[0]["id"],
            "type": "tool_call",
        }
    ]


@each_way
def test_messages_reach_the_child_as_the_very_objects_of_the_app(way: Way) -> None:
    messages = [SystemMessage("Be brief."), HumanMessage("Hello", name="ada")]
    model = routed()

    ask(model, messages, way)

    (asked, _) = child(model, "small").asked[0]
    assert len(asked) == 2
    assert all(one is other for one, other in zip(asked, messages, strict=True))


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_the_caller_gets_the_message_of_the_child_and_who_answered(way: Way) -> None:
    runs = Runs()

    answer = ask(routed(), "Hello", way, {"callbacks": [runs]})

    said = runs.said[0]
    assert answer.response_metadata.pop("conductor")["agent"] == "small"
    assert answer == said
    assert (
        "conductor" not in said.response_metadata
    )  # what a cache or a tracer keeps stays as it was


@each_way
def test_prompt_and_parameters_of_an_agent_reach_only_its_child(way: Way) -> None:
    messages = [HumanMessage("Please reason")]
    model = routed()

    ask(model, messages, way, stop=["END"])

    asked, kwargs = child(model, "large").asked[0]
    assert [message.text for message in asked] == ["Think first.", "Please reason"]
    assert kwargs == {"temperature": 0.25, "stop": ["END"]}
    assert messages == [HumanMessage("Please reason")]


@each_way
def test_naming_an_agent_as_the_model_asks_that_agent(way: Way) -> None:
    answer = ask(routed(), "Hello", way, model="large")

    assert answer.response_metadata["model_name"] == "large-1"


current: ContextVar[str] = ContextVar("current", default="nobody")


@each_way
def test_the_child_sees_the_callers_context_and_changes_nothing_in_it(way: Way) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(current.get())
        current.set("child")

    token = current.set("caller")
    ask(routed(look=look), "Hello", way)

    assert seen == ["caller"]
    assert current.get() == "caller"
    current.reset(token)


@pytest.mark.parametrize("way", ["invoke", "stream"])
async def test_a_sync_call_works_inside_a_running_event_loop(way: Way) -> None:
    answer = ask(routed(), "Hello", way)

    assert answer.text == "Hello from small-1, nice to see you"


class Garbled(Oracle):
    def answer(self, messages: Any, kwargs: Any) -> AIMessage:
        message = super().answer(messages, kwargs)
        return message.model_copy(update={"tool_calls": [{"name": "Joke", "args": {}, "id": "1"}]})


class Joke(BaseModel):
    setup: str
    punchline: str


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_output_that_cannot_be_parsed_goes_to_the_next_child(way: Way) -> None:
    runs = Runs()
    children = {"small": Garbled(model="small-1"), "large": Oracle(model="large-1")}
    model = ConductorChatModel(policy=POLICY, agents=children)

    joke = ask(model.with_structured_output(Joke), "A joke!", way, {"callbacks": [runs]})

    assert isinstance(joke, Joke)
    assert runs.lines.count("model starts") == 2


@pytest.mark.parametrize("way", STREAMS)
def test_a_caller_who_stops_early_ends_every_run(way: Way) -> None:
    runs = Runs()
    model = routed()

    def first() -> Any:
        chunks = model.stream("Hello", {"callbacks": [runs]})
        chunk = next(chunks)
        chunks.close()  # type: ignore[attr-defined]  # a generator
        return chunk

    async def afirst() -> Any:
        chunks: Any = model.astream("Hello", {"callbacks": [runs]})
        chunk = await anext(chunks)
        await chunks.aclose()
        return chunk

    first() if way == "stream" else asyncio.run(afirst())

    assert runs.lines[:2] == ["chain starts", "model starts"]
    assert sorted(runs.lines[2:]) == ["chain ends", "model fails: GeneratorExit"]


def direct(question: str, **kwargs: Any) -> Request:
    config: Any = {"callbacks": CallbackManager([])}
    return Request(Payload([HumanMessage(question)], kwargs, config), LENS)


def test_the_engine_reads_usage_tool_calls_and_finish_from_the_childs_message() -> None:
    model = routed()

    answer = model.conductor.call(direct("In 'Oslo'?", tools=[weather]))

    assert isinstance(answer.native, AIMessage)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 1)
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("weather", '{"city": "Oslo"}')
    ]
    assert answer.attempts[0].usage == answer.usage


def test_a_guarantee_holds_although_the_caller_names_the_agent() -> None:
    policy = POLICY + "guarantees: [{never: {when: \"tier == 'pro'\", agents: [small]}}]\n"
    model = ConductorChatModel(policy=policy, agents={"small": Oracle(), "large": Oracle()})

    with pytest.raises(Failure, match="was not asked"):
        model.invoke("Hello", {"metadata": {"tier": "pro"}}, model="small")

    assert child(model, "small").asked == []


@each_way
def test_an_agent_that_is_no_langchain_model_answers_in_langchains_form(way: Way) -> None:
    policy = """
agents: [{id: small}, {id: made, simulated: {answer: "We are on it."}}]
routing: {default: {fallback: [small, made]}}
"""
    model = ConductorChatModel(policy=policy, agents={"small": Oracle(fails=ConnectionError())})

    answer = ask(model, "Hello", way)

    assert isinstance(answer, AIMessage)
    assert answer.text == "We are on it."
    assert answer.usage_metadata is not None


def test_an_output_that_no_child_could_parse_reaches_the_caller_as_langchains_own_error() -> None:
    children = {"small": Garbled(model="small-1"), "large": Garbled(model="large-1")}
    model = ConductorChatModel(policy=POLICY, agents=children)

    with pytest.raises(ValidationError):
        model.with_structured_output(Joke).invoke("A joke!")


def _repeat(request: Request) -> str:
    return request.text


def test_a_function_that_gives_a_text_answers_in_langchains_form() -> None:
    policy = "agents: [{id: a}]\nrouting: {default: a}\n"
    c = Conductor.from_text(policy, agents={"a": _repeat})

    answer = c.call(direct("Hello"))

    assert isinstance(answer.native, AIMessage)
