"""LangChain's own tests of a chat model, whole, where every agent is a real `ChatOpenAI`.

The provider's answers lie in `cassettes/`; `tests/provider/recording.py` tells how they got there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from tests.provider.recording import left_over

from .children import EXPECTED, Children, Standard, openai

pytestmark = [
    *EXPECTED,
    pytest.mark.vcr,
    pytest.mark.usefixtures("files"),
    # ChatOpenAI says the same without us: of its own parsed answers, of a schema in the old style,
    # of a document without a name.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename"),
]


class _OpenAI(Standard):
    def children(self) -> Children:
        return {name: openai(self.url, f"{name}-1") for name in ("small", "large")}


class TestUnit(_OpenAI, ChatModelUnitTests):
    pass


class TestIntegration(_OpenAI, ChatModelIntegrationTests):
    able = frozenset({"json_mode", "image_inputs", "image_urls", "pdf_inputs", "audio_inputs"})


def test_every_cassette_belongs_to_a_test(
    request: pytest.FixtureRequest, vcr_cassette_dir: str
) -> None:
    module = request.node.getparent(pytest.Module)

    assert left_over(module, Path(vcr_cassette_dir)) == []
