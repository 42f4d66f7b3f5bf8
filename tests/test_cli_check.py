"""`conductor-mw check`: findings with places, exit codes, formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conductor_mw.cli import main

SOUND = """\
agents: [{id: a, simulated: Hello}, {id: b, simulated: Good day}]
routing:
  rules: [{id: long, condition: input.tokens > 500, target: b}]
  default: a
"""
SHADOWED = """\
agents: [{id: a, simulated: Hello}, {id: b, simulated: Good day}]
routing:
  rules:
    - {id: short, condition: input.tokens < 64, target: a}
    - {id: shorter, condition: input.tokens < 8, target: b}
  default: b
"""
UNUSED = """\
agents: [{id: a, simulated: Hello}, {id: b, simulated: Good day}]
routing: {default: a}
"""
WRONG = """\
agents: [{id: a, simulated: Hello}]
routing:
  rules: [{condition: input.token > 500, target: b}]
  default: a
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CONDUCTOR_ENV", raising=False)


def check(text: str, *options: str) -> Result:
    Path("p.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["check", "p.yaml", *options])


def test_a_sound_policy_is_met_with_silence() -> None:
    result = check(SOUND)

    assert (result.exit_code, result.output) == (0, "")


def test_every_mistake_is_told_with_place_and_mend() -> None:
    result = check(WRONG)

    assert result.exit_code == 2
    assert result.stderr == ""
    assert result.stdout == (
        "p.yaml:3:23: routing.rules.0.condition: no signal 'input.token'\n"
        "  did you mean 'input.tokens'?\n"
        "p.yaml:3:50: routing.rules.0.target: no agent or flow 'b'\n"
        "  known: a\n"
    )


def test_a_rule_that_can_never_decide_is_a_finding() -> None:
    result = check(SHADOWED)

    assert result.exit_code == 2
    assert result.stdout == (
        "p.yaml:5:7: routing.rules.1: rule 'shorter' can never decide: rule 'short' (line 4) "
        "matches whatever it would\n  put it before 'short', or remove it\n"
    )


def test_a_warning_is_told_and_counts_only_when_it_is_asked_to() -> None:
    mild, strict = check(UNUSED), check(UNUSED, "--strict")

    assert (mild.exit_code, strict.exit_code) == (0, 2)
    assert (
        mild.stdout
        == strict.stdout
        == (
            "p.yaml:1:42: warning: agents.1.id: no rule leads to the agent 'b'\n"
            "  remove it, or name it in a rule\n"
        )
    )


def test_json_has_every_finding_with_its_parts() -> None:
    result = check(SHADOWED, "--format", "json")

    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "findings": [
            {
                "file": "p.yaml",
                "line": 5,
                "column": 7,
                "code": "shadowed",
                "severity": "error",
                "problem": "routing.rules.1: rule 'shorter' can never decide: rule 'short' "
                "(line 4) matches whatever it would",
                "mend": "put it before 'short', or remove it",
            }
        ],
        "unreadable": [],
    }


def test_json_of_a_sound_policy_is_json_as_well() -> None:
    result = check(SOUND, "--format", "json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"findings": [], "unreadable": []}


def test_sarif_points_into_the_file() -> None:
    result = check(SHADOWED, "--format", "sarif")

    run = json.loads(result.stdout)["runs"][0]
    assert run["tool"]["driver"]["rules"] == [{"id": "shadowed"}]
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "p.yaml"},
                "region": {"startLine": 5, "startColumn": 7},
            }
        }
    ]


def test_the_bound_is_a_line_for_every_rule() -> None:
    text = SOUND.replace("simulated: Good day", "simulated: Good day, retry: 2")

    result = check(text, "--bound")

    assert result.exit_code == 0
    assert result.stdout == (
        "rule       target  calls at worst  allowed\n"
        "long       b                    3\n"
        "(default)  a                    1\n"
    )


def test_a_file_that_cannot_be_read_does_not_hide_the_findings_of_another() -> None:
    Path("absent.yaml").unlink(missing_ok=True)

    result = check(SHADOWED, "absent.yaml")

    assert result.exit_code == 1
    assert result.stdout.startswith("p.yaml:5:7: routing.rules.1: rule 'shorter' can never decide")
    assert result.stderr == (
        "absent.yaml: the file cannot be read: No such file or directory\n"
        "  check its path and permissions\n"
    )


def test_a_signal_of_the_app_does_not_keep_a_policy_from_being_checked() -> None:
    text = "signals: {mood: {function: mood, type: string}}\n" + SOUND.replace(
        "input.tokens > 500", "mood == 'angry'"
    )

    result = check(text)

    assert (result.exit_code, result.output) == (0, "")
