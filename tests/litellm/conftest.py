"""What the tests of LiteLLM share: an event loop that it may find, and that is closed again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import asks the network


@pytest.fixture
def litellm_loop() -> Iterator[None]:
    """Close the loop: LiteLLM's sync calls ask for the thread's loop and leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


OF_ITS_OWN = (
    "ignore:Items? '.*' on TypedDict class:UserWarning",
    "ignore:Accessing the 'model_:pydantic.PydanticDeprecatedSince211",
)
"""Warnings of LiteLLM's own making. Raised, they would stop its logging, where nobody sees them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for one in OF_ITS_OWN:
                item.add_marker(pytest.mark.filterwarnings(one))
