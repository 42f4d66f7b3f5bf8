"""`conductor-mw run`: one prompt, a traffic file, and what is kept of both."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conductor_mw.cli import main, running

ROOT = Path(__file__).parents[1]
POLICY = """\
workflow: {name: desk}
agents:
  - {id: small, simulated: {answer: We open at nine., latency: 80ms}, price: {input: 1, output: 2}}
  - {id: large, simulated: {answer: Let me think., latency: 2s}, price: {input: 10, output: 20}}
  - {id: broken, simulated: {errors: {rate_limit: 1.0}}, price: {input: 1, output: 1}}
flows:
  careful: {fallback: [broken, large]}
routing:
  rules:
    - {id: urgent, condition: "metadata.urgent == true", target: careful, on_error: skip}
    - {id: lost, condition: "input.text == 'lost'", target: broken}
  default: small
"""
TRAFFIC = """\
{"id": "a", "text": "When do you open?"}
{"id": "b", "text": "Help!", "metadata": {"urgent": true}}
{"id": "c", "text": "Where are you?", "expect_type": "simple"}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("CONDUCTOR_ENV", "FORCE_COLOR", "CONDUCTOR_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    Path("p.yaml").write_text(POLICY, encoding="utf-8")
    Path("t.jsonl").write_text(TRAFFIC, encoding="utf-8")


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, ["run", "p.yaml", *arguments], **options)


def test_the_answer_is_alone_on_stdout_and_what_is_known_of_it_on_stderr() -> None:
    result = run("When do you open?")

    assert result.exit_code == 0
    assert result.stdout == "We open at nine.\n"
    assert result.stderr == "small · default · 14 + 4 tokens · $0.000022 · 80 ms · simulated\n"


def test_an_answer_after_a_failure_counts_its_attempts() -> None:
    result = run("Help!", "-m", "urgent:=true")

    assert result.stdout == "Let me think.\n"
    about, _, first, second = result.stderr.splitlines()
    assert about.endswith(" · 2.00 s · 2 attempts · simulated")
    assert "failed: rate_limit" in first
    assert "answered, 13 characters" in second
    assert result.stderr.startswith("large · rule urgent · ")


def test_a_streamed_answer_is_the_same_answer() -> None:
    result = run("When do you open?", "--stream")

    assert result.exit_code == 0
    assert result.stdout == "We open at nine.\n"


def test_a_prompt_comes_from_stdin() -> None:
    result = run("-", input="lost")

    assert result.exit_code == 2


def test_no_answer_is_told_with_every_attempt() -> None:
    result = run("lost")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "no answer: rate_limit: simulated rate limit\n  broken, try 1: rate_limit after 0 ms\n"
    )


def test_one_prompt_as_json() -> None:
    result = run("When do you open?", "--format", "json")

    found = json.loads(result.stdout)
    assert result.stderr == ""
    assert (found["text"], found["agent"], found["cost_nano_dollars"]) == (
        "We open at nine.", "small", 22_000,
    )  # fmt: skip
    assert found["decision"]["target"] == "small"
    assert found["attempts"] == [
        {
            "path": "small", "agent": "small", "number": 1, "failure": "", "seconds": 0.08,
            "cost_nano_dollars": 22_000,
        }
    ]  # fmt: skip


def test_the_summary_of_traffic() -> None:
    result = run("t.jsonl")

    assert result.exit_code == 0
    assert result.stderr == ""
    head, *lines = result.stdout.splitlines()
    assert head.startswith("desk  3 requests  policy ")
    assert head.endswith("  simulated")
    assert lines == [
        "",
        "rule       answered by      count  share       cost     p50     p95  failed  fallback",
        "urgent     careful → large      1   33 %  $0.000190  2.00 s  2.00 s                 1",
        "(default)  small                2   67 %  $0.000044   80 ms   80 ms",
        "─────────────────────────────────────────────────────────────────────────────────────",
        "all                             3  100 %  $0.000234   80 ms  2.00 s                 1",
        "",
        "what the answers cost",
        "the answers as the policy routed them              $0.000234",
        "always large, the dearest agent                    $0.000630  the policy saves 63 %",
        "the same agents in the same shares, drawn blindly  $0.000252  the policy saves 7 %",
        "",
        "Each line prices the same answers by the tokens they had; failed attempts are left out.",
        "Drawn blindly: the expected cost if agents were drawn in these shares without reading the",
        "request. Whether other agents would have answered as well is not measured here.",
    ]


def test_a_request_without_an_answer_is_found_and_told() -> None:
    Path("t.jsonl").write_text(TRAFFIC + '{"id": "d", "text": "lost"}\n')

    result = run("t.jsonl")

    assert result.exit_code == 2
    assert "lost       broken → nobody      1   25 %  $0.000000" in result.stdout
    assert result.stdout.endswith("\nno answer\n  1  rate_limit: simulated rate limit\n")


def test_the_summary_as_json() -> None:
    result = run("t.jsonl", "--format", "json")

    found = json.loads(result.stdout)
    assert list(found) == [
        "policy", "fingerprint", "simulated", "routes", "total", "comparisons", "problems",
        "unpriced", "interrupted",
    ]  # fmt: skip
    assert found["routes"][0] == {
        "rule": "urgent", "target": "careful", "agent": "large", "requests": 1,
        "share": 0.333333, "failed": 0, "fell_back": 1, "cost_nano_dollars": 190_000,
        "p50_seconds": 2.0, "p95_seconds": 2.0,
    }  # fmt: skip
    assert found["total"]["requests"] == 3
    assert [one["name"] for one in found["comparisons"]] == ["answers", "dearest", "blind"]


def test_answers_are_kept_one_a_line() -> None:
    result = run("t.jsonl", "-o", "answers.jsonl", "--limit", "2")

    kept = [json.loads(line) for line in Path("answers.jsonl").read_text().splitlines()]
    assert result.exit_code == 0
    assert {one["id"]: one["agent"] for one in kept} == {"a": "small", "b": "large"}
    assert kept[0]["usage"] == {
        "input_tokens": 14, "output_tokens": 4, "cached_tokens": 0, "reasoning_tokens": 0,
    }  # fmt: skip


def test_several_attempts_without_an_answer_are_told_with_what_became_of_each() -> None:
    Path("p.yaml").write_text(
        "agents:\n"
        "  - {id: mail, simulated: sent}\n"
        "  - {id: recall, simulated: called back}\n"
        "  - {id: books, simulated: {errors: {server_error: 1}}}\n"
        "routing: {default: {sequence: [{use: mail, undo: recall}, books]}}\n"
    )

    result = run("Pay it back.")

    assert (result.exit_code, result.stdout) == (2, "")
    head, _, *rows = result.stderr.splitlines()
    assert head == "no answer: server_error: simulated server error"
    assert [row.split()[1:3] for row in rows] == [
        ["mail", "fed"], ["books", "failed:"], ["recall", "undid"],
    ]  # fmt: skip


def test_a_request_that_cannot_be_decided_is_told_with_the_mend() -> None:
    Path("p.yaml").write_text(
        "agents: [{id: a, simulated: A}]\n"
        "routing: {rules: [{condition: metadata.vip, target: a}], default: a}\n"
    )

    result = run("When?")

    assert result.exit_code == 2
    assert result.stderr == (
        "no answer: not_decided: condition 'metadata.vip': metadata.vip: no key 'vip'\n"
        "  where it may be missing, ask has(...) first, or declare a signal with a `default:`\n"
    )


def test_an_answer_that_was_not_accepted_is_told_as_such() -> None:
    Path("p.yaml").write_text(
        "agents: [{id: a, simulated: At nine.}, {id: b, simulated: Nine.}]\n"
        "routing: {default: {cascade: [a, b], score: {length: {min: 50}}}}\n"
    )

    told, record = run("When?"), json.loads(run("When?", "--format", "json").stdout)

    assert (told.exit_code, told.stdout) == (0, "Nine.\n")
    assert " · not accepted · simulated" in told.stderr
    assert (record["score"], record["accepted"]) == (0.0, False)


@pytest.mark.parametrize(
    ("store", "how"),
    [
        ("store: sqlite:gates.db\n", r"conductor-mw review approve \w{8} --store sqlite:gates\.db"),
        ("", "nobody can decide this from outside: add `store: sqlite:conductor.db` to the policy"),
    ],
)
def test_a_run_that_waits_for_people_says_so(store: str, how: str) -> None:
    Path("p.yaml").write_text(
        store + "agents: [{id: leads, human: {queue: support, timeout: 300ms}}]\n"
        "routing: {default: leads}\n"
    )

    result = run("We refund $10.")

    assert result.exit_code == 2
    assert re.match(f"waiting for support: We refund \\$10\\.\n  {how}\n", result.stderr)


def test_metadata_holds_for_every_line_that_says_nothing_else() -> None:
    Path("t.jsonl").write_text('{"text": "a"}\n{"text": "b", "metadata": {"urgent": false}}\n')

    result = run("t.jsonl", "-m", "urgent:=true", "--format", "json")

    routes = json.loads(result.stdout)["routes"]
    assert [(one["rule"], one["requests"]) for one in routes] == [("urgent", 1), (None, 1)]


def test_a_model_is_never_simulated_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("p.yaml").write_text(
        "agents: [{id: m, model: openai/gpt-4o-mini, api_key: '${env:NO_SUCH_KEY}'}]\n"
        "routing: {default: m}\n"
    )
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)

    real, simulated = run("Hello"), run("Hello", "--simulate")

    assert real.exit_code == 2
    assert real.stderr.startswith(
        "no answer: auth: agent 'm': the environment variable NO_SUCH_KEY is not set\n"
    )
    assert simulated.stdout == "(simulated answer of m)\n"
    assert simulated.stderr.endswith(" · simulated\n")


def test_an_agent_of_the_app_says_how_it_could_answer_here() -> None:
    Path("p.yaml").write_text("agents: [{id: app}]\nrouting: {default: app}\n")

    for what in ("Hello", "t.jsonl"):
        result = run(what)

        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            "agent 'app' has neither a model nor anything else that could answer\n"
            "  Write `model:` below it, or bind an object: "
            "Conductor(..., agents={'app': my_function}).\n"
        )


def test_a_broken_line_of_traffic_is_told_before_anything_runs() -> None:
    Path("t.jsonl").write_text('{"text": "a"}\n{"text": \n')

    result = run("t.jsonl", "-o", "answers.jsonl")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "t.jsonl:2:10: this is no JSON: Expecting value\n  each line must be one JSON object\n"
    )
    assert Path("answers.jsonl").read_text() == ""


def test_an_interrupted_run_says_what_it_had_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = running.keep_answer

    def interrupt_after_two(answered: Any, keep: Any) -> None:
        kept(answered, keep)
        if len(Path("answers.jsonl").read_text().splitlines()) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(running, "keep_answer", interrupt_after_two)

    result = run("t.jsonl", "-o", "answers.jsonl", "--concurrency", "1")

    assert result.exit_code == 130
    assert "\nall                             2  100 %" in result.stdout
    assert result.stderr == "interrupted: 2 of 3 requests done\n"


def test_an_answer_cannot_steer_a_terminal_and_stays_whole_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("p.yaml").write_text(
        'agents: [{id: a, simulated: "x\\u001b[2Jy\\u202e\\nz"}]\nrouting: {default: a}\n'
    )

    pipe = run("Hello", color=True)
    monkeypatch.setattr("conductor_mw.cli.console.is_terminal", _yes)
    terminal = run("Hello", color=True)

    assert pipe.stdout == "x\x1b[2Jy\u202e\nz\n"
    assert terminal.stdout == "x\ufffd[2Jy\ufffd\nz\n"


@pytest.mark.parametrize("rich", [True, False])
def test_a_person_who_waits_sees_a_bar_with_or_without_rich(
    rich: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conductor_mw.cli.console.is_terminal", _yes)
    monkeypatch.setenv("FORCE_COLOR", "1")  # or rich draws nothing into a pipe
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)

    result = run("t.jsonl")

    assert result.exit_code == 0
    assert "running" in result.stderr
    assert "running" not in result.stdout


def _yes(*, err: bool = False) -> bool:
    del err
    return True


def test_the_support_desk_answers_every_request() -> None:
    folder = ROOT / "examples" / "support-desk"

    result = CliRunner().invoke(
        main, ["run", str(folder / "conductor.yaml"), str(folder / "requests.jsonl")]
    )

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("support-desk  ")
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert "…" not in result.stdout
