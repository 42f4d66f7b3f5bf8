"""Agents behind LiteLLM, over real HTTP to an OpenAI-compatible server on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from conductor_mw import Conductor, Failure, Money, Usage, attempts_of
from conductor_mw.testing import STREAMS, WAYS, Way, ask

pytest.importorskip("litellm", reason="needs the extra litellm")

pytestmark = [
    pytest.mark.usefixtures("litellm_loop"),
    # LiteLLM's own types use qualifiers that pydantic warns about.
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class:UserWarning"),
    # LiteLLM copies its stream chunks by attributes that pydantic is retiring.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:pydantic.PydanticDeprecatedSince211"),
]

POLICY = """
agents:
  - id: a
    model: openai/gpt-4o-mini
    base_url: {url}
    api_key: ${{env:TEST_MODEL_KEY}}
    prompt: Be brief.
    parameters: {{temperature: 0.2}}
    timeout: {timeout}
    price: {{input: 1, output: 2}}
  - {{id: spare, simulated: spare}}
routing: {{default: {default}}}
"""
SAID = {"role": "assistant", "content": "Good morning."}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}


class Provider:
    """What the server answers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.message: dict[str, Any] = SAID
        self.error = "scripted"
        self.release = threading.Event()
        self.release.set()
        self.url = ""

    def body(self) -> dict[str, Any]:
        if self.status != 200:
            return {"error": {"message": self.error, "type": "x", "code": self.error}}
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": self.message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }

    def events(self) -> Iterator[dict[str, Any]]:
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
        for word in ("Good ", "morning."):
            yield head | {"choices": [{"index": 0, "delta": {"content": word}}]}
        yield head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        yield head | {"choices": [], "usage": usage}


@pytest.fixture
def litellm_loop() -> Iterator[None]:
    """Close the loop: LiteLLM's sync calls ask for the thread's loop and leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("TEST_MODEL_KEY", "sk-test-1")
    with serving(Provider()) as provider:
        yield provider


@contextmanager
def serving(provider: Provider) -> Generator[Provider, None, None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            provider.asked.append(asked)
            provider.keys.append(self.headers["authorization"])
            provider.release.wait(10)
            self.send_response(provider.status)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            streams = bool(asked.get("stream")) and provider.status == 200
            self.send_header("content-type", "text/event-stream" if streams else "application/json")
            self.end_headers()
            if streams:
                for event in provider.events():
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                self.wfile.write(b"data: [DONE]\n\n")
            else:
                self.wfile.write(json.dumps(provider.body()).encode())

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - silence takes anything
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False  # an idle connection of a client must not hold the test up
    provider.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


def conductor(provider: Provider, *, default: str = "a", timeout: str = "20s") -> Conductor:
    text = POLICY.format(url=provider.url, default=default, timeout=timeout)
    return Conductor.from_text(text)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_answers(provider: Provider, way: Way) -> None:
    answer = ask(conductor(provider), "Hello", way=way)

    assert (answer.text, answer.agent, answer.finish) == ("Good morning.", "a", "stop")
    assert answer.usage == Usage(9, 3)
    assert answer.cost == Money(9 * 1000 + 3 * 2000)


@pytest.mark.parametrize("way", WAYS)
def test_prompt_parameters_and_key_reach_the_provider(provider: Provider, way: Way) -> None:
    ask(conductor(provider), "Hello", way=way, max_tokens=7)

    (asked,) = provider.asked
    assert asked["model"] == "gpt-4o-mini"
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert (asked["temperature"], asked["max_tokens"]) == (0.2, 7)
    assert bool(asked.get("stream")) == (way in STREAMS)
    assert provider.keys == ["Bearer sk-test-1"]


@pytest.mark.parametrize("way", ["call", "acall"])
def test_tool_calls_come_back_as_the_provider_made_them(provider: Provider, way: Way) -> None:
    provider.message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}

    answer = ask(conductor(provider), "Look", way=way, tools=[tool])

    assert provider.asked[0]["tools"] == [tool]
    (call,) = answer.tool_calls
    assert (call.id, call.name, call.arguments) == ("call_1", "look", '{"at": 1}')


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, "slow down", "rate_limit"),
        (500, "oops", "server_error"),
        (503, "overloaded", "server_error"),
        (401, "bad key", "auth"),
        (400, "bad field", "invalid_request"),
        (400, "context_length_exceeded", "context_overflow"),
    ],
)
def test_the_providers_errors_have_their_kind(
    provider: Provider, status: int, error: str, kind: str, way: Way
) -> None:
    provider.status, provider.error = status, error

    with pytest.raises(Exception, match=error) as caught:
        ask(conductor(provider), "Hello", way=way)

    (attempt,) = attempts_of(caught.value)
    assert (attempt.kind, attempt.error) == (kind, caught.value)
    assert len(provider.asked) == 1  # neither LiteLLM nor its client tried again


@pytest.mark.parametrize("way", WAYS)
def test_another_agent_takes_over_when_the_provider_is_busy(provider: Provider, way: Way) -> None:
    provider.status, provider.headers = 429, {"retry-after": "30"}

    answer = ask(conductor(provider, default="{fallback: [a, spare]}"), "Hello", way=way)

    assert answer.text == "spare"
    assert [one.kind for one in answer.attempts] == ["rate_limit", None]


@pytest.mark.parametrize("way", WAYS)
def test_the_deadline_reaches_the_client(provider: Provider, way: Way) -> None:
    provider.release.clear()  # the provider is silent

    with pytest.raises(Exception) as caught:  # noqa: PT011 - the SDK's own, or ours
        ask(conductor(provider, timeout="300ms"), "Hello", way=way)

    assert [one.kind for one in attempts_of(caught.value)] == ["timeout"]


@pytest.mark.parametrize("way", WAYS)
def test_a_key_that_is_not_set_is_a_failure_without_a_call(
    provider: Provider, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_MODEL_KEY")

    with pytest.raises(Failure) as caught:
        ask(conductor(provider), "Hello", way=way)

    assert caught.value.kind == "auth"
    assert str(caught.value) == "agent 'a': the environment variable TEST_MODEL_KEY is not set"
    assert provider.asked == []


@pytest.mark.usefixtures("provider")
def test_a_provider_that_is_not_there_is_a_connection_failure() -> None:
    text = POLICY.format(url="http://127.0.0.1:9/v1", default="a", timeout="20s")

    with pytest.raises(Exception) as caught:  # noqa: PT011 - the SDK's own
        Conductor.from_text(text).call("Hello")

    assert [one.kind for one in attempts_of(caught.value)] in (["connection"], ["server_error"])
