"""A policy answers in the forms of `/v1/messages` and `/v1/responses` too, plain and streamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import litellm
import pytest

from conductor_mw import Conductor
from tests.litellm.calls import HELLO, agents, listening, offered
from tests.provider.server import Provider

TEXT = "Hello from {}-1, nice to see you"
AGENTS = ("small", "claude")
TOOL: dict[str, Any] = {
    "name": "weather",
    "description": "Tells it.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}

pytestmark = pytest.mark.usefixtures("litellm_loop", "offer")
for_each_agent = pytest.mark.parametrize("agent", AGENTS)


@pytest.fixture
def offer(live: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROVIDER_KEY", "sk-test")
    text = agents(live.url)
    with offered(**{
        name: Conductor.from_text(text + f"routing: {{default: {{fallback: [limited, {name}]}}}}\n")
        for name in AGENTS
    }):  # fmt: skip
        yield


async def messages(agent: str, until: Callable[[], object] = bool, **call: Any) -> Any:
    """Ask as clients of Anthropic do; a stream is given as its events."""
    call = {"messages": HELLO, "max_tokens": 50, **call}
    host: Any = litellm  # it does not say that it exports `anthropic`
    made: Any = await host.anthropic.messages.acreate(model=f"conductor/{agent}", **call)
    if call.get("stream"):
        made = _events([piece async for piece in made])
    async with asyncio.timeout(20):
        while until is not bool and not until():  # noqa: ASYNC110 - LiteLLM has no event for it
            await asyncio.sleep(0.005)
    return made


def _events(pieces: list[Any]) -> list[dict[str, Any]]:
    text = b"".join(pieces).decode()
    lines = [line for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@for_each_agent
def test_messages_are_answered(agent: str, live: Provider) -> None:
    with listening() as ledger:
        said = asyncio.run(messages(agent, lambda: ledger.events))

    assert said["content"] == [{"type": "text", "text": TEXT.format(agent)}]
    assert (said["usage"]["input_tokens"], said["usage"]["output_tokens"]) == (2, 7)
    assert said["stop_reason"] == "end_turn"
    assert live.models == ["limited-1", f"{agent}-1"]
    assert [(event.usage, bool(event.dollars)) for event in ledger.events] == [((2, 7), True)]


@for_each_agent
def test_messages_are_streamed_with_exact_usage(agent: str, live: Provider) -> None:
    with listening() as ledger:
        events = asyncio.run(messages(agent, lambda: ledger.events, stream=True))

    kinds = [event["type"] for event in events]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    (end,) = [event for event in events if event["type"] == "message_delta"]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert "".join(delta.get("text", "") for delta in deltas) == TEXT.format(agent)
    assert end["usage"]["output_tokens"] == 7
    assert live.models == ["limited-1", f"{agent}-1"]
    assert [event.usage for event in ledger.events] == [(2, 7)]


@for_each_agent
@pytest.mark.parametrize("stream", [False, True])
def test_messages_carry_tools_both_ways(agent: str, stream: bool) -> None:
    asked = [{"role": "user", "content": "Weather in 'Bern'?"}]
    made = asyncio.run(messages(agent, tools=[TOOL], messages=asked, stream=stream))

    if stream:
        blocks = [one["content_block"] for one in made if one["type"] == "content_block_start"]
        parts = [one["delta"].get("partial_json", "") for one in made if "delta" in one]
        assert json.loads("".join(parts)) == {"city": "Bern"}
    else:
        blocks = made["content"]
        assert [block["input"] for block in blocks if block["type"] == "tool_use"] == [
            {"city": "Bern"}
        ]
    assert [block["name"] for block in blocks if block["type"] == "tool_use"] == ["weather"]


@for_each_agent
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_responses_are_answered(agent: str, colour: str, live: Provider) -> None:
    call: dict[str, Any] = {"model": f"conductor/{agent}", "input": "Hello there"}
    call |= {"max_output_tokens": 50, "temperature": 0.5}
    made: Any = litellm.responses(**call) if colour == "sync" else asyncio.run(_responded(call))

    assert made.output[0].content[0].text == TEXT.format(agent)
    assert (made.usage.input_tokens, made.usage.output_tokens) == (2, 7)
    assert made.model == f"{agent}-1"
    assert live.asked[-1][1]["temperature"] == 0.5
    assert live.models == ["limited-1", f"{agent}-1"]


@for_each_agent
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_responses_are_streamed_with_exact_usage(agent: str, colour: str) -> None:
    call: dict[str, Any] = {"model": f"conductor/{agent}", "input": "Hello there", "stream": True}
    made: Any = litellm.responses(**call) if colour == "sync" else asyncio.run(_responded(call))
    events = list(made)

    text = "".join(one.delta for one in events if one.type == "response.output_text.delta")
    assert text == TEXT.format(agent)
    assert events[-1].type == "response.completed"
    usage = events[-1].response.usage
    assert (usage.input_tokens, usage.output_tokens) == (2, 7)


async def _responded(call: dict[str, Any]) -> Any:
    made: Any = await litellm.aresponses(**call)
    return [event async for event in made] if call.get("stream") else made
