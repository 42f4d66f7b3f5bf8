"""The example app prints what its page shows, takes a real API, and says what it lacks."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from conductor_mw import Conductor
from tests.provider.server import Provider

pytest.importorskip("langchain")
pytest.importorskip("langgraph")

FOLDER = Path(__file__).parents[2] / "examples" / "langchain"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_it_prints_what_its_page_shows() -> None:
    ran = subprocess.run(
        [sys.executable, FOLDER / "app.py"], check=False, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"```text\n{ran.stdout}```\n" in PAGE


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The app, as `python app.py --real` begins, with nothing set."""
    for name in ("OPENAI_API_KEY", "OLLAMA_HOST", "CONDUCTOR_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["app.py", "--real"])
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    spec = importlib.util.spec_from_file_location("langchain_example", FOLDER / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_a_key_or_a_host_it_says_what_to_set(app: ModuleType) -> None:
    with pytest.raises(SystemExit) as ended:
        app.main()

    message = str(ended.value)
    assert message == app.WANTS_A_MODEL  # a text as exit code is printed, and means 1
    for name in ("OPENAI_API_KEY", "OLLAMA_HOST", "pip install langchain-ollama"):
        assert name in message


def test_with_a_key_it_asks_openai(
    app: ModuleType,
    live: Provider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("langchain_openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    monkeypatch.setenv("OPENAI_API_BASE", f"{live.url}/v1")

    app.main()

    said = capsys.readouterr().out
    assert "hard -> careful: large (answered)" in said
    assert "! find_invoice(" in said
    assert said.count("tools -> clerk: clerk (answered)") == 2


def test_with_a_host_it_takes_ollama(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:11434")

    assert app.environment() == "ollama"


@pytest.mark.parametrize("environment", [None, "openai", "ollama"])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_its_policies_load_without_a_warning(path: Path, environment: str | None) -> None:
    declares = re.search("^environments:", path.read_text(encoding="utf-8"), re.MULTILINE)

    conductor = Conductor(path, environment=environment if declares else None, simulate=True)

    assert conductor.policy.warnings == ()
