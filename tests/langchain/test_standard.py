"""LangChain's own tests of a chat model, whole, where the agents answer without any provider."""

from __future__ import annotations

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from .children import EXPECTED, Children, Standard
from .oracle import Oracle

pytestmark = [*EXPECTED, pytest.mark.usefixtures("files")]


class _Oracles(Standard):
    def children(self) -> Children:
        return {"small": Oracle(model="small-1"), "large": Oracle(model="large-1")}


class TestUnit(_Oracles, ChatModelUnitTests):
    pass


class TestIntegration(_Oracles, ChatModelIntegrationTests):
    able = frozenset(
        {
            "json_mode",
            "image_inputs",
            "image_urls",
            "image_tool_message",
            "pdf_inputs",
            "pdf_tool_message",
            "audio_inputs",
            "anthropic_inputs",
        }
    )
