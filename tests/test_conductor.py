"""The object an app holds: decide, call, stream, name an agent, and take a new policy."""

from __future__ import annotations

import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conductor_mw import (
    Conductor,
    ConductorError,
    Event,
    Money,
    Part,
    Plugins,
    PolicyError,
    Request,
    RequestError,
    Usage,
    hookimpl,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask
from tests.kit import conductor

POLICY = """
workflow: {name: shop}
signals:
  tier: {from: metadata.tier, type: string, one_of: [free, pro], default: free}
agents:
  - {id: small, price: {input: 1, output: 2}, simulated: {answer: small}}
  - {id: large, price: {input: 10, output: 20}, simulated: {answer: large}}
routing:
  rules:
    - {id: vip, condition: "tier == 'pro'", target: large}
    - {id: short, condition: "input.text.contains('?')", target: small}
  default: large
"""


@pytest.fixture
def shop() -> Conductor:
    return Conductor.from_text(POLICY, clock=VirtualClock(), seed=1)


def test_a_decision_says_why(shop: Conductor) -> None:
    decision = shop.decide("Open today?", metadata={"tier": "free"})

    assert (decision.rule, decision.target) == ("short", "small")
    assert [(one.rule, one.because) for one in decision.passed_over] == [("vip", "tier == 'pro'")]
    assert decision.signals == {"input.text": {"length": 11}, "tier": "free"}
    assert decision.fingerprint == shop.policy.fingerprint


def test_a_decision_is_plain_json_without_the_users_text(shop: Conductor) -> None:
    record = shop.decide("secret?").to_dict()

    assert json.loads(json.dumps(record)) == record
    assert "secret" not in json.dumps(record)
    assert sorted(record) == ["fingerprint", "passed_over", "rule", "signals", "target"]


def test_with_a_key_a_decision_and_events_commit_to_the_text() -> None:
    events: list[Event] = []

    class Observer:
        @hookimpl
        def conductor_event(self, event: Event) -> None:
            events.append(event)

    plugins = Plugins.core()
    plugins.add(Observer(), "observer")
    one, same, other = (
        Conductor.from_text(POLICY, commitment_key=key, plugins=plugins)
        for key in (b"a key", b"a key", b"another")
    )

    records = [c.decide("secret?").signals["input.text"] for c in (one, same, other)]
    one.call("secret?")

    expected = hmac.new(b"a key", b"secret?", "sha256").hexdigest()
    assert records[0] == records[1] == {"length": 7, "commitment": expected}
    assert records[2] != records[0]
    assert events[0].data["text"] == records[0]
    assert "secret" not in repr(events)


def test_a_decision_holds_only_the_metadata_that_conditions_name() -> None:
    text = """
agents: [{id: a}]
routing: {rules: [{condition: "has(metadata.region) && metadata.region == 'eu'", target: a}]}
"""
    metadata = {"region": "us", "email": "ann@example.org"}

    decision = conductor(text, a=Scripted("x")).decide("hello", metadata=metadata)

    assert decision.signals == {"metadata": {"region": "us"}}


def test_the_default_has_no_rule(shop: Conductor) -> None:
    decision = shop.decide("Hello.")

    assert (decision.rule, decision.target) == (None, "large")
    assert len(decision.passed_over) == 2


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_tells_who_what_and_how_much(shop: Conductor, way: Way) -> None:
    answer = ask(shop, "Open today?", way=way, metadata={"tier": "free"})

    assert (answer.text, answer.agent) == ("small", "small")
    assert answer.usage.output_tokens == 2
    assert answer.cost == Money(answer.usage.input_tokens * 1000 + 2 * 2000)
    assert [one.agent for one in answer.attempts] == ["small"]
    assert answer.decision.rule == "short"


@pytest.mark.parametrize("way", WAYS)
def test_the_cost_of_failed_attempts_counts(way: Way) -> None:
    text = """
agents:
  - {id: a, price: {input: 1, output: 1}}
  - {id: b, price: {input: 1, output: 1}}
routing: {default: {fallback: [a, b]}}
"""
    a = Scripted(Part(usage=Usage(7, 0)), ConnectionError("reset"))
    c = conductor(text, a=a, b=Scripted("b"))

    answer = ask(c, "hello", way=way)

    assert answer.usage == Usage(17, 5)
    assert answer.cost == Money(22 * 1000)


def test_an_unknown_price_gives_no_cost() -> None:
    assert conductor(a=Scripted("x")).call("hello").cost is None


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_knows_its_decision_before_the_first_part(shop: Conductor, way: Way) -> None:
    stream = shop.stream("Open?") if way == "stream" else shop.astream("Open?")

    assert stream.decision.target == "small"


@pytest.mark.parametrize("way", WAYS)
def test_a_caller_may_name_the_agent(shop: Conductor, way: Way) -> None:
    answer = ask(shop, "Open today?", way=way, target="large")

    assert answer.text == "large"
    assert (answer.decision.target, answer.decision.rule) == ("large", None)
    assert answer.decision.forced


def test_an_unknown_agent_is_refused_with_the_nearest(shop: Conductor) -> None:
    with pytest.raises(RequestError) as caught:
        shop.call("hello", target="lagre")

    assert str(caught.value) == "no agent or flow 'lagre'\n  did you mean 'large'?"


@pytest.mark.parametrize("way", WAYS)
def test_where_no_rule_matches_and_there_is_no_default_the_caller_is_told(way: Way) -> None:
    text = "agents: [{id: a}]\nrouting: {rules: [{condition: 'input.chars > 999', target: a}]}\n"
    c = conductor(text, a=Scripted("x"))

    with pytest.raises(RequestError) as caught:
        ask(c, "hello", way=way)

    assert str(caught.value).endswith(
        "no rule matches this request and the policy has no default\n"
        "  Add `default:` below `routing:`."
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_that_only_observes_decides_and_answers_nothing(way: Way) -> None:
    c = conductor("mode: observe\nagents: [{id: a}]\nrouting: {default: a}\n", a=Scripted("x"))

    assert c.decide("hello").target == "a"
    with pytest.raises(ConductorError, match="this policy only observes"):
        ask(c, "hello", way=way)


@pytest.mark.parametrize("prompt", [None, 42, [{"role": "user"}, "x"], [{"content": "x"}]])
def test_a_prompt_that_is_none_is_refused(shop: Conductor, prompt: object) -> None:
    with pytest.raises(RequestError):
        shop.call(prompt)  # type: ignore[arg-type]  # the point of the test


def test_simulation_is_only_ever_explicit() -> None:
    text = "agents: [{id: a, model: openai/gpt-4o-mini}]\nrouting: {default: a}\n"

    answer = Conductor.from_text(text, simulate=True).call("hello")

    assert answer.text == "(simulated answer of a)"


def test_a_python_function_may_be_a_signal() -> None:
    text = """
signals: {mood: {function: mood, type: string}}
agents: [{id: a}, {id: b}]
routing: {rules: [{condition: "mood == 'cross'", target: b}], default: a}
"""

    def mood(request: Request) -> str:
        return "cross" if "!" in request.text else "calm"

    c = Conductor.from_text(text, signals={"mood": mood}, agents={"a": Scripted(), "b": Scripted()})

    assert [c.decide(prompt).target for prompt in ("Hello", "Hello!")] == ["a", "b"]


def test_a_new_version_is_taken_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "conductor.yaml"
    file.write_text(POLICY)
    c = Conductor(file)

    unchanged = c.reload()
    file.write_text(POLICY.replace("contains('?')", "contains('!')"))
    changed = c.reload()

    assert (unchanged, changed) == (False, True)
    assert c.decide("Open?").target == "large"


def test_a_broken_new_version_leaves_the_old_one_at_work(tmp_path: Path) -> None:
    file = tmp_path / "conductor.yaml"
    file.write_text(POLICY)
    c = Conductor(file)

    file.write_text(POLICY.replace("target: small", "target: smal"))
    with pytest.raises(PolicyError, match="smal"):
        c.reload()

    assert c.decide("Open?").target == "small"


def test_a_file_that_is_gone_leaves_the_old_version_at_work(tmp_path: Path) -> None:
    file = tmp_path / "conductor.yaml"
    file.write_text(POLICY)
    c = Conductor(file)

    file.unlink()
    with pytest.raises(ConductorError):
        c.reload()

    assert c.decide("Open?").target == "small"


def test_files_are_looked_at_now_and_then(tmp_path: Path) -> None:
    file, clock = tmp_path / "conductor.yaml", VirtualClock()
    file.write_text(POLICY)
    c = Conductor(file, reload_every=2.0, clock=clock)

    file.write_text(POLICY.replace("contains('?')", "contains('!!')"))
    at_once = c.decide("Open?").target
    clock.advance(2.0)
    later = c.decide("Open?").target
    file.write_text("agents: [")
    clock.advance(2.0)
    broken = c.decide("Open!!").target

    assert (at_once, later, broken) == ("small", "large", "small")
    assert c.reload_error is not None


def test_runs_in_many_threads_survive_reloads(tmp_path: Path) -> None:
    file = tmp_path / "conductor.yaml"
    file.write_text(POLICY)
    c = Conductor(file, reload_every=0.0)
    versions = [POLICY, POLICY.replace("small}", "larger}")]

    def work(number: int) -> str:
        if number % 25 == 0:
            file.write_text(versions[number // 25 % 2])
        return c.call("Open?").text

    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(work, range(200)))

    assert texts <= {"small", "larger"}
