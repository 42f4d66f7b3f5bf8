"""LangChain's own standard tests, over the tracer and a deterministic child."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core._api import LangChainBetaWarning
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from .langchain_tracer import TracerChatModel
from tests.langchain.oracle import Oracle

POLICY = """
agents: [{id: small}, {id: large}]
flows: {either: {fallback: [small, large]}}
routing:
  rules: [{condition: "'nothing_of_this' in input.tools", target: large}]
  default: either
"""

# `stream_events(version="v3")` announces itself as beta.
pytestmark = pytest.mark.filterwarnings(
    f"ignore::{LangChainBetaWarning.__module__}.{LangChainBetaWarning.__name__}"
)


class _Model:
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return TracerChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        children = {"small": Oracle(model="small-1"), "large": Oracle(model="large-1")}
        return {"policy": POLICY, "children": children}


class TestUnit(_Model, ChatModelUnitTests):
    pass


class TestIntegration(_Model, ChatModelIntegrationTests):
    @property
    def model_override_value(self) -> str:
        return "large"

    @property
    def supports_json_mode(self) -> bool:
        return True
