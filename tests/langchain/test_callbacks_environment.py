"""A policy attends an app that was not changed: the environment names it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conductor_mw_langchain import ConductorCallbackHandler, environment
from conductor_mw_langchain.__main__ import main
from conductor_mw_langchain.variables import POLICY, UNKNOWN
from langchain_core.tracers import context

from conductor_mw import ConductorError, Failure
from tests.langchain.callbacks_kit import FIVE, SMALL, Way, ask, each_way
from tests.langchain.oracle import Oracle

APP = """
import sys
from tests.langchain.oracle import Oracle
for _ in range(7):
    try:
        print(Oracle(model="small-1").invoke("Hello").text)
    except Exception as refusal:
        print(type(refusal).__name__)
print(sys.argv[1:], __name__)
"""


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A process in which the variable names a policy, as it was before afterwards."""
    hooks = context._configure_hooks  # pyright: ignore[reportPrivateUsage]  # nothing unregisters
    before = list(hooks)
    path = tmp_path / "conductor.yaml"
    path.write_text(FIVE)
    monkeypatch.setenv(POLICY, str(path))
    environment.attach()
    yield path
    hooks[:] = before
    found = environment.ATTENDED.pop(str(path), None)
    if found is not None:
        found.close()


@each_way
@pytest.mark.usefixtures("attached")
def test_every_call_of_the_process_is_attended(way: Way) -> None:
    model = Oracle(model="small-1")
    for _ in range(5):
        ask(model, "Hello", way)

    with pytest.raises(Failure) as refused:
        ask(model, "Hello", way)

    assert refused.value.kind == "budget"
    assert len(model.asked) == 5
    assert ConductorCallbackHandler().under_way == 0


@pytest.mark.usefixtures("attached")
def test_a_handler_that_an_app_passes_as_well_counts_no_call_twice() -> None:
    model, handler = Oracle(model="small-1"), ConductorCallbackHandler()

    for _ in range(5):
        ask(model, "Hello", "invoke", handler)

    assert len(model.asked) == 5


def test_without_the_variable_nothing_is_attended(
    attached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(POLICY)
    model = Oracle(model="small-1")

    for _ in range(6):
        ask(model, "Hello", "invoke")

    assert len(model.asked) == 6
    assert attached.exists()


def test_the_environment_may_allow_models_that_nobody_knows(
    attached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(UNKNOWN, "allow")

    assert ask(Oracle(model="other"), "Hello", "invoke").text
    assert attached.exists()


@pytest.mark.parametrize(
    ("policy", "unknown", "problem"),
    [
        ("agents: 3", "refuse", "agents: must be a list"),
        (SMALL, "perhaps", "CONDUCTOR_LANGCHAIN_UNKNOWN is 'perhaps'"),
    ],
)
def test_a_policy_that_cannot_be_used_stops_every_call(
    attached: Path, monkeypatch: pytest.MonkeyPatch, policy: str, unknown: str, problem: str
) -> None:
    attached.write_text(policy)
    monkeypatch.setenv(UNKNOWN, unknown)
    model = Oracle(model="small-1")

    with pytest.raises(ConductorError, match=problem):
        ask(model, "Hello", "invoke")

    assert model.asked == []


def python(*arguments: str, policy: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in (POLICY, UNKNOWN)}
    if policy is not None:
        env[POLICY] = str(policy)
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=env, check=False
    )


def test_an_app_runs_unchanged_below_a_policy(tmp_path: Path) -> None:
    policy, app = tmp_path / "conductor.yaml", tmp_path / "app.py"
    policy.write_text(FIVE)
    app.write_text(APP)

    ran = python("-m", "conductor_mw_langchain", str(app), "--port", "8000", policy=policy)

    lines = ran.stdout.splitlines()
    assert lines[:5] == ["Hello from small-1, nice to see you"] * 5, ran.stderr
    assert lines[5:] == ["BudgetExhausted"] * 2 + ["['--port', '8000'] __main__"]
    assert ran.returncode == 0


def test_importing_the_package_loads_no_langchain_where_nothing_is_to_be_attended() -> None:
    ran = python("-c", "import sys, conductor_mw_langchain; print('langchain_core' in sys.modules)")

    assert ran.stdout == "False\n", ran.stderr


def test_a_policy_that_is_missing_is_told_before_the_app_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(POLICY, str(tmp_path / "nowhere.yaml"))

    assert main(["app.py"]) == 1
    assert "nowhere.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-m"]])
def test_who_names_no_program_is_told_how(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert "python -m conductor_mw_langchain app.py" in capsys.readouterr().err
