"""A policy's model names become LangChain's chat models, at the first call."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("langchain", reason="needs the extra langchain-agents")

from conductor_mw_langchain import ConductorChatModel, chat_model_of, names
from conductor_mw_langchain.names import named
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langchain_openai import ChatOpenAI

from conductor_mw import Agent, Conductor, ConductorError, Failure, ModelOptions, Timeouts
from conductor_mw.policy import load_text
from tests.provider.server import Provider

POLICY = """
agents:
  - {{id: small, model: openai/gpt-4o-mini, base_url: "{url}/v1", api_key: "${{env:OF_OPENAI}}",
      timeout: 20s, parameters: {{temperature: 0.25}}}}
  - {{id: large, model: anthropic/claude-test-1, base_url: "{url}",
      api_key: "${{env:OF_ANTHROPIC}}"}}
routing: {{default: small}}
"""
GATEWAY = """
gateways:
  edge: {{base_url: "{url}/v1", headers: {{x-team: support, x-key: "Bearer ${{env:OF_EDGE}}"}}}}
agents:
  - {{id: small, model: openai/gpt-4o-mini, via: edge, api_key: "${{env:OF_OPENAI}}"}}
routing: {{default: small}}
"""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OF_OPENAI", "sk-openai")
    monkeypatch.setenv("OF_ANTHROPIC", "sk-anthropic")
    monkeypatch.setenv("OF_EDGE", "edge-1")


def agent(model: str, **more: Any) -> Agent:
    return Agent("a", "model", ModelOptions(model=model, **more))


def made(model: str, **more: Any) -> Any:
    return chat_model_of(agent(model, **more))


# The names


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("o3-mini", "openai", "o3-mini"),
        ("ft:gpt-4o-mini:me::1", "openai", "ft:gpt-4o-mini:me::1"),
        ("claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("azure/my-deployment", "azure_openai", "my-deployment"),
        ("bedrock/anthropic.claude-v2:1", "bedrock_converse", "anthropic.claude-v2:1"),
        ("bedrock/converse/amazon.nova", "bedrock_converse", "amazon.nova"),
        ("bedrock/invoke/amazon.nova", "bedrock", "amazon.nova"),
        ("vertex_ai/gemini-2.5-pro", "google_vertexai", "gemini-2.5-pro"),
        ("vertex_ai/claude-opus-4", "google_anthropic_vertex", "claude-opus-4"),
        ("gemini/gemini-2.5-pro", "google_genai", "gemini-2.5-pro"),
        ("mistral/mistral-large-latest", "mistralai", "mistral-large-latest"),
        ("ollama/llama3.1:8b", "ollama", "llama3.1:8b"),
        ("ollama_chat/llama3.1", "ollama", "llama3.1"),
        ("groq/llama-3.3-70b", "groq", "llama-3.3-70b"),
        ("together_ai/meta-llama/Llama-3", "together", "meta-llama/Llama-3"),
        ("deepseek/deepseek-chat", "deepseek", "deepseek-chat"),
        ("fireworks_ai/accounts/me/models/x", "fireworks", "accounts/me/models/x"),
        ("fireworks_ai/x", "fireworks", "accounts/fireworks/models/x"),
        ("xai/grok-4", "xai", "grok-4"),
        ("openrouter/openai/gpt-4o", "openrouter", "openai/gpt-4o"),
        ("perplexity/sonar", "perplexity", "sonar"),
        ("cohere/command-r", "cohere", "command-r"),
        ("cohere_chat/command-r", "cohere", "command-r"),
        ("command-r", "cohere", "command-r"),
        ("huggingface/me/model", "huggingface", "me/model"),
        ("nvidia_nim/meta/llama3", "nvidia", "meta/llama3"),
    ],
)
def test_a_name_of_litellm_is_translated(model: str, provider: str, name: str) -> None:
    found, there = named(model)

    assert (found.name, there) == (provider, name)


def test_every_provider_is_the_one_that_langchain_knows() -> None:
    registry: dict[str, tuple[str, str, Any]] = vars(import_module("langchain.chat_models.base"))[
        "_BUILTIN_PROVIDERS"
    ]
    ours = {one.name: (one.module, one.chat_model) for one in vars(names)["_PROVIDERS"].values()}
    theirs = {name: registry[name][:2] for name in ours if name in registry}

    assert theirs.keys() >= ours.keys() - {"openrouter"}, "langchain 1.3.0 lacks it"
    assert {name: ours[name] for name in theirs} == theirs
    assert set(vars(names)["_PREFIXES"].values()) | set(vars(names)["_BARE"].values()) == set(ours)


@pytest.mark.parametrize(
    ("model", "problem", "mend"),
    [
        ("nobody/model", "LangChain has no provider 'nobody'", "or bind a chat model"),
        ("opnai/gpt-4o", "LangChain has no provider 'opnai'", "openai"),
        ("gemini-2.5-pro", "the model 'gemini-2.5-pro' names no provider", "Write it in front"),
        ("meta-llama/Llama-3", "LangChain has no provider 'meta-llama'", ""),
    ],
)
def test_a_name_that_langchain_does_not_know_is_refused(
    model: str, problem: str, mend: str
) -> None:
    with pytest.raises(ConductorError) as caught:
        made(model)

    assert caught.value.problem == problem
    assert caught.value.where == "agent 'a'"
    assert mend in (caught.value.mend or "")


def test_other_kinds_of_agents_are_left_alone() -> None:
    text = "agents: [{id: a}, {id: b, simulated: x}]\nrouting: {default: a}"

    assert [chat_model_of(one) for one in load_text(text, env={}).agents.values()] == [None, None]


# What the chat model is told


def test_it_never_tries_again_and_knows_its_timeout_address_and_key() -> None:
    options = ModelOptions(
        model="openai/gpt-4o", base_url="http://127.0.0.1:1/v1", api_key="${env:OF_OPENAI}"
    )
    model: Any = chat_model_of(Agent("a", "model", options, timeouts=Timeouts(whole=7.5)))

    assert type(model).__name__ == "ChatOpenAI"
    assert model.max_retries == 0
    assert model.request_timeout == 7.5
    assert model.openai_api_base == "http://127.0.0.1:1/v1"
    assert model.openai_api_key.get_secret_value() == "sk-openai"
    assert model.stream_usage, "a budget needs the tokens of a stream, whatever the address"


def test_an_azure_deployment_is_reached_at_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    model = made("azure/mine", base_url="https://x.example.com", api_key="${env:OF_OPENAI}")

    assert type(model).__name__ == "AzureChatOpenAI"
    assert (model.azure_endpoint, model.deployment_name) == ("https://x.example.com", "mine")
    assert model.max_retries == 0


def test_anthropic_is_told_the_same() -> None:
    model = made("claude-test-1", base_url="https://x.test", api_key="${env:OF_ANTHROPIC}")

    assert type(model).__name__ == "ChatAnthropic"
    assert (model.max_retries, model.anthropic_api_url) == (0, "https://x.test")
    assert model.anthropic_api_key.get_secret_value() == "sk-anthropic"


def test_a_key_that_is_not_set_is_a_failure_of_the_kind_auth() -> None:
    with pytest.raises(Failure, match="agent 'a': the environment variable NOT_SET") as unset:
        made("openai/gpt-4o", api_key="${env:NOT_SET}")
    with pytest.raises(Failure, match="agent 'a': ChatOpenAI: ") as missing:
        made("openai/gpt-4o")

    assert (unset.value.kind, missing.value.kind) == ("auth", "auth")
    assert missing.value.__cause__ is not None


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_groq", None)

    with pytest.raises(ConductorError) as caught:
        made("groq/llama-3.3-70b")

    assert caught.value.problem == "agent 'a' needs langchain-groq to reach groq"
    assert "pip install langchain-groq" in (caught.value.mend or "")


def test_langchain_itself_is_named_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)

    with pytest.raises(ConductorError) as caught:
        made("openai/gpt-4o")

    assert "pip install 'conductor-mw[langchain-agents]'" in (caught.value.mend or "")


# Calls


@pytest.mark.parametrize("target", ["small", "large"])
async def test_a_policy_of_model_names_answers_in_every_way(target: str, live: Provider) -> None:
    model = ConductorChatModel(policy=POLICY.format(url=live.url)).bind(model=target)

    invoked = model.invoke("Hello")
    awaited = await model.ainvoke("Hello")
    streamed = "".join(chunk.text for chunk in model.stream("Hello"))
    flowed = "".join([chunk.text async for chunk in model.astream("Hello")])

    assert len({invoked.text, awaited.text, streamed, flowed}) == 1
    assert invoked.text
    assert invoked.response_metadata["conductor"]["agent"] == target
    assert len(live.asked) == 4
    if target == "small":
        assert [body["temperature"] for _, body in live.asked] == [0.25] * 4


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Give the address of a gateway, and the headers of what it was sent."""
    sent: list[dict[str, str]] = []
    answer = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "Good morning."}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            sent.append({name.lower(): value for name, value in self.headers.items()})
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_call_through_a_gateway_carries_its_headers(
    gateway: tuple[str, list[dict[str, str]]],
) -> None:
    url, sent = gateway
    answer = ConductorChatModel(policy=GATEWAY.format(url=url)).invoke("Hello")

    assert answer.text == "Good morning."
    assert sent[0]["x-team"] == "support"
    assert sent[0]["x-key"] == "Bearer edge-1"
    assert sent[0]["authorization"] == "Bearer sk-openai"


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "anthropic/claude-test-1"])
def test_the_headers_of_a_gateway_are_in_no_trace(
    gateway: tuple[str, list[dict[str, str]]], model: str
) -> None:
    url, sent = gateway
    told: list[Any] = []

    class Traces(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            told.append([serialized, messages, kwargs])

    text = GATEWAY.format(url=url).replace("openai/gpt-4o-mini", model)
    agents = load_text(text, env={}).agents
    made: Any = chat_model_of(agents["small"])

    with suppress(Exception):  # the gateway answers in one dialect only
        made.invoke("Hello", {"callbacks": [Traces()]})

    assert sent[0]["x-key"] == "Bearer edge-1"
    assert isinstance(made, ChatOpenAI | ChatAnthropic)
    seen = f"{told} {made!r} {dumps(made)} {made.with_config(tags=['x'])!r}"
    assert told
    assert "edge-1" not in seen
    assert "sk-openai" not in seen


def test_a_setting_that_the_class_does_not_take_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("langchain_openai.ChatOpenAI", SimpleNamespace(model_fields={}))

    with pytest.raises(ConductorError, match="ChatOpenAI takes no base_url") as caught:
        made("openai/gpt-4o", base_url="https://x.example.com")

    assert "bind it to the agent" in (caught.value.mend or "")


def test_a_fallback_goes_on_where_the_key_is_missing(live: Provider) -> None:
    policy = POLICY.format(url=live.url).replace("OF_OPENAI", "NOT_SET")
    policy = policy.replace("default: small", "default: {fallback: [small, large], on: [auth]}")

    answer = ConductorChatModel(policy=policy).invoke("Hello")

    assert answer.response_metadata["conductor"]["agent"] == "large"


def test_nothing_of_a_provider_is_imported_before_the_first_call() -> None:
    program = f"""
import sys
from conductor_mw_langchain import ConductorChatModel
ConductorChatModel(policy={POLICY.format(url="http://127.0.0.1:1")!r})
late = {{"openai", "anthropic", "langchain_openai", "langchain_anthropic", "langchain", "litellm"}}
print(sorted(late & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "[]"


def test_a_conductor_takes_it_as_connect(live: Provider) -> None:
    c = Conductor.from_text(POLICY.format(url=live.url), connect=chat_model_of)
    model = ConductorChatModel(conductor=c)

    assert model.invoke("Hello").text
    assert live.models == ["gpt-4o-mini"]
