"""A proxy that is configured by `config.yaml` alone routes, refuses and says who answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, Literal

import httpx
import openai
import pytest

from tests.litellm.served import HI, Served

pytest.importorskip("litellm_proxy_extras", reason="needs conductor-mw[litellm-proxy]")

Wire = Literal["chat", "messages", "responses"]
WIRES: Final[tuple[Wire, ...]] = ("chat", "messages", "responses")
GREETING: Final = "Hello from {}, nice to see you"
TOOL: Final[dict[str, Any]] = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
}  # fmt: skip


def post(served: Served, wire: Wire, model: str = "support", **more: Any) -> httpx.Response:
    """Ask as a client does that shows everything, and read the whole answer."""
    with served.http() as client:
        if wire == "responses":
            return client.post("/v1/responses", json={"model": model, "input": "hi", **more})
        body: dict[str, Any] = {"model": model, "messages": HI, "max_tokens": 50, **more}
        path = "/v1/chat/completions" if wire == "chat" else "/v1/messages"
        return client.post(path, json=body)


def told(response: httpx.Response) -> dict[str, str]:
    """Give what the headers say about the decision."""
    start = "x-conductor-"
    found = response.headers.items()
    return {name.removeprefix(start): text for name, text in found if name.startswith(start)}


def refused(response: httpx.Response) -> int:
    """Give the status of a refusal; where it is an event, as in a stream of responses, its code."""
    if response.headers["content-type"].startswith("text/event-stream"):
        event = json.loads(response.text.partition("data: ")[2].partition("\n")[0])
        assert event["type"] == "response.failed"
        return {"permission_error": 403, "rate_limit_exceeded": 429}[
            event["response"]["error"]["code"]
        ]
    return response.status_code


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_the_headers_say_who_answers_and_why(served: Served, wire: Wire, stream: bool) -> None:
    served.provider.asked.clear()

    response = post(served, wire, stream=stream, metadata={"to": "second"})

    headers = told(response)
    assert response.status_code == 200
    assert GREETING.format("small-1").split()[2] in response.text
    assert served.provider.models == ["limited-1", "small-1"]
    assert (headers["agent"], headers["rule"]) == ("small", "second")
    assert len(headers["fingerprint"]) == 64
    assert len(headers["decision"]) == 16
    assert ("cost" in headers) is not stream  # a stream's cost is not known when it begins


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_a_guarantee_is_a_403_that_says_its_kind_and_nothing_of_the_policy(
    served: Served, wire: Wire, stream: bool
) -> None:
    response = post(served, wire, stream=stream, metadata={"to": "forbidden"})

    assert refused(response) == 403
    assert "policy_violation: The policy does not allow this request." in response.text
    assert "forbidden" not in response.text
    assert "small" not in response.text
    assert "never" not in response.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_a_budget_that_is_used_up_is_a_429(served: Served, wire: Wire, stream: bool) -> None:
    tenant = f"poor-{wire}-{stream}"
    asking: dict[str, Any] = {"stream": stream, "metadata": {"tenant": tenant}}
    words = "word " * 2_000  # more than the budget pays for
    asking |= {"input": words} if wire == "responses" else {
        "messages": [{"role": "user", "content": words}]
    }  # fmt: skip

    response = post(served, wire, "money", **asking)

    assert refused(response) == 429
    assert "budget: The budget for this request is used up." in response.text
    assert "tenant" not in response.text


def test_a_refusal_is_an_openai_error(served: Served) -> None:
    with served.openai() as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(
            model="support", messages=HI, extra_body={"metadata": {"to": "forbidden"}}
        )

    assert caught.value.body == {
        "message": "policy_violation: The policy does not allow this request. "
        "Ask whoever runs this proxy.",
        "type": "policy_violation",
        "param": None,
        "code": "403",
    }


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_policy_whose_agents_fail_is_asked_once(served: Served, wire: Wire, stream: bool) -> None:
    served.provider.asked.clear()

    response = post(served, wire, stream=stream, metadata={"to": "limited"})

    assert "Rate limit reached" in response.text
    assert served.provider.models == ["limited-1"]


def test_tools_are_called_over_every_client(served: Served) -> None:
    function = {"name": "weather", "parameters": TOOL}
    with served.openai() as client:
        answer = client.chat.completions.create(
            model="support", messages=HI, tools=[{"type": "function", "function": function}]
        )
        chunks = list(client.chat.completions.create(
            model="support", messages=HI, stream=True,
            tools=[{"type": "function", "function": function}],
        ))  # fmt: skip
        response = client.responses.create(
            model="support", input="hi", tools=[{"type": "function", "strict": False, **function}]
        )
    with served.anthropic() as claude:
        message = claude.messages.create(
            model="support", messages=HI, max_tokens=50,
            tools=[{"name": "weather", "input_schema": TOOL}],
        )  # fmt: skip

    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"city": "some city"}'
    pieces = [
        call.function.arguments or ""
        for chunk in chunks
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
    ]
    assert "".join(pieces) == '{"city": "some city"}'
    assert [one.arguments for one in response.output if one.type == "function_call"] == [
        '{"city": "some city"}'
    ]
    assert [one.input for one in message.content if one.type == "tool_use"] == [
        {"city": "some city"}
    ]


async def test_async_clients_read_streams_to_their_end(served: Served) -> None:
    async with served.async_openai() as client:
        stream = await client.chat.completions.create(
            model="support", messages=HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        events = [
            event async for event in await client.responses.create(
                model="support", input="hi", stream=True
            )
        ]  # fmt: skip
    async with (
        served.async_anthropic() as claude,
        claude.messages.stream(model="support", messages=HI, max_tokens=50) as opened,
    ):
        said = "".join([text async for text in opened.text_stream])

    words = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(words) == said == GREETING.format("small-1")
    assert [one.usage.completion_tokens for one in chunks if one.usage] == [7]
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == said


async def test_sixty_four_requests_at_once_each_get_their_own_answer(served: Served) -> None:
    async with served.async_openai() as client:

        async def ask(number: int) -> tuple[str, str]:
            to = "large" if number % 2 else ""
            raw = await client.chat.completions.with_raw_response.create(
                model="support", messages=HI, extra_body={"metadata": {"to": to}}
            )
            return raw.headers["x-conductor-agent"], raw.parse().choices[0].message.content

        answers = await asyncio.gather(*map(ask, range(64)))

    assert answers == [
        (agent, GREETING.format(f"{agent}-1"))
        for agent in ("large" if number % 2 else "small" for number in range(64))
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_the_proxy_logs_a_request_once_with_the_cost_of_all_attempts(
    served: Served, stream: bool, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    def lines() -> list[dict[str, Any]]:
        own = ("books", "ledger", "journal")
        return [one for one in served.logged if any(name in one["model"] for name in own)]

    before = len(lines())
    served.provider.asked.clear()

    for _ in range(2):
        assert post(served, "chat", "books", stream=stream).status_code == 200
    found = eventually(lambda: len(lines()) >= before + 2 and lines()[before:])

    assert served.provider.models == ["ledger-1", "journal-1"] * 2
    assert [one["model"].split()[0] for one in found] == ["books", "books"]
    one_attempt = (1 + 2 * 7) / 1e6
    assert [one["cost"] for one in found] == [pytest.approx(2 * one_attempt)] * 2
