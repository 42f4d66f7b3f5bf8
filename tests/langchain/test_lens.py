"""A request that a host made travels as the host said it, and reading it changes nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from conductor_mw_langchain.lens import LENS
from conductor_mw_langchain.payload import Payload
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from conductor_mw import Attempt, Conductor, Message, Part, Request, RequestError


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


def adder(a: int, b: int) -> int:
    """Add."""
    return a + b


class Search(BaseModel):
    """Search the web."""

    words: str


SCHEMA: dict[str, Any] = {"type": "function", "function": {"name": "mail", "parameters": {}}}
MESSAGES: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage([{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {}}]),
    AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Oslo"}, "id": "1"}]),
]
PAYLOAD = Payload(MESSAGES, {"tools": [weather, adder, Search, SCHEMA], "stop": ["END"]})


def test_signals_read_langchain_messages_tools_and_parameters() -> None:
    assert LENS.text(PAYLOAD) == "Look"
    assert LENS.messages(PAYLOAD) == [
        Message("system", "Be brief."),
        Message("user", "Look", ("image",)),
        Message("assistant", "", (), ("weather",)),
    ]
    assert LENS.tools(PAYLOAD) == ["weather", "adder", "Search", "mail"]
    assert LENS.parameters(PAYLOAD) == {"stop": ["END"]}


def test_a_changed_payload_leaves_the_apps_own_as_it_was() -> None:
    before = [message.model_copy(deep=True) for message in MESSAGES]

    changed: Any = LENS.redacted(PAYLOAD, str.upper)
    led: Any = LENS.with_system(changed, "Think.")
    fresh: Any = LENS.fresh(PAYLOAD, "Is this right?")

    assert [message.text for message in led.messages] == ["Think.", "BE BRIEF.", "LOOK", ""]
    assert led.kwargs["stop"] == ["END"]
    assert ([message.text for message in fresh.messages], fresh.kwargs) == (["Is this right?"], {})
    assert before == MESSAGES


def test_tools_in_which_nothing_is_masked_stay_the_apps_own_objects() -> None:
    masked: Any = LENS.redacted(PAYLOAD, lambda text: text.replace("Oslo", "<city>"))

    assert masked.kwargs["tools"] is PAYLOAD.kwargs["tools"]
    assert masked.messages[2].tool_calls[0]["args"] == {"city": "<city>"}
    assert masked.messages[0] is MESSAGES[0]


class Listening:
    """An agent that writes down how it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        self.asked.append(attempt.request)
        yield Part("Yes.")


def listening() -> tuple[Conductor, Listening]:
    agent = Listening()
    text = "agents: [{id: a}]\nrouting: {default: a}\n"
    return Conductor.from_text(text, agents={"a": agent}), agent


def test_a_request_that_is_streamed_asks_the_agent_for_a_stream() -> None:
    c, agent = listening()

    list(c.stream(Request(PAYLOAD, LENS)))

    assert agent.asked[0].stream


def test_what_is_said_beside_a_request_is_refused_and_never_lost() -> None:
    c, agent = listening()

    with pytest.raises(RequestError) as caught:
        c.call(Request(PAYLOAD, LENS), metadata={"tier": "pro"}, temperature=0.5)

    assert str(caught.value) == (
        "a Request carries its own metadata, tools and parameters\n"
        "  Put metadata, temperature into the Request."
    )
    assert agent.asked == []
