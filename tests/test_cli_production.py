"""The commands of our plugins over real traffic: that of examples/production, in both forms."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conductor_mw import Conductor
from conductor_mw.cli import main
from tests.cli_documents import BLOCK

EXAMPLE = Path(__file__).parents[1] / "examples" / "production"
SINCE = "2026-01-31T12:00"
SPAN = ("--since", SINCE, "--until", "2026-01-31T14:00")
JSON = [
    ("stats", *SPAN),
    ("stats", *SPAN, "--by", "tenant", "--check", "calls > 1"),
    ("stats", "compare", "small", "large", *SPAN),
    ("audit", "query", "--kind", "refusal"),
    ("audit", "who-saw", "--class", "email"),
    ("audit", "verify", "--checkpoints", "checkpoints.jsonl"),
    ("audit", "prune", "--before", "2026-01-01T00:00"),
    ("policies", "list"),
    ("agents", "list", "--store", "sqlite:conductor.db"),
    ("agents", "drain", "small", "--by", "ana", "--store", "sqlite:conductor.db"),
    ("agents", "resume", "small", "--by", "ana", "--store", "sqlite:conductor.db"),
    ("cache", "purge", "--all", "--store", "sqlite:conductor.db"),
    ("review", "list", "--store", "sqlite:conductor.db"),
]
PRETTY = [one for one in JSON if one[0] != "review"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example leaves behind."""
    folder = tmp_path_factory.mktemp("production")
    done = subprocess.run(
        [sys.executable, EXAMPLE / "traffic.py", SINCE], cwd=folder,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "200 requests: 196 answered, 4 limited\n"
    assert "budget tenant/day of 'acme'" in done.stderr  # the log warns
    return folder


@pytest.fixture(autouse=True)
def _folder(played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy for each test, because some commands write."""
    for one in played.iterdir():
        shutil.copy(one, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "CONDUCTOR_ENV", "AUDIT_KEY", "TERM"):
        monkeypatch.delenv(name, raising=False)


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="conductor-mw", **options)


def test_the_example_loads_without_a_warning() -> None:
    conductor = Conductor(EXAMPLE / "conductor.yaml")

    assert conductor.policy.warnings == ()
    conductor.close()


def test_the_two_commands_of_the_example_show_the_last_hour(tmp_path: Path) -> None:
    Path("conductor.db").unlink()
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    first, *_ = (block.group(3).splitlines() for block in BLOCK.finditer(page))
    assert first == ["python traffic.py", "conductor-mw stats"]

    subprocess.run([sys.executable, EXAMPLE / "traffic.py"], cwd=tmp_path, check=True)
    shown = json.loads(invoke("stats", "--by", "rule", "--format", "json").stdout)

    assert shown["all"]["calls"] == 200


def test_every_command_of_the_page_runs() -> None:
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    _, second = (block.group(3).splitlines() for block in BLOCK.finditer(page))

    for line in second:
        since = SPAN if "stats" in line else ()
        result = invoke(*shlex.split(line)[1:], *since)
        assert result.exit_code == (2 if "--check " in line else 0), line
        assert result.stdout, line


@pytest.mark.parametrize("asked", JSON, ids=" ".join)
def test_json_is_json_and_nothing_else(asked: tuple[str, ...]) -> None:
    result = invoke(*asked, "--format", "json", env={"FORCE_COLOR": "1"})

    assert result.exit_code == 0, result.output
    json.loads(result.stdout)
    assert "\x1b" not in result.stdout


def test_the_number_of_a_record_is_the_logs_and_not_the_calls() -> None:
    found = json.loads(invoke("audit", "query", "--kind", "call", "--format", "json").stdout)

    assert len({one["number"] for one in found}) == len(found)
    assert {one["attempt"] for one in found} == {1}


@pytest.mark.parametrize("asked", PRETTY, ids=" ".join)
def test_no_color_is_obeyed(asked: tuple[str, ...]) -> None:
    result = invoke(*asked, env={"NO_COLOR": "1", "FORCE_COLOR": "1"}, color=True)

    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize("asked", PRETTY[:5], ids=" ".join)
def test_a_colour_is_forced(asked: tuple[str, ...]) -> None:
    assert "\x1b" in invoke(*asked, env={"FORCE_COLOR": "1"}, color=True).output


@pytest.mark.parametrize("width", ["60", "80", "100", "160"])
@pytest.mark.parametrize("asked", PRETTY, ids=" ".join)
def test_nothing_is_wider_than_a_usual_terminal(
    asked: tuple[str, ...], width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)

    lines = invoke(*asked).stdout.splitlines()

    assert all(len(line) <= max(int(width), 80) for line in lines), "\n".join(lines)


def test_a_check_that_does_not_hold_leaves_with_two() -> None:
    result = invoke("stats", *SPAN, "--check", "p95_ms < 500")

    assert result.exit_code == 2
    assert "does not hold" in result.stdout


def test_a_changed_record_is_shown() -> None:
    assert invoke("audit", "verify").exit_code == 0

    subprocess.run([sys.executable, EXAMPLE / "tamper.py", "2"], check=True)
    result = invoke("audit", "verify")

    assert result.exit_code == 2
    assert result.stdout.startswith("changed  record 2: ")
    assert len(result.stdout.splitlines()) == 1


def test_an_agent_that_is_drained_is_shown_with_who_did_it() -> None:
    at = ("--store", "sqlite:conductor.db")

    invoke("agents", "drain", "large", *at, "--by", "ana", "--because", "new keys", "--for", "1h")
    drained = json.loads(invoke("agents", "list", *at, "--format", "json").stdout)["agents"]

    (large,) = (one for one in drained if one["agent"] == "large")
    assert (large["state"], large["by"], large["because"]) == ("drained", "ana", "new keys")
    assert large["until"] is not None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("agents", "drain", "larg"), "did you mean 'large'? (--anyway drains it all the same)"),
        (("agents", "drain", "large", "--for", "soon"), "--for: "),
    ],
)
def test_a_mistake_about_an_agent_is_a_line_and_its_mend(asked: tuple[str, ...], told: str) -> None:
    result = invoke(*asked, "--store", "sqlite:conductor.db")

    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


def test_the_policy_that_ran_is_given_back_as_it_was() -> None:
    (ran,) = json.loads(invoke("policies", "list", "--format", "json").stdout)

    shown = invoke("policies", "show", ran["fingerprint"][:8])

    written = (EXAMPLE / "conductor.yaml").read_text(encoding="utf-8")
    assert shown.stdout == written


def test_every_interval_of_a_comparison_holds_the_difference_that_was_seen() -> None:
    shown = invoke("stats", "compare", "small", "large", *SPAN, "--format", "json")

    for line in json.loads(shown.stdout)["figures"]:
        if line["difference"]:
            low, high = line["difference"]
            assert low <= line["b"] - line["a"] <= high, line["figure"]
