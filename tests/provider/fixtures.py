"""What the tests of a host need to ask the provider, or what was recorded: for a `conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import recording
from .server import Provider


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    del config
    vcr.register_serializer("yaml", recording.Readable)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    return recording.config()


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    return str(recording.FOLDER / Path(request.node.path).stem)


@pytest.fixture(scope="module")
def recorded_url(record_mode: str) -> Iterator[str]:
    """The provider's address: a real one only while cassettes are recorded."""
    if record_mode == "none":
        yield recording.NOWHERE
        return
    with Provider() as provider:
        yield provider.url


@pytest.fixture(autouse=True)
def whole_cassette(vcr: Any, record_mode: str) -> Iterator[None]:
    """A test that replays plays all of its cassette and nothing else."""
    if vcr is None or record_mode != "none":
        yield
        return
    with recording.played(vcr):
        yield


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def live(running: Provider) -> Provider:
    """The provider itself, for a test without a cassette."""
    running.asked.clear()
    return running
