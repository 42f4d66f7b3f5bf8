"""Through `litellm.completion("conductor/main")` and back, nothing of the host is converted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Literal, cast

import litellm
import pytest
from conductor_mw_litellm import ConductorProvider
from conductor_mw_litellm.policies import Policies
from litellm.exceptions import BadRequestError

from conductor_mw import Conductor, attempts_of
from tests.litellm.openai_server import OpenAIServer, Reply, Scripted

Way = Literal["completion", "acompletion", "stream", "astream"]
WAYS: tuple[Way, ...] = ("completion", "acompletion", "stream", "astream")

ARGUMENTS = '{"city":  "Zürich \\u00e9",\n "days": 1.50,"days": [1, 2 ]}'
"""No parser gives these characters back: double spaces, an escape, 1.50, a key that comes twice."""

REPLIES = {
    "plain": Reply("Good morning to you.", usage=(123, 45)),
    "tools": Reply(None, (("call_a", "weather", ARGUMENTS), ("call_b", "weather", "{}"))),
    "down": Reply(status=429),
    "broken": Reply(status=400),
}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": ARGUMENTS},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
]

pytestmark = pytest.mark.usefixtures("litellm_loop")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Scripted(REPLIES)) as running:
        yield running


@pytest.fixture
def conductor(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Conductor:
    monkeypatch.setenv("TRACER_KEY", "sk-test")
    agents = "".join(
        f"  - {{id: {name}, model: openai/{name}, base_url: '{server.url}', "
        "api_key: '${env:TRACER_KEY}'}\n"
        for name in REPLIES
    )
    made = Conductor.from_text(f"""
agents:
{agents}
  - {{id: made, simulated: {{answer: "We are on it."}}}}
signals: {{to: {{from: metadata.to, type: string, default: ""}}}}
routing:
  rules:
    - {{condition: "'weather' in input.tools", target: tools}}
    - {{condition: "to == 'second'", target: {{fallback: [down, plain]}}}}
    - {{condition: "to == 'broken'", target: {{fallback: [broken, plain]}}}}
    - {{condition: "to == 'made'", target: made}}
  default: plain
""")
    policies = Policies({})
    policies.register("main", made)
    provider: Any = {"provider": "conductor", "custom_handler": ConductorProvider(policies)}
    monkeypatch.setattr(litellm, "custom_provider_map", [provider])
    return made


def ask(way: Way, **call: Any) -> tuple[Any, list[Any]]:
    """Give the whole answer, and the chunks where it was streamed."""
    call = {"model": "conductor/main", "messages": [{"role": "user", "content": "Hello"}], **call}
    if way == "completion":
        return litellm.completion(**call), []
    if way == "acompletion":
        return asyncio.run(litellm.acompletion(**call)), []
    call |= {"stream": True, "stream_options": {"include_usage": True}}
    opened: Any = litellm.completion(**call) if way == "stream" else asyncio.run(_read(call))
    chunks = list(opened)
    return cast("Any", litellm).stream_chunk_builder(chunks), chunks


async def _read(call: dict[str, Any]) -> list[Any]:
    opened: Any = await litellm.acompletion(**call)
    return [chunk async for chunk in opened]


@pytest.mark.usefixtures("conductor")
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_comes_back_with_its_text_finish_and_exact_usage(way: Way) -> None:
    answer, _ = ask(way)

    assert answer.choices[0].message.content == "Good morning to you."
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (123, 45)


@pytest.mark.usefixtures("conductor")
@pytest.mark.parametrize("way", WAYS)
def test_tool_calls_come_back_byte_for_byte(way: Way) -> None:
    answer, _ = ask(way, tools=[TOOL])

    calls = answer.choices[0].message.tool_calls
    assert [(call.id, call.function.name) for call in calls] == [
        ("call_a", "weather"),
        ("call_b", "weather"),
    ]
    assert [call.function.arguments for call in calls] == [ARGUMENTS, "{}"]
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.usefixtures("conductor")
@pytest.mark.parametrize("way", WAYS)
def test_the_provider_is_sent_what_a_call_without_conductor_sends(
    way: Way, server: OpenAIServer
) -> None:
    call: dict[str, Any] = {
        "messages": CONVERSATION,
        "tools": [TOOL],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "temperature": 0.25,
        "stop": ["END"],
        "user": "u-1",
        "response_format": {"type": "json_object"},
    }

    ask(way, **call)
    ask(way, **call, model="openai/tools", api_base=server.url, api_key="sk-test")

    through, direct = server.asked
    assert through == direct
    assert through["messages"][2]["tool_calls"][0]["function"]["arguments"] == ARGUMENTS


@pytest.mark.usefixtures("conductor")
@pytest.mark.parametrize("way", WAYS)
def test_the_second_agent_answers_where_the_first_is_rate_limited(
    way: Way, server: OpenAIServer
) -> None:
    answer, _ = ask(way, metadata={"to": "second"})

    assert answer.choices[0].message.content == "Good morning to you."
    assert [body["model"] for body in server.asked] == ["down", "plain"]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (123, 45)


@pytest.mark.usefixtures("conductor")
@pytest.mark.parametrize("way", ["completion", "acompletion"])
def test_an_error_of_the_provider_reaches_the_caller_with_its_class(
    way: Way, server: OpenAIServer
) -> None:
    with pytest.raises(BadRequestError, match="scripted error"):
        ask(way, metadata={"to": "broken"})

    assert [body["model"] for body in server.asked] == ["broken"]


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_chunks_are_the_providers_own_objects(way: Way, conductor: Conductor) -> None:
    parts = list(conductor.stream("Hello"))
    _, chunks = ask(way)

    assert all(isinstance(part.native, litellm.ModelResponseStream) for part in parts)
    assert {chunk.model for chunk in chunks if chunk.choices[0].delta.content} == {"plain"}


def test_an_answer_is_the_object_that_litellm_made(conductor: Conductor) -> None:
    answer = conductor.call("Hello")

    assert isinstance(answer.native, litellm.ModelResponse)
    assert answer.usage.input_tokens == 123
    assert answer.attempts[0].usage.output_tokens == 45


@pytest.mark.usefixtures("conductor")
@pytest.mark.parametrize("way", WAYS)
def test_an_agent_that_is_no_model_answers_in_litellms_form(way: Way) -> None:
    answer, _ = ask(way, metadata={"to": "made"})

    assert answer.choices[0].message.content == "We are on it."
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.usefixtures("conductor")
@pytest.mark.parametrize("way", ["completion", "acompletion"])
def test_the_attempts_can_be_told_from_the_error_that_litellm_raises(way: Way) -> None:
    with pytest.raises(BadRequestError) as caught:
        ask(way, metadata={"to": "broken"})

    assert [one.agent for one in attempts_of(caught.value)] == ["broken"]
