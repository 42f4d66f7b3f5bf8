"""`conductor-mw explain`: what people read, and the decision as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conductor_mw import Conductor
from conductor_mw.cli import main

POLICY = """\
signals:
  tier: {from: metadata.tier, type: string, one_of: [free, pro], default: free}
agents:
  - {id: small, simulated: Sure.}
  - {id: large, simulated: Let me think.}
flows:
  careful: {fallback: [large, small]}
routing:
  rules:
    - {id: tools, condition: "'find' in input.tools", target: large}
    - {id: long, condition: "tier == 'pro' && input.tokens > 4", target: careful}
  default: small
guarantees:
  - never: {when: tier == 'free', agents: [large]}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CONDUCTOR_ENV", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    Path("p.yaml").write_text(POLICY, encoding="utf-8")


def explain(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, ["explain", "p.yaml", *arguments], **options)


def test_the_whole_explanation() -> None:
    result = explain("Please read this with care.", "-m", "tier=pro")

    fingerprint = Conductor("p.yaml").policy.fingerprint[:12]
    assert result.exit_code == 0
    assert result.stderr == ""
    assert (
        result.stdout
        == f"""\
long → careful
  because     tier == 'pro' && input.tokens > 4
  written in  p.yaml:11:7
  policy      {fingerprint}

who answers
  careful · fallback
  ├─ 1  large  simulated
  └─ 2  small  simulated

signals read
  input.tokens  15
  input.tools   []
  tier          "pro"

passed over: 1 rule, each with what was not true
  tools  'find' in input.tools
"""
    )


def test_an_agent_that_is_forbidden_is_marked_where_it_would_be_asked() -> None:
    Path("tools.json").write_text('[{"type": "function", "function": {"name": "find"}}]')

    result = explain("Hello", "--tools", "tools.json")

    assert "  large  simulated  never for this request\n" in result.stdout
    assert result.stdout.endswith("""\
never for this request
  large  the policy says never the agent 'large' when tier == 'free'
""")


def test_a_text_is_shown_by_its_length_only() -> None:
    Path("p.yaml").write_text(POLICY.replace("'find' in input.tools", "input.text == 'secret'"))

    result = explain("my password")

    assert "  input.text  a text of 11 characters\n" in result.stdout
    assert "password" not in result.output


def test_the_json_is_the_decision() -> None:
    result = explain("Hello", "-m", "tier=pro", "--format", "json")

    decision = Conductor("p.yaml").decide("Hello", metadata={"tier": "pro"})
    assert json.loads(result.stdout) == decision.to_dict()


def test_messages_come_from_a_file_with_or_without_the_payload_around() -> None:
    messages = [{"role": "user", "content": "One"}, {"role": "user", "content": "Two"}]
    Path("list.json").write_text(json.dumps(messages))
    Path("payload.json").write_text(json.dumps({"messages": messages}))

    first = explain("--messages", "list.json", "--format", "json")
    second = explain("--messages", "payload.json", "--format", "json")

    assert first.exit_code == 0
    assert first.stdout == second.stdout


def test_typed_metadata_keeps_its_type() -> None:
    text = POLICY.replace("tier == 'pro' && input.tokens > 4", "metadata.seats == 3")
    Path("p.yaml").write_text(text)

    typed, plain = explain("Hello", "-m", "seats:=3"), explain("Hello", "-m", "seats=3")

    assert typed.stdout.startswith("long → careful\n")
    assert not plain.stdout.startswith("long → careful\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no request to explain\n  give a TEXT, or --messages FILE\n"),
        (
            ["Hello", "--messages", "m.json"],
            "there are two requests\n  give a TEXT, or --messages FILE\n",
        ),
        (
            ["Hello", "-m", "tier"],
            ("--metadata 'tier' has no key and value\n"
            "  write KEY=VALUE, for example tier=pro, or KEY:=JSON, for example seats:=3\n"),
        ),
        (["Hello", "-m", "=pro"], ("--metadata '=pro' has no key and value\n"
            "  write KEY=VALUE, for example tier=pro, or KEY:=JSON, for example seats:=3\n")),
        (
            ["Hello", "-m", "n:=x"],
            "--metadata n: this is no JSON: Expecting value: line 1 column 1 (char 0)\n",
        ),
        (
            ["--messages", "absent.json"],
            "absent.json: the file cannot be read: No such file or directory\n  check the path\n",
        ),
        (
            ["--messages", "p.yaml"],
            "p.yaml: this is no JSON: Expecting value: line 1 column 1 (char 0)\n",
        ),
        (
            ["Hello", "--tools", "n.json"],
            "n.json: must be a list of tools in OpenAI's form\n  write a JSON list\n",
        ),
        (["--messages", "m.json"], ("messages: there is no message\n"
            "  pass a text or at least one message\n")),
        (
            ["Hello", "-m", "tier=gold"],
            ("condition 'tier == 'pro' && input.tokens > 4': signal 'tier': metadata.tier is "
            "'gold', not one of 'free', 'pro'\n"
            "  add the value to one_of, or correct where it comes from\n"),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_one_line_and_the_mend(arguments: list[str], said: str) -> None:
    Path("n.json").write_text("3")
    Path("m.json").write_text("[]")

    result = explain(*arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == said


def test_a_long_list_of_rules_is_cut_and_counted() -> None:
    rules = "".join(
        f'    - {{condition: "metadata.n == {number}", target: small}}\n' for number in range(60)
    )
    Path("p.yaml").write_text(
        f"agents: [{{id: small, simulated: x}}]\nrouting:\n  rules:\n{rules}  default: small\n"
    )

    result = explain("Hello", "-m", "n:=99")

    assert "passed over: 60 rules, each with what was not true\n" in result.stdout
    assert result.stdout.endswith("  #23  metadata.n == 23\n  … and 36 more\n")


def test_a_long_condition_is_cut_to_the_width_of_the_terminal() -> None:
    long = " || ".join(f"metadata.name == 'name {number}'" for number in range(30))
    Path("p.yaml").write_text(POLICY.replace("'find' in input.tools", long))

    result = explain("Hello", "-m", "name=x")

    assert max(map(len, result.stdout.splitlines())) == 100
    assert "…" in result.stdout


def test_text_of_a_policy_cannot_steer_the_terminal() -> None:
    Path("p.yaml").write_text(POLICY.replace("'find' in", r"\"\\u001b[2J\" in"))

    result = explain("Hello", color=True)

    assert result.exit_code == 0
    assert "\x1b[2J" not in result.stdout


def test_colours_come_where_they_are_forced_and_never_where_they_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    forced = explain("Hello")
    monkeypatch.setenv("NO_COLOR", "1")
    refused = explain("Hello", color=True)

    assert "\x1b[1m(default)\x1b[0m" in forced.stdout
    assert "\x1b" not in refused.stdout
