"""The audit layer: one record for whatever happens, and what each of them says."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import conductor_mw_audit
import pytest
from opentelemetry.sdk.trace import TracerProvider

from conductor_mw import Conductor, Failure, Gate, Part, PolicyError, Request, Usage, Verdict
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from conductor_mw.testing.conformance import LayerConformance

from .audit_kit import (
    KEY,
    NOON,
    conductor,
    found,
    log_at,
    records_at,
    schema_in,
    ticking,
    writer_of,
)

TWO = """
signals:
  tenant: {from: metadata.tenant, type: string}
  user: {from: metadata.user, type: string}
agents:
  - {id: first, price: {input: 1, output: 2}}
  - {id: second, labels: [eu]}
routing:
  rules:
    - {id: large, condition: "input.tokens > 5000", target: second}
    - {id: usual, condition: "input.turns < 9", target: both}
  default: second
flows: {both: {fallback: [first, second], on: [connection]}}
"""
WHO = {"tenant": "acme", "user": "ann@example.com", "note": "private"}


@pytest.fixture(params=("behind", "before_answer"))
def mode(request: pytest.FixtureRequest) -> str:
    """Give each mode."""
    return str(request.param)


@pytest.fixture(params=("sqlite", "postgres"))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty log in each database."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'audit.db'}"
    return schema_in(request.getfixturevalue("postgres_address"))


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Give the address of an empty log in a file."""
    return f"sqlite:{tmp_path / 'audit.db'}"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", KEY)


class TestConformanceBehind(LayerConformance):
    """What every layer must hold, a little behind the answer."""

    plugin: ClassVar[object] = conductor_mw_audit
    layer: ClassVar[str] = "audit"
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        own = {**type(self).options, "path": str(tmp_path / "audit.db")}
        monkeypatch.setattr(type(self), "options", own)


class TestConformanceBeforeAnswer(TestConformanceBehind):
    """What every layer must hold, also where the answer waits for its record."""

    options: ClassVar[dict[str, Any]] = {"mode": "before_answer"}


@pytest.mark.parametrize("way", WAYS)
def test_a_request_leaves_one_decision_and_one_record_for_each_call(
    address: str, mode: str, way: Way
) -> None:
    agents = {"first": Scripted(ConnectionError("reset")), "second": Scripted("Good ", "day.")}
    c = conductor(address, TWO, f"mode: {mode}", agents=agents)

    answer = ask(c, "What is the weather?", way=way, metadata=WHO)
    c.close()

    records = records_at(address)
    kinds = [one["kind"] for one in records if one["kind"] != "begun"]
    assert kinds == ["policy", "call", "fallback", "call", "decision"]
    assert {one["run"] for one in records[1:]} == {answer.id}
    (decision,) = records_at(address, "decision")
    assert decision["rule"] == "usual"
    assert decision["agent"] == "second"
    assert decision["tenant"] == "acme"
    assert decision["policy"] == c.policy.fingerprint
    assert decision["passed_over"] == [["large", "input.tokens > 5000"]]
    assert decision["agents"] == {"first": "bound", "second": "bound"}
    assert decision["failures"] == [["both/fallback/0/first", "first", 1, "connection"]]
    assert decision["tokens"] == [10, 5, 0, 0]
    assert decision["finish"] == "stop"
    assert decision["prompt"] == {"length": 20}
    assert decision["answer"] == {"length": 9}
    assert "failed" not in decision
    assert found(address, key=None) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_call_says_whom_what_for_and_how_it_ended(file: str, way: Way) -> None:
    agents = {
        "first": Scripted("Good day.", usage=Usage(1000, 500)), "second": Scripted("Never"),
    }  # fmt: skip
    c = conductor(file, TWO, agents=agents)

    ask(c, "hello", way=way, metadata=WHO)
    c.close()

    (call,) = records_at(file, "call")
    assert call["agent"] == "first"
    assert call["path"] == "both/fallback/0/first"
    assert (call["number"], call["purpose"]) == (1, "answer")
    assert call["tokens"] == [1000, 500, 0, 0]
    assert call["cost_nano"] == 2_000_000
    assert call["finish"] == "stop"
    assert call["time"] == NOON
    assert call["rule"] == "usual"
    assert call["tenant"] == "acme"


def test_every_signal_without_content_is_kept_whether_or_not_a_rule_read_it(file: str) -> None:
    c = conductor(file, TWO, "metadata: [note]", agents={"first": Scripted("x"), "second": _x()})

    c.call("Write a poem about Rome, as JSON.", metadata=WHO)
    c.close()

    (decision,) = records_at(file, "decision")
    kept = set(decision["signals"])
    shown = {name for name, one in c.policy.signals.items() if not one.content and not one.live}
    # Signals without a value are left out: this request names no model.
    assert kept == shown - {"env"} | ({"env"} & kept)
    assert decision["signals"]["input.wants_json"] is True
    assert decision["signals"]["user"] == "ann@example.com"
    assert decision["signals"]["metadata"] == {"note": "private"}
    assert "input.text" not in kept
    assert "Rome" not in json.dumps(records_at(file))


def _x() -> Scripted:
    return Scripted("x")


def test_metadata_that_nobody_named_is_not_kept(file: str) -> None:
    c = conductor(file, TWO, agents={"first": _x(), "second": _x()})

    c.call("hello", metadata=WHO)
    c.close()

    assert "private" not in json.dumps(records_at(file))


def test_live_signals_that_nobody_read_are_marked_as_read_later(file: str) -> None:
    text = "agents: [{id: a}]\nrouting: {default: a}\n"
    c = conductor(file, text, agents={"a": Scripted(ConnectionError("x"), takes=[["fine"]])})

    with pytest.raises(ConnectionError):
        c.call("hello")
    c.call("hello")
    writer_of(c).flush()
    c.close()

    later = records_at(file, "decision")[-1]["later"]
    assert later["agents.a.error_rate"] > 0


def test_the_apps_own_list_may_change_right_after_the_answer(file: str) -> None:
    c = conductor(file, TWO, "key: '${env:AUDIT_KEY}'", agents={"first": _x(), "second": _x()})
    messages = [{"role": "user", "content": "hello"}]

    c.call(messages, metadata=WHO)
    messages += [{"role": "assistant", "content": "x"}, {"role": "user", "content": "and now?"}]
    c.close()

    (decision,) = records_at(file, "decision")
    assert decision["signals"]["input.turns"] == 1
    assert decision["prompt"]["length"] == len("hello")


def test_texts_are_committed_to_with_the_key_and_never_kept(file: str) -> None:
    c = conductor(file, TWO, "key: '${env:AUDIT_KEY}'", agents={"first": _x(), "second": _x()})

    for text in ("a hidden question", "a hidden question", "another question"):
        c.call(text, metadata=WHO)
    c.close()

    first, second, third = (one["prompt"]["commitment"] for one in records_at(file, "decision"))
    assert first == second != third
    sent = [one["prompt"] for one in records_at(file, "call")]
    assert [one["length"] for one in sent] == [17, 17, 16]
    assert "hidden" not in json.dumps(records_at(file))


@pytest.mark.parametrize("way", WAYS)
def test_an_error_is_recorded_with_its_kind_and_without_its_text(
    file: str, mode: str, way: Way
) -> None:
    agents = {"first": Scripted(LookupError("of user ann")), "second": _x()}
    c = conductor(file, TWO, f"mode: {mode}", agents=agents)

    with pytest.raises(LookupError):
        ask(c, "hello", way=way, metadata=WHO)
    c.close()

    (decision,) = records_at(file, "decision")
    assert decision["finish"] == "error"
    assert decision["failed"] == [None, "LookupError"]
    assert "of user ann" not in json.dumps(records_at(file))


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_the_caller_cuts_is_recorded_as_cut(file: str, mode: str, way: Way) -> None:
    c = conductor(
        file, TWO, f"mode: {mode}", agents={"first": Scripted("one ", "two"), "second": _x()}
    )

    part = read_one(c, "hello", way=way, metadata=WHO)
    c.close()

    assert part.text == "one "
    (decision,) = records_at(file, "decision")
    assert (decision["finish"], decision["answer"]) == ("cut", {"length": 4})
    (call,) = records_at(file, "call")
    assert call["finish"] == "cut"


@pytest.mark.parametrize("way", WAYS)
def test_a_guarantee_that_refuses_is_recorded_as_a_refusal(file: str, mode: str, way: Way) -> None:
    text = TWO + "guarantees: [{never: {when: \"tenant == 'acme'\", agents_without: eu}}]\n"
    c = conductor(file, text, f"mode: {mode}", agents={"first": _x(), "second": _x()})

    with pytest.raises(Failure):
        ask(c, "hello", way=way, metadata=WHO)
    c.close()

    (refusal,) = records_at(file, "refusal")
    assert refusal["agent"] == "first"
    assert refusal["failed"] == ["policy_violation", "Failure"]
    assert "tenant == 'acme'" in refusal["because"]
    assert records_at(file, "call") == []
    (decision,) = records_at(file, "decision")
    assert decision["failed"] == ["policy_violation", "Failure"]
    assert decision["agents"] == {}


def test_a_call_says_which_guarantees_let_it_be_made(file: str) -> None:
    text = TWO + "guarantees: [{never: {when: \"tenant == 'evil'\", agents_without: eu}}]\n"
    c = conductor(file, text, agents={"first": _x(), "second": _x()})

    c.call("hello", metadata=WHO)
    c.close()

    (call,) = records_at(file, "call")
    assert call["guarantees"] == [["#0", True]]


def test_a_request_that_cannot_be_decided_is_recorded(file: str) -> None:
    text = TWO.replace("input.turns < 9", "user == 'x'")
    c = conductor(file, text, agents={"first": _x(), "second": _x()})

    with pytest.raises(Exception, match="user"):
        c.call("hello")
    c.close()

    (decision,) = records_at(file, "decision")
    assert decision["finish"] == "error"
    assert "target" not in decision


def test_retries_losers_judges_and_shadows_all_leave_records(file: str) -> None:
    text = """
agents: [{id: a, retry: {times: 1, wait: 0s}}, {id: b}, {id: judge}, {id: silent}]
routing:
  default:
    use: {parallel: [a, b], take: best, score: {judge: judge, rubric: Is it good?}}
    shadow: silent
"""
    agents = {
        "a": Scripted(ConnectionError("x"), takes=[["one"]]),
        "b": Scripted("two"),
        "judge": Scripted('{"score": 0.5}'),
        "silent": Scripted("three"),
    }
    c = conductor(file, text, agents=agents)

    c.call("hello")
    assert c.drain(5)
    c.close()

    calls = [(one["agent"], one["purpose"], one["finish"]) for one in records_at(file, "call")]
    assert sorted(calls) == [
        ("a", "candidate", "error"),
        ("a", "candidate", "stop"),
        ("b", "candidate", "stop"),
        ("judge", "judge", "stop"),
        ("judge", "judge", "stop"),
        ("silent", "shadow", "stop"),
    ]
    kinds = {one["kind"] for one in records_at(file)}
    assert {"retry", "won", "shadow_compared"} <= kinds
    assert "two" not in json.dumps(records_at(file))


def test_a_loser_that_ends_after_the_run_is_recorded_when_it_ends(file: str) -> None:
    go_on = Event()

    def slow(_: Request) -> Part:
        assert go_on.wait(10)
        return Part("late", finish="stop")

    text = "agents: [{id: fast}, {id: slow}]\nrouting: {default: {parallel: [fast, slow]}}\n"
    c = conductor(file, text, agents={"fast": Scripted("quick"), "slow": slow}, clock=None)

    assert c.call("hello").text == "quick"
    assert writer_of(c).flush()
    early = [one["agent"] for one in records_at(file, "call")]
    go_on.set()
    late: list[str] = []
    for _ in range(200):
        writer_of(c).flush()
        late = [one["agent"] for one in records_at(file, "call")]
        if "slow" in late:
            break
    c.close()

    assert early == ["fast"]
    assert sorted(late) == ["fast", "slow"]


CACHED = """
agents: [{id: a, price: {input: 1, output: 2}}]
routing: {default: a}
plugins:
  cache: {ttl: 1h, scope: shared}
  audit: {path: PATH}
"""


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_from_the_cache_is_a_record_and_nobody_saw_the_request(
    file: str, way: Way
) -> None:
    text = CACHED.replace("PATH", file[7:])
    c = Conductor.from_text(text, agents={"a": Scripted("An answer.")}, clock=ticking())

    for _ in range(2):
        ask(c, "hello", way=way, temperature=0)
    c.close()

    (hit,) = records_at(file, "cache_hit")
    assert (hit["by"], hit["cost_nano"]) == ("cache", 0)
    assert len(records_at(file, "call")) == 1
    first, second = records_at(file, "decision")
    assert (first["agents"], second["agents"]) == ({"a": "bound"}, {})
    assert second["answer"] == {"length": 10}


def test_feedback_is_a_record_of_the_answers_run(file: str) -> None:
    c = conductor(file, TWO, agents={"first": _x(), "second": _x()})
    answer = c.call("hello", metadata=WHO)

    c.feedback(answer.id, score=0.5, label="resolved", by="ana", comment="he wrote X")
    c.close()

    (record,) = records_at(file, "feedback")
    assert record["run"] == answer.id
    assert record["data"] == {
        "score": 0.5, "label": "resolved", "by": "ana", "comment": {"length": 10},
    }  # fmt: skip


def test_a_gate_is_recorded_with_who_decided_it_and_when(file: str, tmp_path: Path) -> None:
    def approve(_: Gate) -> Verdict:
        return Verdict(choice="approve", by="ana", comment="fine")

    text = f"store: 'sqlite:{tmp_path / 'state.db'}'\nagents: [{{id: leads, human: leads}}]\n"
    c = conductor(file, text + "routing: {default: leads}\n", approvals=approve)

    answer = c.call("May we?")
    c.close()

    (gate,) = records_at(file, "gate")
    assert gate["run"] == answer.id
    assert (gate["agent"], gate["queue"]) == ("leads", "leads")
    assert (gate["verdict"], gate["by"], gate["state"]) == ("approve", "ana", "approved")
    assert gate["votes"] == [
        {"by": "ana", "choice": "approve", "time": NOON, "comment": {"length": 4}}
    ]
    assert gate["shown"] == {"length": 7}


def test_what_a_policy_that_only_observes_would_have_done_is_recorded(file: str) -> None:
    c = conductor(file, "mode: observe\n" + TWO, app=Scripted("The app's own."))

    answer = c.call("hello", metadata=WHO)
    c.close()

    assert answer.text == "The app's own."
    (decision,) = records_at(file, "decision")
    assert decision["rule"] == "usual"
    assert decision["agents"] == {"(app)": "bound"}
    assert [one["agent"] for one in records_at(file, "call")] == ["(app)"]


def test_the_policy_is_archived_by_its_fingerprint_once(file: str) -> None:
    for _ in range(2):
        c = conductor(file, TWO, agents={"first": _x(), "second": _x()})
        c.call("hello", metadata=WHO)
        c.close()

    log = log_at(file)
    ((fingerprint, documents, _, _),) = log.tables.policies()
    log.tables.close()
    assert TWO in json.loads(documents)["<policy>"]
    assert [one["policy"] for one in records_at(file, "policy")] == [fingerprint] * 2


def test_a_reload_keeps_the_writer_and_records_the_new_policy(tmp_path: Path) -> None:
    path = tmp_path / "conductor.yaml"
    log = f"sqlite:{tmp_path / 'audit.db'}"
    text = f"plugins: {{audit: {{path: {tmp_path / 'audit.db'}}}}}\n" + TWO
    path.write_text(text)
    c = Conductor(path, agents={"first": _x(), "second": _x()}, clock=VirtualClock())
    c.call("hello", metadata=WHO)
    writer = writer_of(c)

    path.write_text(text.replace("5000", "6000"))
    assert c.reload()
    c.call("hello", metadata=WHO)

    assert writer_of(c) is writer
    c.close()
    assert len({one["policy"] for one in records_at(log, "policy")}) == 2
    assert len(records_at(log, "policy_loaded")) == 1


def test_a_traceparent_is_kept(file: str) -> None:
    c = conductor(file, TWO, agents={"first": _x(), "second": _x()})
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    c.call("hello", metadata={**WHO, "traceparent": trace})
    c.close()

    assert records_at(file, "decision")[0]["trace"] == trace


def test_the_apps_own_span_is_kept_where_it_traces(file: str) -> None:
    tracer = TracerProvider().get_tracer("test")
    c = conductor(file, TWO, agents={"first": _x(), "second": _x()})

    with tracer.start_as_current_span("handler") as span:
        c.call("hello", metadata=WHO)
    c.close()

    assert f"{span.get_span_context().trace_id:032x}" in records_at(file, "decision")[0]["trace"]


def test_a_policy_of_thousands_of_rules_says_how_many_were_passed_over(file: str) -> None:
    rules = "".join(
        f"    - {{condition: \"tenant == 't{one}'\", target: second}}\n" for one in range(300)
    )
    text = TWO.replace("  rules:\n", "  rules:\n" + rules)
    c = conductor(file, text, agents={"first": _x(), "second": _x()})

    c.call("hello", metadata=WHO)
    c.close()

    (decision,) = records_at(file, "decision")
    assert decision["passed_over"] == 301


# Options.


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("content: encrypted", "need `key"),
        ("subject: user", "need `key"),
        ("content: encrypted, key: '${env:AUDIT_KEY}'", "needs `subject`"),
        ("sign: hmac", "a signature needs `key"),
        ("mode: before_answer, when_full: drop", "contradict each other"),
        ("key: not-from-the-environment", "key"),
        ("to: 'postgresql://127.0.0.1/x'", "not both"),
        ("tenant: nothing.there", "nothing"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(file: str, options: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        conductor(file, TWO, options)


def test_a_key_that_is_not_in_the_environment_is_told(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDIT_KEY")

    with pytest.raises(Exception, match="AUDIT_KEY is not set"):
        conductor(file, TWO, "key: '${env:AUDIT_KEY}'")


def test_a_folder_that_is_not_there_is_told_when_the_policy_loads(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot be used"):
        conductor(f"sqlite:{tmp_path / 'none' / 'audit.db'}", TWO)


def test_the_sketch_of_the_docs_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "agents: [{id: a}]\nrouting: {default: a}\n"
    text += "plugins: {audit: {path: conductor.db, content: none}}"

    c = Conductor.from_text(text, agents={"a": Scripted("Fine.")})

    assert c.call("hello").text == "Fine."
    c.close()
    assert (tmp_path / "conductor.db").exists()
