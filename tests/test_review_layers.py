"""What a hostile reader of the production layers tried, and what must hold against it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conductor_mw_audit.command_export import export
from conductor_mw_audit.command_forget import forget
from conductor_mw_audit.command_verify import verify
from conductor_mw_cache.canonical import canonical
from conductor_mw_cache.flights import Flights
from conductor_mw_cache.kept import Kept
from conductor_mw_cache.question import Question
from conductor_mw_cache.shelves import Memory
from conductor_mw_webhook.outbox import Outbox, Receiver, body_of
from pydantic import BaseModel, Field

from conductor_mw import Conductor, ConductorError, Event, Failure, PolicyError, Request
from conductor_mw.stores.sqlite import SqliteStore
from conductor_mw.testing import WAYS, Way, ask
from tests.audit_kit import KEY as AUDIT_KEY

KEY = "ghp_pLIix6MEOLeMa61EqJomTEI1JEzO3joOj37H"
ADA = "ada@example.org"
ONE = "agents: [{id: a}]\nrouting: {default: a}\nplugins: "


def yes(_: object) -> str:
    """Answer."""
    return "yes"


def choices(*texts: str) -> dict[str, Any]:
    """Give an answer with several choices."""
    said = [{"role": "assistant", "content": text} for text in texts]
    return {
        "choices": [
            {"index": at, "message": one, "finish_reason": "stop"} for at, one in enumerate(said)
        ]
    }


@pytest.mark.parametrize("action", ["refuse", "redact"])
@pytest.mark.parametrize("way", WAYS)
def test_no_second_choice_carries_past_the_guard_what_the_first_may_not(
    way: Way, action: str
) -> None:
    policy = f"{ONE}{{guard: {{output: {{secrets: true, action: {action}}}}}}}"

    def agent(_: object) -> Any:
        return choices("fine", f"the key {KEY} here")

    c = Conductor.from_text(policy, agents={"a": agent})

    answer = ask(c, "hello", way=way)

    assert answer.text == "fine"
    assert KEY not in repr(answer.native)


def test_no_streamed_choice_carries_past_the_guard_what_the_first_may_not() -> None:
    agent = streamed((0, "fine"), (1, f"the key {KEY} here"), (0, " indeed"))
    c = Conductor.from_text(ONE + "{guard: {output: {secrets: true}}}", agents={"a": agent})

    assert KEY not in repr([part.native for part in c.stream("hello")])


def test_a_webhook_says_how_long_a_comment_is_and_not_what_it_says() -> None:
    data = {"score": 0.0, "label": "bad", "by": "ann", "comment": f"why does it know {ADA}?"}

    said = json.loads(body_of(Event(name="feedback", run="1", data=data)))

    assert said["data"] == {**data, "comment": {"length": 33}}


class Base(BaseModel):
    """What a field says it holds."""


class More(Base):
    """What it holds."""

    said: str


class Holder(BaseModel):
    """A message object whose dump is not all that it holds."""

    piece: Base
    quiet: str = Field(default="", exclude=True)


def test_message_objects_that_differ_only_beyond_their_dump_have_two_keys() -> None:
    assert canonical(Holder(piece=More(said="a"))) != canonical(Holder(piece=More(said="b")))
    assert canonical(Holder(piece=Base(), quiet="a")) != canonical(Holder(piece=Base(), quiet="b"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_waits_for_no_call_that_its_parent_makes() -> None:
    flights = Flights()
    flight, _ = flights.join(b"key", 0.0)
    child = os.fork()
    if child == 0:
        leads = flights.join(b"key", 0.0)[1]
        flights.land(b"key", flight, flight.landing)  # type: ignore[arg-type]  # the parent's, in vain
        os._exit(0 if leads and not flights.join(b"key", 0.0)[1] else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert not flights.join(b"key", 0.0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_posts_nothing_that_its_parent_posts() -> None:
    outbox = Outbox(10)
    outbox.put(Event(name="fallback"), Receiver("http://127.0.0.1:9/", None, 9, 1.0))
    child = os.fork()
    if child == 0:
        os._exit(outbox.waiting)
    left = os.waitpid(child, 0)[1]
    outbox.close()

    assert left == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_waits_for_no_thread_that_it_does_not_have() -> None:
    memory = Memory()
    memory.resize(10, 10_000)
    question = Question(b"key", "", 60.0, tool_calls=False)
    memory.lay(question, Kept("x", "", (), None, "stop", 0.0), 0.0)
    held = getattr(memory, "_lock")  # noqa: B009 - as a thread of the parent would hold it
    with held:
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            os._exit(0 if memory.glance(question, 1.0) is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert memory.glance(question, 1.0) is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_opens_a_shared_file_for_itself(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store.add("counts", "all", 1, now=0.0)
    held = getattr(store, "_lock")  # noqa: B009 - as a thread of the parent would hold it
    with held:
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            os._exit(0 if store.add("counts", "all", 1, now=0.0) == 2 else 1)
        ended = os.waitpid(child, 0)[1]

    assert ended == 0
    assert store.add("counts", "all", 1, now=0.0) == 3
    store.close()


def audited(path: Path, more: str = "") -> str:
    return f"{ONE}{{audit: {{path: '{path}'{more}}}}}"


def kinds(log: Path) -> list[str]:
    """Give what a log holds at this moment."""
    with closing(sqlite3.connect(log)) as opened:
        return [row[0] for row in opened.execute("select kind from audit_records")]


def streamed(*chunks: tuple[int, str]) -> Any:
    """Give an agent that streams such choices."""

    def agent(_: object) -> Any:
        for at, text in chunks:
            yield {"choices": [{"index": at, "delta": {"content": text}}]}

    return agent


@pytest.mark.parametrize("chunks", [((1, "one"), (0, "two"), (1, "three")), ((1, "one"),)])
def test_not_even_a_part_that_says_nothing_to_us_comes_before_its_record(
    tmp_path: Path, chunks: tuple[tuple[int, str], ...]
) -> None:
    log = tmp_path / "log.db"
    policy = audited(log, ", mode: before_answer")
    c = Conductor.from_text(policy, agents={"a": streamed(*chunks)})

    held = [(part.native, kinds(log)) for part in c.stream("hello")]
    c.close()

    assert len(held) == len(chunks)
    assert all({"begun", "decision"}.intersection(records) for _, records in held)


def test_a_log_behind_a_link_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "log.db")
    c = Conductor.from_text(audited(tmp_path / "link.db"), agents={"a": yes})
    c.call("hello")
    c.close()

    assert stat.S_IMODE((tmp_path / "log.db").stat().st_mode) == 0o600


def test_what_is_exported_is_its_owners_alone(tmp_path: Path) -> None:
    c = Conductor.from_text(audited(tmp_path / "log.db"), agents={"a": yes})
    c.call("hello")
    c.close()
    out = tmp_path / "records.jsonl"
    done = CliRunner().invoke(export, ["--path", str(tmp_path / "log.db"), "--out", str(out)])

    assert done.exit_code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_record_names_no_person_in_lists_and_keys_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_KEY", AUDIT_KEY)
    more = ", key: '${env:AUDIT_KEY}', subject: metadata.user, metadata: [user, all, by]"
    c = Conductor.from_text(audited(tmp_path / "log.db", more), agents={"a": yes})
    metadata = {
        "user": "anneliese",
        "all": ["bob", "anneliese"],
        "by": {"anneliese": [["anneliese"]]},
    }
    c.call("hello", metadata=metadata)
    c.close()

    held = b"".join(one.read_bytes() for one in tmp_path.glob("log.db*"))

    assert b"bob" in held
    assert b"anneliese" not in held


ORGANISATION = """
signals:
  tenant: {from: metadata.tenant, type: string}
  private: {expr: "size(input.pii) > 0"}
agents: [{id: a, simulated: x, cache: off}, {id: b, simulated: y, labels: [approved]}]
routing: {default: b}
guarantees: [{never: {when: private, agents_without: approved}}]
plugins: {cache: {ttl: 1m}}
"""


def laid(folder: Path, over: str, base: str = ORGANISATION) -> Conductor:
    (folder / "organisation.yaml").write_text(base)
    (folder / "team.yaml").write_text(f"include: organisation.yaml\n{over}")
    return Conductor(folder / "team.yaml")


@pytest.mark.parametrize(
    "options",
    ["{pii: false}", "{pii: [card]}", "{patterns: {t: {match: '[^ ]{1,99}', kind: secrets}}}"],
)
def test_no_file_above_blinds_the_guarantees_of_the_file_below(
    tmp_path: Path, options: str
) -> None:
    over = f"plugins: {{guard: {options}}}\nrouting: {{default: a}}\n"
    with pytest.raises(PolicyError, match=r"'input\.pii' tells less"):
        laid(tmp_path, over)


def test_a_file_above_may_name_a_guard_that_finds_no_less(tmp_path: Path) -> None:
    c = laid(tmp_path, "plugins: {guard: {redact: true, secrets: false}}\n")

    assert [use.name for use in c.policy.layers] == ["guard", "cache"]


def test_a_file_that_names_the_guard_itself_may_choose_what_it_finds(tmp_path: Path) -> None:
    base = ORGANISATION.replace("plugins: {", "plugins: {guard: {pii: [card]}, ")

    assert [use.name for use in laid(tmp_path, "", base).policy.layers] == ["guard", "cache"]


@pytest.mark.parametrize("base", [ORGANISATION, ORGANISATION.split("plugins:", 1)[0]])
def test_no_rule_of_a_file_above_keeps_answers_that_the_file_below_does_not(
    tmp_path: Path, base: str
) -> None:
    rule = "{id: mine, condition: 'true', target: a, cache: {ttl: 30d}}"
    added = "" if base is ORGANISATION else "plugins: {cache: {}}\n"
    with pytest.raises(PolicyError, match="'cache' belongs to the file below"):
        laid(tmp_path, f"{added}routing: {{rules: [{rule}]}}\n", base)


def test_a_rule_of_a_file_above_may_turn_the_cache_off(tmp_path: Path) -> None:
    rule = "{id: mine, condition: 'true', target: b, cache: off}"

    assert laid(tmp_path, f"routing: {{rules: [{rule}]}}\n").policy.rules[0].id == "mine"


UNSEEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"refusal": f"not for {ADA}"}, {}),
    ({"reasoning_content": f"who is {ADA}?"}, {}),
    ({"name": ADA}, {}),
    ({}, {"prediction": {"type": "content", "content": f"Dear {ADA}"}}),
]


@pytest.mark.parametrize(("fields", "parameters"), UNSEEN)
@pytest.mark.parametrize("way", WAYS)
def test_no_field_beside_the_text_hides_personal_data_from_a_guarantee(
    way: Way, fields: dict[str, Any], parameters: dict[str, Any]
) -> None:
    never = "guarantees: [{never: {when: 'size(input.pii) > 0', agents: [a]}}]\n"
    c = Conductor.from_text(never + ONE + "{guard: {}}", agents={"a": yes})
    messages = [{"role": "assistant", **fields}, {"role": "user", "content": "y"}]

    with pytest.raises(Failure, match="never"):
        ask(c, messages, way=way, **parameters)


@pytest.mark.parametrize(("fields", "parameters"), [UNSEEN[0], UNSEEN[1], UNSEEN[3]])
def test_no_field_beside_the_text_is_sent_unredacted(
    fields: dict[str, Any], parameters: dict[str, Any]
) -> None:
    seen: list[str] = []

    def agent(request: Request) -> str:
        seen.append(repr(request.native))
        return "yes"

    c = Conductor.from_text(ONE + "{guard: {redact: [email]}}", agents={"a": agent})
    c.call(
        [{"role": "assistant", "content": "x", **fields}, {"role": "user", "content": "y"}],
        **parameters,
    )

    assert "<EMAIL_1>" in seen[0]
    assert ADA not in seen[0]


@pytest.mark.parametrize(
    ("table", "problem"),
    [("audit_policies", "the policy that it archived"), ("audit_keys", "the key of what was said")],
)
def test_what_is_deleted_beside_the_records_is_found_at_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, problem: str
) -> None:
    monkeypatch.setenv("AUDIT_KEY", AUDIT_KEY)
    log = tmp_path / "log.db"
    more = ", key: '${env:AUDIT_KEY}', subject: metadata.user, content: encrypted"
    c = Conductor.from_text(audited(log, more), agents={"a": yes})
    for user in ("ann", "bob"):
        c.call("hello", metadata={"user": user})
    c.close()
    runner, path = CliRunner(), str(log)
    assert runner.invoke(verify, ["--path", path]).exit_code == 0
    assert runner.invoke(forget, ["--path", path, "ann"]).exit_code == 0
    assert runner.invoke(verify, ["--path", path]).exit_code == 0

    with closing(sqlite3.connect(log)) as opened, opened:
        opened.execute(f"delete from {table}")  # noqa: S608 - one of the two names above
    done = runner.invoke(verify, ["--path", path])

    assert done.exit_code == 2
    assert f"{problem}" in done.output
    assert done.output.count("missing") == 1


UNREADABLE: list[Any] = [{"role": "user", "content": {"no": "text"}}, {"content": "x"}, 7]


@pytest.mark.parametrize("mode", ["behind", "before_answer"])
@pytest.mark.parametrize("message", UNREADABLE)
def test_a_request_that_nobody_can_read_holds_up_no_other_record(
    tmp_path: Path, mode: str, message: Any
) -> None:
    log = tmp_path / "log.db"
    c = Conductor.from_text(audited(log, f", mode: {mode}"), agents={"a": yes})
    with suppress(ConductorError):
        c.call([message], deadline=2.0)

    assert c.call("hello", deadline=5.0).text == "yes"
    c.close()
    assert kinds(log).count("decision") >= 1


@pytest.mark.parametrize("hidden", [{"temperature": 1.5}, {"n": 3}, {"logprobs": True}])
@pytest.mark.parametrize("way", WAYS)
def test_a_parameter_in_the_extra_body_is_a_parameter_to_the_cache(
    way: Way, hidden: dict[str, Any]
) -> None:
    said = iter("abcdef")

    def agent(_: object) -> str:
        return next(said)

    c = Conductor.from_text(ONE + "{cache: {scope: shared}}", agents={"a": agent})

    answers = [ask(c, "hello", way=way, extra_body=hidden).text for _ in range(2)]

    assert answers == ["a", "b"]
    assert {ask(c, "hello", way=way, extra_body={"x": 1}).text for _ in range(2)} == {"c"}
