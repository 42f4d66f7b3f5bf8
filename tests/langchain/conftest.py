"""Cassettes, the provider that they are recorded from, and files that LangChain's tests fetch."""

from __future__ import annotations

import base64
from typing import Any

import httpx
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

__all__ = [
    "live",
    "pytest_recording_configure",
    "recorded_url",
    "running",
    "vcr_cassette_dir",
    "vcr_config",
    "whole_cassette",
]


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
