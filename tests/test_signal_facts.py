"""Facts are computed when they are read, once, and fail as they failed the first time."""

from __future__ import annotations

import math

import pytest

from conductor_mw.effects import Instant
from conductor_mw.errors import EvaluationError
from conductor_mw.lenses import to_request
from conductor_mw.rules.types import BOOL, INT
from conductor_mw.signals import AgentState, Facts, Idle, Signal, policy_signals

NOON = Instant(0.0, 1_795_262_400.0)


class Busy:
    """A live state that differs at every look."""

    def __init__(self) -> None:
        self.looks = 0

    def agent(self, agent: str, /) -> AgentState:
        self.looks += 1
        return AgentState(open=agent == "big", error_rate=self.looks / 10, in_flight=self.looks)

    def budget_remaining(self, _facts: object, /) -> float:
        return 1.5


def facts_of(
    *signals: Signal, live: Busy | Idle | None = None, read_now: tuple[str, ...] = ()
) -> Facts:
    return Facts(
        to_request("Hello"),
        {signal.name: signal for signal in signals},
        NOON,
        live or Idle(),
        read_now,
    )


def test_a_signal_is_computed_once_and_only_when_it_is_read() -> None:
    computed: list[str] = []

    def read(_: Facts) -> int:
        computed.append("slow")
        return 7

    facts = facts_of(Signal("slow", INT, read), Signal("other", INT, read))

    assert computed == []
    assert (facts["slow"], facts["slow"]) == (7, 7)
    assert computed == ["slow"]


def test_a_signal_may_read_others() -> None:
    facts = facts_of(
        Signal("one", INT, lambda _: 1),
        Signal("two", INT, lambda facts: facts["one"]),
    )

    assert facts["two"] == 1
    assert dict(facts) == {"one": 1, "two": 1}


def test_a_signal_that_failed_fails_again_without_being_computed_again() -> None:
    tries: list[str] = []

    def read(_: Facts) -> int:
        tries.append("try")
        raise EvaluationError("no value")

    facts = facts_of(Signal("broken", INT, read))
    errors: list[EvaluationError] = []
    for _ in range(2):
        with pytest.raises(EvaluationError) as caught:
            facts["broken"]
        errors.append(caught.value)

    assert tries == ["try"]
    assert errors[0] is errors[1]


def test_an_error_that_is_raised_often_does_not_grow() -> None:
    def read(_: Facts) -> int:
        raise EvaluationError("no value")

    facts = facts_of(Signal("broken", INT, read))
    depths: list[int] = []
    for _ in range(5):
        with pytest.raises(EvaluationError) as caught:
            facts["broken"]
        depths.append(len(caught.traceback))

    assert depths[1:] == [depths[1]] * 4


def test_an_unknown_signal_is_told_with_the_nearest_name() -> None:
    facts = facts_of(Signal("input.tokens", INT, lambda _: 1))

    with pytest.raises(EvaluationError) as caught:
        facts["input.token"]

    assert str(caught.value) == "no signal 'input.token'\n  did you mean 'input.tokens'?"


def test_live_signals_that_the_policy_reads_are_read_when_the_facts_are_made() -> None:
    live = Busy()
    signals = policy_signals(agents=["big", "small"])

    facts = facts_of(*signals, live=live, read_now=("agents.big.in_flight",))

    assert live.looks == 1
    assert facts["agents.big.in_flight"] == 1


def test_an_agent_is_looked_at_once_for_all_its_signals() -> None:
    live = Busy()
    facts = facts_of(*policy_signals(agents=["big"]), live=live)

    seen = [facts[f"agents.big.{name}"] for name in ("open", "error_rate", "p95_ms", "in_flight")]

    assert seen == [True, 0.1, 0.0, 1]
    assert live.looks == 1


def test_without_live_state_nothing_is_open_and_nothing_limits_the_spending() -> None:
    idle = Idle()

    assert idle.agent("anyone") == AgentState(open=False, error_rate=0.0, p95_ms=0.0, in_flight=0)
    assert math.isinf(idle.budget_remaining(facts_of()))


def test_a_hundred_signals_that_are_not_read_cost_nothing() -> None:
    def fail(_: Facts) -> bool:
        pytest.fail("a signal nobody reads was computed")

    facts = facts_of(*(Signal(f"s{number}", BOOL, fail) for number in range(100)))

    assert dict(facts) == {}
