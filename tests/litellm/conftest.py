"""What the tests of LiteLLM share: an event loop that it may find, and that is closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture
def litellm_loop() -> Iterator[None]:
    """Close the loop: LiteLLM's sync calls ask for the thread's loop and leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
