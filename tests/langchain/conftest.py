"""Cassettes, the provider that they are recorded from, and files that LangChain's tests fetch."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.provider import recording
from tests.provider.server import Provider


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


@pytest.fixture
def benchmark(benchmark: Any) -> Any:
    """LangChain's tests measure; here they only have to work, once."""
    benchmark.disabled = True
    return benchmark


_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
)
_FILES = {
    ".png": _PIXEL,
    ".pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    ".wav": b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data\0\0\0\0",
}
"""The least that is a picture, a document and a sound."""


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What LangChain's tests would fetch from the web."""

    def get(url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, content=_FILES[url[-4:]])

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "conductor-mw")
