"""LangChain's own tests of a chat model, whole, where every agent is a real `ChatAnthropic`.

The provider's answers lie in `cassettes/`; `tests/provider/recording.py` tells how they got there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from tests.provider.recording import left_over

from .children import EXPECTED, Children, Standard, anthropic

pytestmark = [*EXPECTED, pytest.mark.vcr, pytest.mark.usefixtures("files")]


class _Anthropic(Standard):
    def children(self) -> Children:
        return {name: anthropic(self.url, f"{name}-1") for name in ("small", "large")}


class TestUnit(_Anthropic, ChatModelUnitTests):
    pass


class TestIntegration(_Anthropic, ChatModelIntegrationTests):
    able = frozenset(
        {
            "image_inputs",
            "image_urls",
            "image_tool_message",
            "pdf_inputs",
            "pdf_tool_message",
            "anthropic_inputs",
        }
    )


def test_every_cassette_belongs_to_a_test(
    request: pytest.FixtureRequest, vcr_cassette_dir: str
) -> None:
    module = request.node.getparent(pytest.Module)

    assert left_over(module, Path(vcr_cassette_dir)) == []
