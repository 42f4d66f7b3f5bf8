"""What the tests of LiteLLM share: a proxy, cassettes, and an event loop that is closed again."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.provider.fixtures import (
    live,
    pytest_recording_configure,
    recorded_url,
    running,
    vcr_cassette_dir,
    vcr_config,
    whole_cassette,
)

if TYPE_CHECKING:
    from tests.litellm.served import Served

__all__ = [
    "live",
    "pytest_recording_configure",
    "recorded_url",
    "running",
    "vcr_cassette_dir",
    "vcr_config",
    "whole_cassette",
]

collect_ignore = ["proxy_side.py"]
"""The proxy loads it, in a process of its own."""
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import asks the network


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A proxy with policies; starting one takes long, so that all tests share it."""
    pytest.importorskip("litellm_proxy_extras", reason="needs conductor-mw[litellm-proxy]")
    from tests.litellm.served import serving  # noqa: PLC0415 - clients that may be absent

    with serving(tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Ask again until something is there, as another process gives it in its own time."""

    def found(look: Callable[[], Any]) -> Any:
        until = time.monotonic() + 30
        while not (seen := look()):
            assert time.monotonic() < until, "it never came"
            time.sleep(0.02)
        return seen

    return found


@pytest.fixture
def litellm_loop() -> Iterator[None]:
    """Close the loop: LiteLLM's sync calls ask for the thread's loop and leave it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


UNRAISABLE = "pytest.PytestUnraisableExceptionWarning"
OF_ITS_OWN = (
    "ignore:Items? '.*' on TypedDict class:UserWarning",
    "ignore:Accessing the 'model_:pydantic.PydanticDeprecatedSince211",
    f"ignore:Exception ignored in. <(function (Client|Conn|_Sel)|socket):{UNRAISABLE}",
    # It makes the coroutine of a call whose time is over, and forgets it.
    "ignore:coroutine '.*[.]acompletion_dispatch' was never awaited:RuntimeWarning",
    f"ignore:Exception ignored in. <coroutine object .*[.]acompletion_dispatch:{UNRAISABLE}",
)
"""Warnings of LiteLLM's own making. Raised, they would stop its logging, where nobody sees them."""


@pytest.fixture(scope="module", autouse=True)
def leftovers_end_here() -> Iterator[None]:
    """Let what LiteLLM leaves open of a stream die here, and not in the middle of other tests."""
    yield
    gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for one in OF_ITS_OWN:
                item.add_marker(pytest.mark.filterwarnings(one))
