"""Agents behind LiteLLM, over real HTTP to an OpenAI-compatible server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conductor_mw import Conductor, ConductorError, Failure, Money, Usage, attempts_of
from conductor_mw.errors import PolicyError, RequestError
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
    parameters: {{{parameters}}}
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
        self.endless = False
        self.left = threading.Event()

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
        while self.endless:
            yield head | {"choices": [{"index": 0, "delta": {"content": "!" * 1000}}]}
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
                try:
                    for event in provider.events():
                        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                except ConnectionError:
                    provider.left.set()
                    return
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
        provider.endless = False
        server.shutdown()
        server.server_close()
        thread.join()


def conductor(
    provider: Provider,
    *,
    default: str = "a",
    timeout: str = "20s",
    parameters: str = "temperature: 0.2",
) -> Conductor:
    text = POLICY.format(url=provider.url, default=default, timeout=timeout, parameters=parameters)
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


@pytest.mark.parametrize("way", WAYS)
def test_an_address_that_is_not_set_is_no_matter_of_the_key(way: Way) -> None:
    nowhere = Provider()
    nowhere.url = "'${env:TEST_ADDRESS_UNSET}'"

    with pytest.raises(Failure) as caught:
        ask(conductor(nowhere), "Hello", way=way)

    assert caught.value.kind == "invalid_request"
    assert str(caught.value) == "agent 'a': the environment variable TEST_ADDRESS_UNSET is not set"


@pytest.mark.usefixtures("provider")
def test_a_provider_that_is_not_there_is_a_connection_failure() -> None:
    nobody = Provider()
    nobody.url = "http://127.0.0.1:9/v1"

    with pytest.raises(Exception) as caught:  # noqa: PT011 - the SDK's own
        conductor(nobody).call("Hello")

    assert [one.kind for one in attempts_of(caught.value)] in (["connection"], ["server_error"])


@pytest.fixture
def other() -> Iterator[Provider]:
    """A second provider, which no policy of these tests names."""
    with serving(Provider()) as provider:
        yield provider


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name",
    [
        "api_base",
        "api_key",
        "api_version",
        "base_url",
        "cache",
        "caching",
        "content_policy_fallback_dict",
        "context_window_fallback_dict",
        "custom_llm_provider",
        "deployment_id",
        "extra_body",
        "extra_headers",
        "fallbacks",
        "headers",
        "litellm_params",
        "max_retries",
        "mock_response",
        "mock_timeout",
        "model_alias_map",
        "model_list",
        "models",
        "num_retries",
        "organization",
        "proxy_server_request",
        "retry_policy",
        "service_tier",
    ],
)
def test_a_request_cannot_lead_a_call_past_the_policy(
    provider: Provider, other: Provider, name: str, way: Way
) -> None:
    elsewhere = {"model": "openai/gpt-4o", "api_base": other.url, "api_key": "sk-x"}
    values: dict[str, object] = {
        "api_base": other.url,
        "base_url": other.url,
        "fallbacks": [elsewhere],
        "model_list": [{"model_name": "openai/gpt-4o-mini", "litellm_params": elsewhere}],
        "custom_llm_provider": "anthropic",
    }

    with pytest.raises(RequestError) as caught:
        ask(conductor(provider), "Hello", way=way, **{name: values.get(name, "x")})

    assert caught.value.where == "parameters"
    assert caught.value.problem == (
        f"a request may not set {name!r} for the agent 'a', which LiteLLM reaches"
    )
    assert (provider.asked, other.asked) == ([], [])


def test_a_request_may_set_what_the_policy_sets_too_and_the_policy_wins(
    provider: Provider,
) -> None:
    policy = conductor(provider, parameters="service_tier: default")

    policy.call("Hello", service_tier="priority")

    assert provider.asked[0]["service_tier"] == "default"


def test_a_refused_parameter_that_only_shapes_the_answer_belongs_into_the_policy(
    provider: Provider,
) -> None:
    with pytest.raises(RequestError) as caught:
        conductor(provider).call("Hello", service_tier="priority")

    assert str(caught.value) == (
        "parameters: a request may not set 'service_tier' for the agent 'a', which LiteLLM "
        "reaches\n  say it in the policy, below the agent's `parameters:`, or leave "
        "'service_tier' out"
    )


@pytest.mark.parametrize("way", WAYS)
def test_fallbacks_of_the_process_are_refused(
    provider: Provider, other: Provider, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm  # noqa: PLC0415 - seconds, for these tests alone

    elsewhere = {"model": "openai/gpt-4o", "api_base": other.url, "api_key": "sk-x"}
    monkeypatch.setattr(litellm, "model_fallbacks", [elsewhere])
    provider.status = 500

    with pytest.raises(ConductorError) as caught:
        ask(conductor(provider), "Hello", way=way)

    assert str(caught.value) == (
        "agent 'a': `litellm.model_fallbacks` of this process would send the call elsewhere\n"
        "  Unset it, and write the other model as an agent of the policy."
    )
    assert (provider.asked, other.asked) == ([], [])


@pytest.mark.parametrize("way", WAYS)
def test_an_alias_of_the_process_is_refused(
    provider: Provider, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm  # noqa: PLC0415 - seconds, for these tests alone

    monkeypatch.setattr(litellm, "model_alias_map", {"openai/gpt-4o-mini": "openai/gpt-4o"})

    with pytest.raises(ConductorError, match=r"`litellm\.model_alias_map` of this process"):
        ask(conductor(provider), "Hello", way=way)

    assert provider.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_retries_of_the_process_repeat_no_call(
    provider: Provider, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm  # noqa: PLC0415 - seconds, for these tests alone

    monkeypatch.setattr(litellm, "num_retries", 2)
    provider.status = 500

    with pytest.raises(Exception, match="scripted"):
        ask(conductor(provider), "Hello", way=way)

    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("fallbacks: [openai/gpt-4o]", "fallbacks"),
        ("api_base: 'http://127.0.0.1:9'", "api_base"),
        ("mock_response: hi", "mock_response"),
        ("num_retries: 3", "num_retries"),
        ("extra_body: {models: [openai/gpt-4o]}", "extra_body.models"),
    ],
)
def test_a_policy_cannot_let_litellm_past_its_own_rules(
    provider: Provider, parameters: str, name: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(provider, parameters=parameters)

    (finding,) = caught.value.findings
    assert (finding.code, finding.place.line) == ("wrong-value", 8)
    assert finding.problem.endswith(f"LiteLLM would go past this policy because of {name!r}")


def test_a_policy_may_set_what_stays_at_its_provider(provider: Provider) -> None:
    conductor(provider, parameters="extra_body: {guided_choice: [a]}").call("Hello")

    assert provider.asked[0]["guided_choice"] == ["a"]


def test_a_stream_that_is_left_early_ends_its_connection(provider: Provider) -> None:
    provider.endless = True
    stream = conductor(provider).stream("Hello")
    said = next(iter(stream)).text

    stream.close()

    assert said == "Good "
    assert provider.left.wait(10)


def test_an_async_stream_that_is_left_early_ends_its_connection(provider: Provider) -> None:
    provider.endless = True

    async def left_early() -> tuple[str, bool]:
        stream = conductor(provider).astream("Hello")
        said = (await anext(aiter(stream))).text
        await stream.aclose()
        return said, await asyncio.to_thread(provider.left.wait, 10)

    assert asyncio.run(left_early()) == ("Good ", True)


FAKE = """
import threading
thread = threading.current_thread()
model_fallbacks = model_alias_map = None
async def acompletion(**call):
    assert threading.current_thread() is threading.main_thread()
    return "Hello from the fake."
"""
FIRST_CALL = """
import asyncio, sys, threading
from conductor_mw import Conductor
c = Conductor.from_text("agents: [{id: a, model: x/y}]\\nrouting: {default: a}")
assert "litellm" not in sys.modules
print(asyncio.run(c.acall("Hello")).text)
print(sys.modules["litellm"].thread is threading.main_thread())
"""


def test_the_first_call_imports_litellm_beside_the_event_loop(tmp_path: Path) -> None:
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "__init__.py").write_text(FAKE)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])

    ran = subprocess.run(
        [sys.executable, "-c", FIRST_CALL],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ran.stdout.splitlines(), ran.stderr) == (["Hello from the fake.", "False"], "")


def test_an_app_inside_litellm_may_keep_the_inner_call_out_of_its_log(provider: Provider) -> None:
    parameters: dict[str, object] = {"no-log": True}

    ask(conductor(provider), "Hello", way="call", **parameters)

    assert "no-log" not in provider.asked[0]
