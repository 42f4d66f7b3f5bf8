"""Calls through a gateway go to its address and carry its headers; its own headers come back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conductor_mw import Conductor, ConductorError, PolicyError
from conductor_mw.testing import WAYS, Scripted, Way, ask

pytest.importorskip("litellm", reason="needs the extra litellm")
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:pydantic.PydanticDeprecatedSince211"),
]

POLICY = """
gateways:
  edge:
    base_url: {url}
    headers: {{x-team: support, authorization: "Bearer ${{env:GATEWAY_KEY}}"}}
    cache_ttl: 90s
agents:
  - {{id: a, model: openai/gpt-4o-mini, via: edge, api_key: "${{env:MODEL_KEY}}", timeout: 20s}}
routing: {{default: a}}
"""
ANSWER = {
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "Good morning."}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Give the address of a gateway, and the headers of what it was sent."""
    monkeypatch.setenv("GATEWAY_KEY", "of-the-gateway")
    monkeypatch.setenv("MODEL_KEY", "of-the-model")
    sent: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            sent.append({name.lower(): value for name, value in self.headers.items()})
            body = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("x-ratelimit-remaining-requests", "7")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", sent
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_call_carries_the_gateways_headers_and_brings_the_providers(
    gateway: tuple[str, list[dict[str, str]]],
) -> None:
    url, sent = gateway

    answer = Conductor.from_text(POLICY.format(url=url)).call("Hello")

    assert answer.text == "Good morning."
    (headers,) = sent
    assert headers["x-team"] == "support"
    assert headers["authorization"] == "Bearer of-the-gateway"
    assert headers["cf-aig-cache-ttl"] == "90"
    assert answer.attempts[0].headers["x-ratelimit-remaining-requests"] == "7"


@pytest.mark.parametrize("way", WAYS)
def test_a_native_agent_needs_the_object_of_the_app(way: Way) -> None:
    text = "agents: [{id: a, model: openai/gpt-4o, via: native}]\nrouting: {default: a}\n"

    assert ask(Conductor.from_text(text, agents={"a": Scripted("mine")}), "?", way=way).text == (
        "mine"
    )
    with pytest.raises(ConductorError, match="the app binds no object to it"):
        Conductor.from_text(text)


def test_a_secret_in_a_header_is_refused() -> None:
    text = POLICY.format(url="https://gateway.example").replace("${env:GATEWAY_KEY}", "sk-123")

    with pytest.raises(PolicyError, match="a key must not stand in a policy"):
        Conductor.from_text(text)
