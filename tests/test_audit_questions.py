"""What auditors, people and learners ask of a log: who saw it, why, and what became of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conductor_mw import Conductor
from conductor_mw.cli import main
from conductor_mw.testing import Scripted

KEY = "0123456789abcdef" * 4
POLICY = """
signals:
  tenant: {from: metadata.tenant, type: string}
  who: {from: metadata.user, type: string, default: nobody}
agents:
  - {id: small, price: {input: 1, output: 2}}
  - {id: house, price: {input: 0, output: 0}, labels: [approved]}
routing:
  rules:
    - {id: private, condition: "size(input.pii) > 0", target: house}
  default: {fallback: [small, house]}
guarantees:
  - {id: at-home, never: {when: "size(input.pii) > 0", agents_without: approved}}
plugins:
  guard: {pii: [email, iban]}
  audit: {path: PATH, tenant: tenant, content: encrypted, subject: who, key: "${env:AUDIT_KEY}"}
"""
SECRET = "Write to ana@example.com, please."


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", KEY)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "conductor.db")


@pytest.fixture
def asked(path: str, tmp_path: Path) -> list[str]:
    """Give the ids of three answers: ana's with personal data, and two others."""
    file = tmp_path / "conductor.yaml"
    file.write_text(POLICY.replace("PATH", path), encoding="utf-8")
    agents = {"small": Scripted("from small"), "house": Scripted("from the house")}
    c = Conductor(file, agents=agents, commitment_key=b"k" * 32)
    ids = [
        c.call(prompt, metadata={"tenant": "acme", "user": user}).id
        for prompt, user in ((SECRET, "ana"), ("When do you open?", "ana"), ("Hello!", "ben"))
    ]
    c.feedback(ids[0], score=0.25, label="too long", by="ana")
    c.close()
    return ids


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def said(*words: str) -> Any:
    found = run(*words, "--format", "json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_who_saw_a_persons_data_is_told_with_the_reason(path: str, asked: list[str]) -> None:
    found = said("audit", "who-saw", "--subject", "ana", "--path", path)

    assert {one["agent"]: one["runs"] for one in found} == {
        "house": [asked[0]],
        "small": [asked[1]],
    }
    (house,) = [one for one in found if one["agent"] == "house"]
    assert house["rules"] == ["private"]
    (small,) = [one for one in found if one["agent"] == "small"]
    assert [let for _, let in small["guarantees"]] == [True]


def test_who_saw_a_class_of_data_is_told(path: str, asked: list[str]) -> None:
    found = said("audit", "who-saw", "--class", "email", "--path", path)

    assert [(one["agent"], one["runs"]) for one in found] == [("house", [asked[0]])]
    assert said("audit", "who-saw", "--class", "iban", "--path", path) == []


def test_the_table_names_agents_rules_and_policies(path: str, asked: list[str]) -> None:
    assert asked
    shown = run("audit", "who-saw", "--subject", "ana", "--path", path)

    assert shown.exit_code == 0
    assert "house" in shown.output
    assert "private" in shown.output


def test_whose_data_must_be_said(path: str, asked: list[str]) -> None:
    assert asked
    refused = run("audit", "who-saw", "--path", path)

    assert refused.exit_code == 1
    assert "whose data?" in refused.output


def test_a_row_for_evaluation_holds_what_came_since(
    path: str, asked: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"

    done = run("audit", "export", "--for", "evaluation", "--out", str(out), "--path", path)

    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == asked
    first = rows[0]
    assert first["rule"] == "private"
    assert first["signals"]["input.pii"] == ["email"]
    assert [one["agent"] for one in first["attempts"]] == ["house"]
    assert first["feedback"][0]["score"] == 0.25
    assert first["feedback"][0]["label"] == "too long"
    assert "input.text" not in json.dumps(first["signals"])
    assert SECRET not in out.read_text()


def test_content_goes_out_only_where_it_is_asked_for(
    path: str, asked: list[str], tmp_path: Path
) -> None:
    assert asked
    out = tmp_path / "rows.jsonl"
    words = ("audit", "export", "--for", "evaluation", "--content", "--out", str(out))

    assert run(*words, "--path", path).exit_code == 0

    assert SECRET in out.read_text()


def test_forgetting_a_person_makes_what_they_said_unreadable(
    path: str, asked: list[str], tmp_path: Path
) -> None:
    assert asked
    out = tmp_path / "rows.jsonl"

    forgotten = run("audit", "forget", "ana", "--by", "desk", "--path", path)

    assert forgotten.exit_code == 0, forgotten.output
    run("audit", "export", "--for", "evaluation", "--content", "--out", str(out), "--path", path)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["content"] is None for row in rows] == [True, True, False]
    assert run("audit", "verify", "--path", path).exit_code == 0
    (record,) = said("audit", "query", "--kind", "forgotten", "--path", path)
    assert record["by"] == "desk"
    assert run("audit", "forget", "ana", "--path", path).exit_code == 2


@pytest.mark.parametrize("purpose", ["records", "evaluation"])
def test_parquet_holds_the_same_rows_as_csv(
    path: str, asked: list[str], tmp_path: Path, purpose: str
) -> None:
    assert asked
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    words = ("audit", "export", "--for", purpose, "--path", path, "--out")

    for form in ("csv", "parquet"):
        done = run(*words, str(tmp_path / f"rows.{form}"), "--format", form)
        assert done.exit_code == 0, done.output

    table = parquet.read_table(tmp_path / "rows.parquet")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert table.num_rows == len(rows) > 0
    assert table.column_names == list(rows[0])


def test_policies_that_ran_are_listed_shown_and_taken_back(
    path: str, asked: list[str], tmp_path: Path
) -> None:
    assert asked
    file = tmp_path / "conductor.yaml"
    before = file.read_text()
    agents = {"small": Scripted("small"), "house": Scripted("house")}
    file.write_text(before.replace("fallback: [small, house]", "fallback: [house, small]"))
    c = Conductor(file, agents=agents)
    c.call("Hello!", metadata={"tenant": "acme"})
    c.close()

    listed = said("policies", "list", "--path", path)

    assert [one["intact"] for one in listed] == [True, True]
    first = listed[0]["fingerprint"]
    shown = run("policies", "show", first[:8], "--file", "conductor.yaml", "--path", path)
    assert shown.stdout == before
    done = run(
        *("policies", "rollback", first[:8], "--policy", str(file), "--yes", "--by", "ana"),
        *("--path", path),
    )
    assert done.exit_code == 0, done.output
    assert file.read_text() == before
    (record,) = said("audit", "query", "--kind", "rolled_back", "--path", path)
    assert (record["by"], record["policy"]) == ("ana", first)
    assert run("audit", "verify", "--path", path).exit_code == 0


def test_a_running_conductor_takes_the_policy_that_was_written_back(
    path: str, asked: list[str], tmp_path: Path
) -> None:
    assert asked
    file = tmp_path / "conductor.yaml"
    first = said("policies", "list", "--path", path)[0]["fingerprint"]
    file.write_text(file.read_text().replace("default: {fallback", "default: {  fallback") + "#\n")
    file.write_text(file.read_text().replace("[small, house]", "[house, small]"))
    c = Conductor(file, agents={"small": Scripted("small"), "house": Scripted("house")})
    assert c.call("Hello!", metadata={"tenant": "acme"}).agent == "house"

    run("policies", "rollback", first, "--policy", str(file), "--yes", "--path", path)

    assert c.reload()
    assert c.call("Hello!", metadata={"tenant": "acme"}).agent == "small"
    c.close()


def test_a_policy_of_several_files_is_written_back_into_all_of_them(
    path: str, tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    below = tmp_path / "parts" / "base.yaml"
    below.write_text("agents: [{id: small, simulated: one}]\n")
    file = tmp_path / "team.yaml"
    text = "include: parts/base.yaml\nrouting: {default: small}\n"
    text += f"plugins: {{audit: {{path: '{path}'}}}}\n"
    file.write_text(text)
    c = Conductor(file)
    c.call("Hello!")
    c.close()
    first = said("policies", "list", "--path", path)[0]["fingerprint"]
    below.write_text("agents: [{id: small, simulated: two}]\n")
    file.write_text(text + "# changed\n")

    done = run("policies", "rollback", first, "--policy", str(file), "--yes", "--path", path)

    assert done.exit_code == 0, done.output
    assert file.read_text() == text
    assert below.read_text() == "agents: [{id: small, simulated: one}]\n"


def test_a_fingerprint_that_nobody_has_is_refused(path: str, asked: list[str]) -> None:
    assert asked
    refused = run("policies", "show", "ffffffffffff", "--path", path)

    assert refused.exit_code == 1
    assert "no policy has a fingerprint" in refused.output
