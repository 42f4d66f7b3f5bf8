"""LangChain's own tests, whole, where the first provider always says 429 and another one answers.

Six of them must fail, and for one reason only: they assert that `on_chat_model_start` happens once,
and two models are started. Everything else holds, in both directions between two providers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from tests.provider.recording import left_over

from .children import EXPECTED, Children, Standard, anthropic, openai

pytestmark = [
    *EXPECTED,
    pytest.mark.vcr,
    pytest.mark.usefixtures("files"),
    # What ChatOpenAI says without us too; test_standard_openai.py tells of what.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename"),
]


class TwoStartsError(Exception):
    """LangChain's test met a second `on_chat_model_start`."""


_TWO_STARTS = pytest.mark.xfail(
    reason="two models are started for one call: the limited one and the one that answers",
    raises=TwoStartsError,
    strict=True,
)
_SCHEMAS = pytest.mark.parametrize("schema_type", ["pydantic", "typeddict", "json_schema"])
_ONCE = "Expected on_chat_model_start to be called once"


def _judged(error: AssertionError) -> Exception:
    return TwoStartsError() if _ONCE in str(error) else error


class _Limited(Standard, ChatModelIntegrationTests):
    @_TWO_STARTS
    @_SCHEMAS
    def test_structured_output(self, model: BaseChatModel, schema_type: Any) -> None:
        try:
            super().test_structured_output(model, schema_type)
        except AssertionError as error:
            raise _judged(error) from error

    @_TWO_STARTS
    @_SCHEMAS
    async def test_structured_output_async(self, model: BaseChatModel, schema_type: Any) -> None:
        try:
            await super().test_structured_output_async(model, schema_type)
        except AssertionError as error:
            raise _judged(error) from error


class _OpenAIFirst(Standard):
    def children(self) -> Children:
        return {"small": openai(self.url, "limited-1"), "large": anthropic(self.url, "large-1")}


class _AnthropicFirst(Standard):
    def children(self) -> Children:
        return {"small": anthropic(self.url, "limited-1"), "large": openai(self.url, "large-1")}


class TestUnitOpenAIFirst(_OpenAIFirst, ChatModelUnitTests):
    pass


class TestUnitAnthropicFirst(_AnthropicFirst, ChatModelUnitTests):
    pass


class TestOpenAIFirst(_OpenAIFirst, _Limited):
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


class TestAnthropicFirst(_AnthropicFirst, _Limited):
    able = frozenset({"image_inputs", "image_urls", "pdf_inputs"})


def test_every_cassette_belongs_to_a_test(
    request: pytest.FixtureRequest, vcr_cassette_dir: str
) -> None:
    module = request.node.getparent(pytest.Module)

    assert left_over(module, Path(vcr_cassette_dir)) == []
