"""LangChain's own standard tests, over `ChatLiteLLM(model="conductor/main")`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import litellm
import pytest
from conductor_mw_litellm import ConductorProvider
from conductor_mw_litellm.policies import Policies
from langchain_core._api import LangChainBetaWarning
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import convert_to_messages
from langchain_tests.integration_tests import ChatModelIntegrationTests

from conductor_mw import Conductor
from tests.langchain.oracle import Oracle
from tests.litellm.openai_server import OpenAIServer, Reply

langchain_litellm: Any = pytest.importorskip("langchain_litellm", reason="needs langchain-litellm")

pytestmark = [
    pytest.mark.usefixtures("litellm_loop", "provider"),
    # `stream_events(version="v3")` announces itself as beta.
    pytest.mark.filterwarnings(
        f"ignore::{LangChainBetaWarning.__module__}.{LangChainBetaWarning.__name__}"
    ),
]


def brain(body: dict[str, Any]) -> Reply:
    """Answer as the oracle does."""
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        body = {**body, "tool_choice": choice["function"]["name"]}
    message = Oracle(model=body["model"]).answer(convert_to_messages(body["messages"]), body)
    usage = message.usage_metadata
    assert usage is not None
    calls = tuple(
        (call["id"] or "", call["name"], json.dumps(call["args"], ensure_ascii=False))
        for call in message.tool_calls
    )
    content = str(message.text) or None
    return Reply(content, calls, (usage["input_tokens"], usage["output_tokens"]))


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(brain) as running:
        yield running


@pytest.fixture
def provider(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_KEY", "sk-test")
    policies = Policies({})
    for name in ("main", "other"):
        policies.register(name, _policy(name, server.url))
    offered: Any = {"provider": "conductor", "custom_handler": ConductorProvider(policies)}
    monkeypatch.setattr(litellm, "custom_provider_map", [offered])


def _policy(name: str, url: str) -> Conductor:
    return Conductor.from_text(f"""
agents:
  - {{id: a, model: openai/{name}-1, base_url: '{url}', api_key: '${{env:TRACER_KEY}}'}}
routing: {{default: a}}
""")


# Both fail alike for `ChatLiteLLM(model="openai/...")` without conductor. So do the four tests of
# `model=` for one call: ChatLiteLLM reports the name it was made with, so they stay switched off.
_UNTOLD = pytest.mark.xfail(
    reason="ChatLiteLLM 0.11 does not tell callbacks ls_structured_output_format", raises=KeyError
)
_SCHEMAS = pytest.mark.parametrize("schema_type", ["pydantic", "typeddict", "json_schema"])


class TestIntegration(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        found: type[BaseChatModel] = langchain_litellm.ChatLiteLLM
        return found

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "conductor/main"}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @_UNTOLD
    @_SCHEMAS
    def test_structured_output(self, model: BaseChatModel, schema_type: Any) -> None:
        super().test_structured_output(model, schema_type)

    @_UNTOLD
    @_SCHEMAS
    async def test_structured_output_async(self, model: BaseChatModel, schema_type: Any) -> None:
        await super().test_structured_output_async(model, schema_type)
