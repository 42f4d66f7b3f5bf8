"""Cassettes hold what was asked and answered, nothing secret, and no more than is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from vcr import VCR  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

from .recording import FOLDER, NOWHERE, Readable, config, left_over, played
from .server import Provider

KEY: Final = "sk-a-key-that-must-not-be-kept"
MOST: Final = 1_500_000
"""Bytes of all cassettes together."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def cassette(path: Path, mode: str) -> Any:
    recorder: Any = VCR()
    recorder.register_serializer("yaml", Readable)
    return recorder.use_cassette(str(path), record_mode=mode, **config())


def ask(url: str, text: str, **more: Any) -> str:
    body = {"model": "small-1", "messages": [{"role": "user", "content": text, **more}]}
    response = httpx.post(
        f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"}
    )
    found: str = response.json()["choices"][0]["message"]["content"]
    return found


def replay(path: Path, *questions: str) -> list[str]:
    """Ask, as an app does that gets over whatever fails."""
    answers: list[str] = []
    with cassette(path, "none") as tape, played(tape):
        for question in questions:
            with suppress(Exception):
                answers.append(ask(NOWHERE, question))
    return answers


@pytest.fixture
def recorded(provider: Provider, tmp_path: Path) -> Path:
    """A cassette of two questions."""
    path = tmp_path / "two.yaml"
    with cassette(path, "all"):
        ask(provider.url, "one")
        ask(provider.url, "two")
    return path


def test_what_was_recorded_is_played_without_the_provider(
    provider: Provider, recorded: Path
) -> None:
    provider.asked.clear()

    answers = replay(recorded, "two", "one")

    assert answers == ["Hello from small-1, nice to see you"] * 2
    assert provider.asked == []


def test_a_request_that_was_not_recorded_fails_also_where_its_error_is_caught(
    recorded: Path,
) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"asked and not recorded: POST .*three"):
        replay(recorded, "one", "two", "three")


def test_a_question_that_is_asked_twice_must_be_recorded_twice(recorded: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"asked and not recorded: POST .*one"):
        replay(recorded, "one", "two", "one")


def test_a_recorded_answer_that_nobody_asks_for_fails(recorded: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"recorded and not asked: POST .*two"):
        replay(recorded, "one")


def test_a_cassette_keeps_no_key_and_no_address(recorded: Path) -> None:
    text = recorded.read_text()

    assert KEY not in text
    assert "127.0.0.1" not in text
    assert text.count(NOWHERE) == 2


def test_random_identifiers_do_not_tell_requests_apart(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "random.yaml"
    with cassette(path, "all"):
        ask(provider.url, "one", name=str(uuid4()))

    with cassette(path, "none") as tape, played(tape):
        ask(NOWHERE, "one", name=str(uuid4()))


def test_recording_again_gives_the_same_bytes(
    provider: Provider, recorded: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.yaml"
    with cassette(again, "all"):
        ask(provider.url, "two")
        ask(provider.url, "one")

    assert again.read_bytes() == recorded.read_bytes()


def test_a_file_that_belongs_to_no_test_is_named(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (tmp_path / "TestGone.test_gone.yaml").touch()

    assert left_over(request.node.getparent(pytest.Module), tmp_path) == ["TestGone.test_gone.yaml"]


def test_every_folder_of_cassettes_belongs_to_a_module_that_looks_after_it() -> None:
    modules = {path.stem: path for path in Path(__file__).parents[1].glob("*/test_*.py")}
    folders = [path.name for path in FOLDER.iterdir() if path.is_dir()]

    assert folders
    for name in folders:
        assert "def test_every_cassette_belongs_to_a_test(" in modules[name].read_text()


def test_the_cassettes_of_this_project_hold_no_secret_and_are_small() -> None:
    files = sorted(FOLDER.glob("*/*.yaml"))

    assert files
    assert sum(path.stat().st_size for path in files) < MOST
    for path in files:
        for interaction in Readable.deserialize(path.read_text())["interactions"]:
            request = interaction["request"]
            assert request["uri"].startswith(NOWHERE)
            assert request["headers"] == {}
            assert interaction["response"]["headers"].keys() <= {"content-type", "retry-after"}
            assert "sk-" not in json.dumps(request["body"])
