"""The chat models behind the policy of LangChain's own tests, and how those tests are set up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_anthropic import ChatAnthropic
from langchain_core._api import LangChainBetaWarning
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

EITHER: Final = Path(__file__).with_name("either.yaml")
"""A policy of two agents: `large` answers where `small` fails."""
EXPECTED: Final = [
    # `stream_events(version="v3")` announces itself as beta.
    pytest.mark.filterwarnings(
        f"ignore::{LangChainBetaWarning.__module__}.{LangChainBetaWarning.__name__}"
    ),
    # One test measures only what it replays.
    pytest.mark.filterwarnings("ignore:Benchmark fixture was not used"),
]
"""Warnings that LangChain's suites give rise to."""

KEY: Final = SecretStr("sk-test")
Children = Mapping[str, BaseChatModel]


def openai(url: str, model: str, **options: Any) -> ChatOpenAI:
    """A real `ChatOpenAI` that asks the provider at `url`."""
    told: dict[str, Any] = {"stream_usage": True, "max_retries": 0, **options}
    return ChatOpenAI(model=model, base_url=f"{url}/v1", api_key=KEY, **told)


def anthropic(url: str, model: str, **options: Any) -> ChatAnthropic:
    """A real `ChatAnthropic` that asks the provider at `url`."""
    told: dict[str, Any] = {"max_tokens": 1_024, "max_retries": 0, **options}
    return ChatAnthropic(model_name=model, base_url=url, api_key=KEY, **told)


class Standard:
    """What LangChain's suites ask about the model under test, with `children` left open."""

    url: str
    able: ClassVar[frozenset[str]] = frozenset()
    """What the children can do beyond what every chat model can."""

    @pytest.fixture(autouse=True)
    def _at(self, recorded_url: str) -> None:
        self.url = recorded_url

    def children(self) -> Children:
        raise NotImplementedError

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ConductorChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"policy": EITHER, "agents": self.children()}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        path = str(EITHER)
        return {"CONDUCTOR_POLICY": path}, {"agents": self.children()}, {"policy": path}

    @property
    def model_override_value(self) -> str:
        return "large"

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return "json_mode" in self.able

    @property
    def supports_image_inputs(self) -> bool:
        return "image_inputs" in self.able

    @property
    def supports_image_urls(self) -> bool:
        return "image_urls" in self.able

    @property
    def supports_image_tool_message(self) -> bool:
        return "image_tool_message" in self.able

    @property
    def supports_pdf_inputs(self) -> bool:
        return "pdf_inputs" in self.able

    @property
    def supports_pdf_tool_message(self) -> bool:
        return "pdf_tool_message" in self.able

    @property
    def supports_audio_inputs(self) -> bool:
        return "audio_inputs" in self.able

    @property
    def supports_anthropic_inputs(self) -> bool:
        return "anthropic_inputs" in self.able
