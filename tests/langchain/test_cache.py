"""Answers from a policy's cache through LangChain: what is kept, what it costs, who gets it."""
# ruff: noqa: ARG002 - the arguments are LangChain's

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from conductor_mw_langchain.reading import read_answer
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from pydantic import BaseModel

from conductor_mw import Conductor, Usage
from conductor_mw.testing import VirtualClock
from tests.langchain.oracle import Oracle
from tests.langchain.ways import Way, each_way, whole

POLICY = """
signals: {{tenant: {{from: metadata.tenant, type: string, default: ""}}}}
agents: [{{id: small, price: {{input: 1, output: 2}}}}]
routing: {{default: small}}
plugins: {{cache: {{ttl: 1h, scope: shared{more}}}}}
"""


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


@tool
def clock(city: str) -> str:
    """Tell the time in a city."""
    return city


class Says(Oracle):
    """Gives one message, whatever it is asked."""

    said: AIMessage

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.asked.append((messages, kwargs))
        return ChatResult(generations=[ChatGeneration(message=self.said)])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        raise NotImplementedError


def model(child: Any, more: str = "", **options: Any) -> ConductorChatModel:
    c = Conductor.from_text(POLICY.format(more=more), agents={"small": child}, **options)
    return ConductorChatModel(conductor=c)


def ask(runnable: Any, way: Way, asked: Any = "Hello", **config: Any) -> list[Any]:
    """Give the chunks of a stream, or the one message of a call."""

    async def awaited() -> list[Any]:
        if way == "ainvoke":
            return [await runnable.ainvoke(asked, config)]
        return [chunk async for chunk in runnable.astream(asked, config)]

    if way in ("ainvoke", "astream"):
        return asyncio.run(awaited())
    if way == "invoke":
        return [runnable.invoke(asked, config)]
    return list(runnable.stream(asked, config))


@each_way
def test_a_hit_asks_nobody_and_costs_nothing(way: Way) -> None:
    child = Oracle()
    asked = model(child)
    first: Any = whole(ask(asked, way))
    usage = UsageMetadataCallbackHandler()

    second: Any = whole(ask(asked, way, callbacks=[usage]))

    assert len(child.asked) == 1
    assert second.text == first.text
    told = second.response_metadata["conductor"]
    assert told["attempts"] == [{"agent": "small", "path": "small", "by": "cache"}]
    assert (told["agent"], told["dollars"], told["tokens"]) == ("small", 0.0, 0)
    assert first.response_metadata["conductor"]["dollars"] > 0
    assert second.usage_metadata["total_cost"] == 0
    assert second.usage_metadata["total_tokens"] == first.usage_metadata["total_tokens"]
    assert read_answer(second).usage == Usage(), "nor does it where it is a child's answer"
    assert "total_cost" not in first.usage_metadata
    assert not usage.usage_metadata


@each_way
def test_a_hit_has_the_form_of_an_answer(way: Way) -> None:
    asked = model(Oracle())
    ask(asked, "invoke")

    messages = ask(asked, way)

    streams = way in ("stream", "astream")
    assert {type(one) for one in messages} == {AIMessageChunk if streams else AIMessage}
    assert messages[-1].response_metadata["conductor"]
    if streams:
        assert [one.chunk_position for one in messages] == [None] * (len(messages) - 1) + ["last"]
        assert "conductor" not in messages[0].response_metadata


def test_what_was_streamed_is_given_whole_and_the_other_way_round() -> None:
    child = Oracle()
    asked = model(child)

    streamed = whole(ask(asked, "stream", "One"))
    invoked = whole(ask(asked, "invoke", "Two"))

    assert whole(ask(asked, "invoke", "One")).text == streamed.text
    assert whole(ask(asked, "astream", "Two")).text == invoked.text
    assert len(child.asked) == 2


@each_way
def test_tool_calls_are_kept_where_the_policy_says_so(way: Way) -> None:
    child, other = Oracle(), Oracle()
    asked = model(child, ", tool_calls: true").bind_tools([weather])
    without = model(other).bind_tools([weather])

    first, second = whole(ask(asked, "invoke")), whole(ask(asked, way))
    for _ in range(2):
        ask(without, way)

    assert (len(child.asked), len(other.asked)) == (1, 2)
    assert second.tool_calls == first.tool_calls
    assert second.tool_calls[0]["name"] == "weather"
    assert not second.invalid_tool_calls


DIFFERENT: dict[str, Callable[[ConductorChatModel], Any]] = {
    "nothing": lambda m: m,
    "tools": lambda m: m.bind_tools([weather]),
    "other tools": lambda m: m.bind_tools([clock]),
    "tool choice": lambda m: m.bind_tools([weather], tool_choice="weather"),
    "stop": lambda m: m.bind(stop=["."]),
    "temperature": lambda m: m.bind(temperature=0),
    "seed": lambda m: m.bind(seed=7),
    "extras": lambda m: m.bind_tools([weather.model_copy(update={"extras": {"strict": True}})]),
}


@each_way
def test_what_shapes_an_answer_is_part_of_what_is_asked(way: Way) -> None:
    child = Oracle()
    asked = model(child, ", tool_calls: true")

    for different in DIFFERENT.values():
        ask(different(asked), way)
    assert len(child.asked) == len(DIFFERENT)
    for different in DIFFERENT.values():
        ask(different(asked), way)

    assert len(child.asked) == len(DIFFERENT)


PICTURE = {"type": "image_url", "image_url": {"url": "https://x.example.com/1.png"}}
HISTORIES: dict[str, list[Any]] = {
    "a text": [HumanMessage("Hello")],
    "a system prompt": [("system", "Be brief."), HumanMessage("Hello")],
    "a name": [HumanMessage("Hello", name="ann")],
    "a picture": [HumanMessage([{"type": "text", "text": "Hello"}, PICTURE])],
    "a thought": [AIMessage([{"type": "thinking", "thinking": "Hm", "signature": "1"}]), "Hello"],
    "another": [AIMessage([{"type": "thinking", "thinking": "Hm", "signature": "2"}]), "Hello"],
    "something beside": [AIMessage("", additional_kwargs={"audio": {"id": "1"}}), "Hello"],
    "another thing": [AIMessage("", additional_kwargs={"audio": {"id": "2"}}), "Hello"],
    "a result": [ToolMessage("Hello", tool_call_id="1")],
    "a failed tool": [ToolMessage("Hello", tool_call_id="1", status="error")],
}


def test_histories_that_a_child_would_send_differently_are_different_questions() -> None:
    child = Oracle()
    asked = model(child)

    for history in HISTORIES.values():
        ask(asked, "invoke", history)
    assert len(child.asked) == len(HISTORIES)
    for history in HISTORIES.values():
        ask(asked, "invoke", [*history])

    assert len(child.asked) == len(HISTORIES)


def test_the_ids_of_messages_do_not_count() -> None:
    child = Oracle()
    asked = model(child)

    ask(asked, "invoke", [HumanMessage("Hello", id="1")])
    ask(asked, "invoke", [HumanMessage("Hello", id="2", response_metadata={"seen": 1})])

    assert len(child.asked) == 1


TEXT = {"type": "text", "text": "Well."}
NOT_KEPT: dict[str, AIMessage] = {
    "signed thoughts": AIMessage([{"type": "thinking", "thinking": "Hm", "signature": "s"}, TEXT]),
    "reasoning": AIMessage([{"type": "reasoning", "id": "rs_1", "summary": []}, TEXT]),
    "a picture": AIMessage([{"type": "image", "url": "https://x.example.com"}, TEXT]),
    "citations": AIMessage([{**TEXT, "citations": [{"url": "https://x.example.com"}]}]),
    "a search": AIMessage([{"type": "server_tool_use", "id": "1", "name": "web"}, TEXT]),
    "audio": AIMessage("Well.", additional_kwargs={"audio": {"id": "1"}}),
    "blocks": AIMessage([TEXT], response_metadata={"output_version": "v1"}),
    "a broken call": AIMessage(
        "Well.", invalid_tool_calls=[{"name": "f", "args": "{", "id": "1", "error": "broken"}]
    ),
}
KEPT: dict[str, AIMessage] = {
    "a text": AIMessage("Well."),
    "no refusal": AIMessage("Well.", additional_kwargs={"refusal": None}),
    "a piece of text": AIMessage([TEXT]),
    "reasoning as text": AIMessage("Well.", additional_kwargs={"reasoning_content": "Hm"}),
}


@pytest.mark.parametrize("name", [*NOT_KEPT, *KEPT])
def test_only_what_can_be_given_again_is_kept(name: str) -> None:
    said = {**NOT_KEPT, **KEPT}[name]
    child = Says(said=said)
    asked = model(child, ", tool_calls: true")

    first, second = asked.invoke("Hello"), asked.invoke("Hello")

    assert len(child.asked) == (1 if name in KEPT else 2)
    assert second.text == first.text == "Well."
    kept = second.additional_kwargs.get("reasoning_content")
    assert kept == said.additional_kwargs.get("reasoning_content")


class City(BaseModel):
    """A city."""

    name: str


@each_way
def test_structured_output_is_asked_for_anew(way: Way) -> None:
    child = Oracle()
    asked = model(child, ", tool_calls: true")
    structured = asked.with_structured_output(City)
    plain = asked.bind_tools([City], tool_choice="City")

    ask(plain, way, "Hello 'Paris'")
    answers = [ask(structured, way, "Hello 'Paris'")[-1] for _ in range(2)]

    assert answers == [City(name="Paris")] * 2
    assert len(child.asked) == 3


def test_a_temperature_above_zero_is_asked_anew() -> None:
    child = Oracle()
    asked = model(child).bind(temperature=0.7)

    for _ in range(2):
        asked.invoke("Hello")

    assert len(child.asked) == 2


def test_a_providers_own_tool_is_asked_anew() -> None:
    child = Says(said=AIMessage("Well."))
    asked = model(child, ", tool_calls: true").bind(
        tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}]
    )

    for _ in range(2):
        asked.invoke("Hello")

    assert len(child.asked) == 2


def test_an_answer_is_kept_as_long_as_the_policy_says() -> None:
    child, time = Oracle(), VirtualClock()
    asked = model(child, clock=time)

    asked.invoke("Hello")
    time.advance(3599)
    asked.invoke("Hello")
    assert len(child.asked) == 1
    time.advance(2)
    asked.invoke("Hello")

    assert len(child.asked) == 2


@each_way
def test_nobody_gets_the_answer_of_another_tenant(way: Way) -> None:
    child = Oracle()
    text = POLICY.format(more="").replace("scope: shared", "scope: tenant")
    c = Conductor.from_text(text, agents={"small": child})
    asked = ConductorChatModel(conductor=c)

    for tenant in ("acme", "umbra", "acme", "", ""):
        ask(asked.with_config(metadata={"tenant": tenant}), way)

    assert len(child.asked) == 4, "acme's second call is a hit, and nobody's are none"
