"""`conductor-mw audit query | verify | prune`, and content that is kept encrypted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conductor_mw_audit import Unrecorded, postgres_tables
from conductor_mw_audit.checkpoint import Signer
from conductor_mw_audit.keys import Keys
from conductor_mw_audit.records import Wanted, opened
from conductor_mw_audit.vault import Vault

from conductor_mw import ConductorError
from conductor_mw.cli import main
from conductor_mw.testing import WAYS, Scripted, Way, ask

from .audit_kit import KEY, NOON, conductor, entries, found, log_at, schema_in, tampered

TEXT = """
signals:
  tenant: {from: metadata.tenant, type: string}
  user: {from: metadata.user, type: string, default: nobody}
agents: [{id: a, price: {input: 1, output: 2}}, {id: b}]
routing: {default: {fallback: [b, a], on: [connection]}}
"""
KEYED = "key: '${env:AUDIT_KEY}'"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", KEY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the file of a log with two requests, and their checkpoints beside it."""
    path = tmp_path / "audit.db"
    agents = {"a": Scripted("Good day."), "b": Scripted(ConnectionError("reset"))}
    options = f"{KEYED}, checkpoint_every: 4, checkpoints_to: '{tmp_path / 'kept.jsonl'}'"
    c = conductor(f"sqlite:{path}", TEXT, options, agents=agents)
    for tenant in ("acme", "other"):
        c.call("hello", metadata={"tenant": tenant})
    c.close()
    return path


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["audit", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def said(*arguments: str | Path, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--format", "json", code=code).stdout)


# query


def test_query_shows_what_happened_in_its_order(path: Path) -> None:
    lines = run("query", "--path", path).stdout.splitlines()

    assert len(lines) == 10
    assert lines[0].split()[:3] == ["number", "time", "(UTC)"]
    assert "2026-05-28 20:26:40  " in lines[2]
    assert "10+5 tokens" in lines[4]


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        (("--tenant", "acme"), "ccd"),
        (("--agent", "b"), "cc"),
        (("--kind", "decision", "--kind", "policy"), "pdd"),
        (("--rule", "none"), ""),
        (("--since", "2026-05-28T20:26:40"), "pcfcdcfcd"),
        (("--until", "2026-05-28T20:26:40"), ""),
        (("--since", "1s"), ""),
        (("--limit", "2"), "cd"),
        (("--limit", "0"), "pcfcdcfcd"),
    ],
)
def test_query_gives_what_is_asked_for(path: Path, asked: tuple[str, ...], kinds: str) -> None:
    records = said("query", "--path", path, *asked)

    assert "".join(one["kind"][0] for one in records) == kinds


def test_query_finds_a_run_by_the_beginning_of_its_id(path: Path) -> None:
    (first, _) = said("query", "--path", path, "--kind", "decision")

    records = said("query", "--path", path, "--run", first["run"][:6])

    assert {one["run"] for one in records} == {first["run"]}
    assert len(records) == 4


def test_query_says_where_there_is_nothing(path: Path, tmp_path: Path) -> None:
    assert run("query", "--path", path, "--tenant", "none").stderr == "there is no such record\n"
    problem = run("query", "--path", tmp_path / "none.db", code=1).stderr
    assert "there is no such file" in problem
    assert not (tmp_path / "none.db").exists()
    assert "is no time" in run("query", "--path", path, "--since", "soon", code=1).stderr


def test_query_prints_nothing_that_could_steer_a_terminal(tmp_path: Path) -> None:
    c = conductor(f"sqlite:{tmp_path / 'audit.db'}", TEXT, agents={"a": Scripted("x"), "b": _b()})
    c.call("hello", metadata={"tenant": "a\x1b[2Jb"})
    c.close()

    assert "\x1b" not in run("query", "--path", tmp_path / "audit.db").stdout


def _b() -> Scripted:
    return Scripted("x")


# verify


def test_verify_says_that_all_is_fine(path: Path) -> None:
    result = run("verify", "--path", path, "--checkpoints", path.parent / "kept.jsonl")

    assert result.stdout.startswith("fine  9 records, ")
    assert result.stderr == ""
    assert said("verify", "--path", path)["fine"] is True


def test_verify_says_what_it_cannot_know(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = run("verify", "--path", path)
    assert "only a checkpoint kept elsewhere" in alone.stderr

    monkeypatch.delenv("AUDIT_KEY")
    told = run("verify", "--path", path, code=2).stdout
    assert "without the audit key" in told


def test_verify_names_the_record_that_was_changed(path: Path) -> None:
    tampered(path, "update audit_records set tenant = 'other' where number = 5")

    result = run("verify", "--path", path, code=2)

    assert result.stdout.startswith("changed  record 5: ")
    (finding,) = said("verify", "--path", path, code=2)["findings"]
    assert (finding["first"], finding["last"]) == (5, 5)


def test_verify_needs_checkpoints_it_can_read(path: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{}\n")

    for name, problem in (("bad.jsonl", "bad.jsonl:1"), ("none.jsonl", "cannot be read")):
        result = run("verify", "--path", path, "--checkpoints", tmp_path / name, code=1)
        assert problem in result.stderr


def test_a_stranger_verifies_with_the_public_key_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept = tmp_path / "audit.db", tmp_path / "kept.jsonl"
    options = f"{KEYED}, sign: ed25519, checkpoint_every: 2, checkpoints_to: '{kept}'"
    c = conductor(f"sqlite:{path}", TEXT, options, agents={"a": Scripted("x"), "b": _b()})
    c.call("hello", metadata={"tenant": "acme"})
    c.close()
    public = Signer(Keys.of(KEY), "ed25519").public_key().hex()

    monkeypatch.delenv("AUDIT_KEY")
    asked = ("verify", "--path", path, "--checkpoints", kept, "--public-key", public)
    # Who has no key cannot check seals, and needs none: the signed root covers every record.
    assert said(*asked)["fine"] is True

    tampered(path, "update audit_records set body = replace(body, 'stop', 'none') where number = 2")
    (found,) = said(*asked, code=2)["findings"]
    assert (found["first"], found["last"]) == (1, 3)


# prune


def test_prune_drops_sealed_segments_and_says_who_did_it(path: Path) -> None:
    (told,) = [said("prune", "--path", path, "--before", "1s", "--by", "ana")]

    assert told["records"] == told["upto"] == 9
    (record,) = said("query", "--path", path)
    assert (record["kind"], record["by"]) == ("pruned", "ana")
    verified = said("verify", "--path", path, "--checkpoints", path.parent / "kept.jsonl")
    assert (verified["fine"], verified["pruned"]) == (True, 9)
    assert (
        "no sealed segment is older"
        in run("prune", "--path", path, "--before", "2020-01-01T00:00").stderr
    )


# Content.


@pytest.fixture(params=("sqlite", "postgres"))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty log in each database."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'audit.db'}"
    return schema_in(request.getfixturevalue("postgres_address"))


@pytest.mark.parametrize("way", WAYS)
def test_content_is_kept_encrypted_for_each_subject(address: str, way: Way) -> None:
    options = f"{KEYED}, content: encrypted, subject: user"
    c = conductor(address, TEXT, options, agents={"a": _b(), "b": Scripted("An ", "answer.")})
    for user in ("ann", "bob"):
        ask(c, f"I am {user}", way=way, metadata={"tenant": "acme", "user": user})
    c.close()

    where = address.removeprefix("sqlite:")
    with opened(where) as records:
        contents = [records.content(one) for one in records.find(Wanted(kinds=("decision",)))]
        kept = {str(one["prompt"]): one["answer"] for one in contents if one is not None}
        bodies = "".join(one.body for one in records.find())
        people = {one.head.subject for one in records.find(Wanted(kinds=("call",)))}
    assert kept == {"[['user', 'I am ann']]": "An answer.", "[['user', 'I am bob']]": "An answer."}
    assert "I am" not in bodies
    assert all(one not in bodies for one in ('"ann"', '"bob"'))
    assert len(people) == 2
    assert found(address) == []


def test_who_was_forgotten_cannot_be_read_and_the_log_still_verifies(address: str) -> None:
    log = log_at(address)
    keys = Keys.of(KEY)
    vault = Vault(log.tables, keys)
    sealed = vault.close("ann", {"prompt": "hello"}, NOON)
    other = vault.close("bob", {"prompt": "good day"}, NOON)

    assert vault.open("ann", sealed) == {"prompt": "hello"}
    assert log.tables.drop_key("ann")
    assert not log.tables.drop_key("ann")

    assert vault.open("ann", sealed) is None
    assert vault.open("bob", other) == {"prompt": "good day"}
    # What is said afterwards has another key.
    vault.look_again()
    again = vault.close("ann", {"prompt": "back again"}, NOON)
    assert vault.open("ann", again) == {"prompt": "back again"}
    with pytest.raises(ConductorError, match="cannot be decrypted"):
        vault.open("ann", sealed)
    log.tables.close()


def test_content_cannot_be_read_with_another_key_or_for_another_subject(tmp_path: Path) -> None:
    log = log_at(f"sqlite:{tmp_path / 'audit.db'}")
    vault = Vault(log.tables, Keys.of(KEY))
    sealed = vault.close("ann", {"prompt": "hello"}, NOON)
    vault.close("bob", {}, NOON)

    with pytest.raises(ConductorError, match="cannot be decrypted"):
        vault.open("bob", sealed)
    with pytest.raises(ConductorError, match="cannot be decrypted"):
        Vault(log.tables, Keys.of("another key" * 3)).open("ann", sealed)
    log.tables.close()


def test_a_log_is_not_gone_on_with_under_another_key(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_KEY", "another key" * 3)

    for options in (KEYED, ""):
        with pytest.raises(ConductorError, match="was not sealed with this key"):
            conductor(f"sqlite:{path}", TEXT, options)


# Several processes.

WRITES = """
import sys
from conductor_mw import Conductor
from conductor_mw.testing import Scripted
c = Conductor.from_text(sys.argv[1], agents={"a": Scripted("x")})
for _ in range(40):
    c.call("hello")
c.close()
"""


def test_two_processes_write_one_log(address: str) -> None:
    where = f"path: {address[7:]}" if address.startswith("sqlite:") else f"to: {address!r}"
    text = f"agents: [{{id: a}}]\nrouting: {{default: a}}\nplugins: {{audit: {{{where}}}}}\n"

    both = [subprocess.Popen([sys.executable, "-c", WRITES, text]) for _ in range(2)]
    codes = [one.wait(60) for one in both]

    assert codes == [0, 0]
    assert found(address, key=None) == []
    log = log_at(address, key=None)
    counted = log.tables.ask("select kind, count(distinct run) from audit_records group by kind")
    log.tables.close()
    assert dict(counted)["decision"] == dict(counted)["call"] == 80


def test_a_database_that_is_gone_refuses_answers_and_takes_them_again_when_it_is_back(
    postgres_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = schema_in(postgres_address)
    c = conductor(address, TEXT, "mode: before_answer", agents={"a": Scripted("x"), "b": _b()})
    who = {"tenant": "acme"}
    c.call("hello", metadata=who)

    def gone(*_: object) -> list[Any]:
        raise ConductorError("the audit log cannot be used: the server is gone")

    monkeypatch.setattr(postgres_tables.PostgresTables, "ask", gone)
    with pytest.raises(Unrecorded, match="the server is gone"):
        c.call("hello", metadata=who)
    monkeypatch.undo()
    monkeypatch.setenv("AUDIT_KEY", KEY)

    assert _soon(lambda: c.call("hello", metadata=who).text) == "x"
    c.close()
    assert found(address, key=None) == []


def _soon(attempt: Any) -> Any:
    for _ in range(100):
        try:
            return attempt()
        except Unrecorded:
            continue
    raise AssertionError("it never came back")


def test_a_connection_that_breaks_is_made_again(postgres_address: str) -> None:
    address = schema_in(postgres_address)
    log = log_at(address)
    log.append(entries(3), NOON)
    other = log_at(address)
    other.tables.ask(
        f"select pg_terminate_backend({log.tables.ask('select pg_backend_pid()')[0][0]})"
    )

    with pytest.raises(ConductorError):
        log.append(entries(1, 3), NOON)
    log.append(entries(1, 3), NOON)

    log.tables.close()
    other.tables.close()
    assert found(address) == []
