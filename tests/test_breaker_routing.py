"""Conditions and flows see how an agent is doing, so that a request goes elsewhere in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_mw import Conductor, Failure, PolicyError
from conductor_mw.testing import COLOURS, STREAMS, WAYS, Scripted, VirtualClock, Way, ask

from .breaker_kit import ALONE, PAIR, Takes, Told, breaker_of, conductor, with_breaker

RULE = """
agents: [{id: big}, {id: small}]
routing:
  rules: [{id: rested, condition: agents.big.open, target: small}]
  default: big
"""
BALANCE = "agents: [{id: big}, {id: small}]\nrouting: {default: {balance: {big: 90, small: 10}}}\n"
PICK = """
agents: [{id: big, price: {input: 1, output: 1}}, {id: small, price: {input: 2, output: 2}}]
routing: {default: {pick: [big, small], minimise: cost}}
"""


def errors_of(c: Conductor, times: int, way: Way = "call") -> int:
    """Ask that often; gives how many callers noticed something."""
    noticed = 0
    for _ in range(times):
        try:
            ask(c, "hello", way=way)
        except (Failure, ConnectionError, TimeoutError):
            noticed += 1
    return noticed


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [RULE, BALANCE], ids=["rule", "balance"])
def test_once_the_circuit_is_open_no_caller_notices_it(text: str, way: Way) -> None:
    clock, big, small = VirtualClock(), Scripted(ConnectionError("reset")), Scripted("small")
    c = conductor(text, clock=clock, big=big, small=small)

    noticed = errors_of(c, 60, way)

    assert noticed == len(big.asked) == 10
    assert len(small.asked) == 50


def test_a_pick_passes_an_open_agent_over() -> None:
    big, small = Scripted(ConnectionError("reset")), Scripted("small")
    c = conductor(PICK, clock=VirtualClock(), big=big, small=small)

    assert errors_of(c, 30) == 0
    assert (len(big.asked), len(small.asked)) == (10, 30)


@pytest.mark.parametrize("text", [RULE, BALANCE, PICK], ids=["rule", "balance", "pick"])
def test_when_probes_may_begin_somebody_is_sent_there(text: str) -> None:
    clock = VirtualClock()
    takes: Takes = [[ConnectionError("reset")]] * 9
    big = Scripted(ConnectionError("reset"), takes=[*takes, ["big"]])
    c = conductor(text, clock=clock, big=big, small=Scripted("small"))
    errors_of(c, 30)

    clock.advance(30)

    assert errors_of(c, 60) == 0
    assert len(big.asked) > 40


def test_a_decision_records_that_the_circuit_was_open() -> None:
    c = conductor(RULE, clock=VirtualClock(), big=Scripted(ConnectionError("x")), small=Scripted())
    errors_of(c, 10)

    decision = c.decide("hello")

    assert (decision.rule, decision.target) == ("rested", "small")
    assert decision.signals["agents.big.open"] is True


def test_the_error_rate_is_that_of_the_window_and_stays_while_the_circuit_is_open() -> None:
    clock = VirtualClock()
    takes: Takes = [["ok"], ["ok"], ["ok"], [TimeoutError()]]
    c = conductor(clock=clock, big=Scripted(TimeoutError(), takes=takes))
    layer = breaker_of(c)

    errors_of(c, 4)
    assert layer.state("big").error_rate == 0.25
    clock.advance(61)
    assert layer.state("big").error_rate == 0.0
    errors_of(c, 10)
    clock.advance(20)
    assert (layer.state("big").open, layer.state("big").error_rate) == (True, 1.0)


def test_what_the_core_knows_of_an_agent_stays_known() -> None:
    big = Scripted(0.2, "ok")
    c = conductor(
        "agents: [{id: big}]\nrouting: {rules: [{id: slow, condition: agents.big.p95_ms > 150.0, "
        "target: big}], default: big}\n",
        clock=VirtualClock(),
        big=big,
    )

    c.call("hello")

    assert breaker_of(c).state("big").p95_ms == pytest.approx(200)
    assert c.decide("hello").rule == "slow"


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_that_answers_slowly_rests_where_the_policy_says_what_slow_is(way: Way) -> None:
    told = Told()
    big = Scripted(6.0, "at last")
    c = conductor(
        PAIR,
        "{slow_after: 5s, slow_rate: 0.8}",
        clock=VirtualClock(),
        told=told,
        big=big,
        small=Scripted("small"),
    )

    texts = [ask(c, "hello", way=way).text for _ in range(15)]

    assert texts == ["at last"] * 10 + ["small"] * 5
    assert told.last["because"] == "slow"
    assert (told.last["slow_rate"], told.last["error_rate"]) == (1.0, 0.0)


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_is_slow_by_its_first_part_and_not_by_its_length(way: Way) -> None:
    soon, late = Scripted("one ", 60.0, "two"), Scripted(6.0, "one ", "two")
    for agent, asked in ((soon, 30), (late, 10)):
        c = conductor(ALONE, "{slow_after: 5s, window: 1h}", clock=VirtualClock(), big=agent)
        errors_of(c, 30, way)
        assert len(agent.asked) == asked


def test_a_slow_probe_is_no_good_probe() -> None:
    clock, told = VirtualClock(), Told()
    big = Scripted(6.0, "at last")
    c = conductor(
        ALONE, "{slow_after: 5s, window: 10m, longest: 1h}", clock=clock, told=told, big=big
    )
    errors_of(c, 10)

    clock.advance(30)
    errors_of(c, 5)

    assert told.names == ["opened", "half_open", "opened"]
    assert len(big.asked) == 11


def test_where_nothing_is_said_of_slow_calls_none_is_slow() -> None:
    big = Scripted(3600.0, "a long thought")
    c = conductor(clock=VirtualClock(), big=big)

    assert errors_of(c, 30) == 0


def test_events_carry_the_figures() -> None:
    clock, told = VirtualClock(), Told()
    takes: Takes = [["ok"], ["ok"]]
    errors: Takes = [[TimeoutError()]] * 7
    big = Scripted(TimeoutError(), takes=[*takes, *errors, ["ok"]])
    c = conductor(clock=clock, told=told, big=big)

    errors_of(c, 15)
    clock.advance(30)
    errors_of(c, 3)

    opened, half_open, closed = told.events
    assert [opened.name, half_open.name, closed.name] == [
        "breaker.opened", "breaker.half_open", "breaker.closed",
    ]  # fmt: skip
    assert opened.run
    assert opened.data == {
        "agent": "big", "because": "errors", "kind": "timeout", "calls": 10, "error_rate": 0.8,
        "slow_rate": 0.0, "open_for": 30.0, "times": 1,
    }  # fmt: skip
    assert half_open.data == {"agent": "big", "probes": 3}
    assert closed.data == {"agent": "big", "probes": 3, "times": 1, "seconds": 30.0}


def test_an_agent_may_say_otherwise_for_itself() -> None:
    text = """
agents: [{id: big, breaker: {min_calls: 2}}, {id: small}, {id: other}]
routing: {default: {fallback: [big, small, other]}}
"""
    big, small, other = (Scripted(ConnectionError("reset")) for _ in range(3))
    breaker = "{min_calls: 5, agents: {small: {min_calls: 3}}}"
    c = conductor(text, breaker, clock=VirtualClock(), big=big, small=small, other=other)

    errors_of(c, 20)

    assert [len(one.asked) for one in (big, small, other)] == [2, 3, 5]


def test_one_agents_circuit_says_nothing_of_another() -> None:
    big, small = Scripted(ConnectionError("reset")), Scripted("small")
    c = conductor(PAIR, clock=VirtualClock(), big=big, small=small)

    errors_of(c, 20)

    assert breaker_of(c).state("big").open is True
    assert breaker_of(c).state("small").open is False


def test_a_person_who_takes_long_is_not_broken() -> None:
    text = """
agents: [{id: big, human: {queue: leads}, timeout: 1s}]
routing: {default: big}
"""
    c = conductor(text, "{min_calls: 1}", clock=VirtualClock())
    with pytest.raises(Exception):  # noqa: B017, PT011 - how a person is missed is another test's
        c.call("hello")

    assert breaker_of(c).state("big").open is False


@pytest.mark.parametrize(
    ("breaker", "problem"),
    [
        ("{error_rate: 0}", "error_rate"),
        ("{error_rate: 1.1}", "error_rate"),
        ("{min_calls: 0}", "min_calls"),
        ("{open_for: 30}", "no unit"),
        ("{open_for: 0s}", "open_for"),
        ("{window: 0s}", "window"),
        ("{open_for: 20m}", "`longest` is shorter than `open_for`"),
        ("{agents: {bgi: {min_calls: 3}}}", "no agent 'bgi'"),
        ("{store_down: panic}", "store_down"),
        ("{eror_rate: 0.5}", "eror_rate"),
    ],
)
def test_a_mistake_in_the_options_is_found_when_the_policy_loads(
    breaker: str, problem: str
) -> None:
    with pytest.raises(PolicyError, match=problem):
        conductor(breaker=breaker, clock=VirtualClock(), big=Scripted("ok"))


def test_an_agent_has_one_breaker_and_a_rule_has_none() -> None:
    twice = "agents: [{id: big, breaker: {min_calls: 2}}]\nrouting: {default: big}\n"
    with pytest.raises(PolicyError, match="of its own"):
        conductor(twice, "{agents: {big: {min_calls: 3}}}", clock=VirtualClock(), big=Scripted())
    rule = (
        "agents: [{id: big}]\nrouting: {rules: [{id: one, condition: 'true', target: big, "
        "breaker: {min_calls: 2}}], default: big}\n"
    )
    with pytest.raises(PolicyError, match="a circuit is an agent's"):
        conductor(rule, clock=VirtualClock(), big=Scripted())


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reload_keeps_what_is_known(tmp_path: Path, colour: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f"{PAIR}plugins: {{breaker: {{min_calls: 10}}}}\n")
    clock, big = VirtualClock(), Scripted(ConnectionError("reset"))
    way: Way = "call" if colour == "sync" else "acall"
    c = Conductor(
        file,
        agents={"big": big, "small": Scripted("small")},
        plugins=with_breaker(),
        clock=clock,
        seed=1,
    )
    errors_of(c, 9, way)

    file.write_text(f"{PAIR}plugins: {{breaker: {{min_calls: 10, open_for: 5s}}}}\n")
    assert c.reload() is True
    errors_of(c, 9, way)

    assert len(big.asked) == 10  # the nine calls before the reload count
    clock.advance(5)
    assert breaker_of(c).state("big").open is False  # the new length holds
    file.write_text(f"{PAIR}plugins: {{breaker: {{min_calls: 10, window: 5m}}}}\n")
    assert c.reload() is True
    errors_of(c, 1, way)
    assert breaker_of(c).state("big").open is True
