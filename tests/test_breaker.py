"""An agent that fails is left alone, and comes back after a few calls that went well."""

from __future__ import annotations

from typing import Any, ClassVar

import conductor_mw_breaker
import pytest

from conductor_mw import Conductor, Failure
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from conductor_mw.testing.conformance import LayerConformance

from .breaker_kit import (
    PAIR,
    Held,
    Takes,
    Talker,
    Told,
    begun,
    breaker_of,
    conductor,
    crowd_of_tasks,
    crowd_of_threads,
)

MIN_CALLS, PROBES, OPEN_FOR = 10, 3, 30.0


class Refused(Exception):
    """What an SDK raises for a request that no agent could answer."""

    status_code = 400


def fails(conductor: Conductor, times: int, way: Way = "call") -> list[str]:
    """Ask that often; gives how each call failed."""
    kinds: list[str] = []
    for _ in range(times):
        try:
            ask(conductor, "hello", way=way)
        except Failure as failure:
            kinds.append(failure.kind)
        except ConnectionError:
            kinds.append("connection")
    return kinds


@pytest.mark.parametrize("way", WAYS)
def test_a_dead_agent_costs_min_calls_and_then_at_most_the_probes_of_each_open_period(
    way: Way,
) -> None:
    clock, big = VirtualClock(), Scripted(ConnectionError("reset"))
    c = conductor(clock=clock, big=big)

    kinds = fails(c, 50, way)

    assert kinds == ["connection"] * MIN_CALLS + ["circuit_open"] * 40
    assert len(big.asked) == MIN_CALLS
    for period in range(1, 6):
        clock.advance(OPEN_FOR * 2**period)
        before = len(big.asked)
        fails(c, 50, way)
        assert 1 <= len(big.asked) - before <= PROBES


@pytest.mark.parametrize("way", WAYS)
def test_the_caller_does_not_notice_where_somebody_else_can_answer(way: Way) -> None:
    clock, big = VirtualClock(), Scripted(ConnectionError("reset"))
    c = conductor(PAIR, clock=clock, big=big, small=Scripted("small"))

    texts = [ask(c, "hello", way=way).text for _ in range(50)]

    assert texts == ["small"] * 50
    assert len(big.asked) == MIN_CALLS


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_that_recovers_is_back_within_one_open_period(way: Way) -> None:
    clock = VirtualClock()
    errors: Takes = [[ConnectionError("reset")]] * 9
    big = Scripted(ConnectionError("reset"), takes=[*errors, ["big"]])
    c = conductor(PAIR, clock=clock, big=big, small=Scripted("small"))
    for _ in range(20):
        ask(c, "hello", way=way)

    clock.advance(OPEN_FOR)
    texts = [ask(c, "hello", way=way).text for _ in range(20)]

    assert texts == ["big"] * 20


def test_the_refusal_says_why_and_when_to_come_again() -> None:
    clock = VirtualClock()
    c = conductor(clock=clock, big=Scripted(ConnectionError("reset")))
    fails(c, MIN_CALLS)
    clock.advance(10)

    with pytest.raises(Failure) as refused:
        c.call("hello")

    assert str(refused.value) == (
        "agent 'big' rests: 10 of its last 10 calls failed; it is tried again in 20 s"
    )
    assert (refused.value.agent, refused.value.retry_after) == ("big", 20.0)


@pytest.mark.parametrize(
    ("error", "opens"),
    [
        (TimeoutError(), True),
        (ConnectionError(), True),
        (Failure("rate_limit"), True),
        (Failure("server_error"), True),
        (Failure("auth"), True),
        (Failure("invalid_request"), False),
        (Failure("context_overflow"), False),
        (Failure("refusal"), False),
        (Failure("invalid_output"), False),
        (Failure("budget"), False),
        (Failure("limited"), False),
        (Failure("policy_violation"), False),
        (Failure("incapable"), False),
        (Refused(), False),
        (LookupError("a fault of the app"), False),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_only_failures_that_say_something_of_the_agent_count(error: Exception, opens: bool) -> None:
    big = Scripted(error)
    c = conductor(clock=VirtualClock(), big=big)

    for _ in range(30):
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is what the test is given
            c.call("hello")

    assert breaker_of(c).state("big").open is opens
    assert len(big.asked) == (MIN_CALLS if opens else 30)


@pytest.mark.parametrize("way", STREAMS)
def test_a_caller_that_stops_reading_counts_neither_way(way: Way) -> None:
    clock = VirtualClock()
    cut: list[Any] = ["one ", "two "]
    big = Scripted(*cut, takes=[cut] * 29 + [[ConnectionError("reset")]])
    c = conductor(clock=clock, breaker="{min_calls: 10, error_rate: 0.9}", big=big)
    for _ in range(30):
        read_one(c, "hello", way=way)

    fails(c, 50, way)

    assert len(big.asked) == 40  # had the cut calls counted as good ones, it would be hundreds


def test_below_the_least_number_of_calls_nothing_opens() -> None:
    big = Scripted(ConnectionError("reset"))
    c = conductor(breaker="{min_calls: 10, window: 60s}", clock=(clock := VirtualClock()), big=big)

    for _ in range(20):
        fails(c, 9)
        clock.advance(70)

    assert len(big.asked) == 180


def test_an_agent_that_fails_less_often_than_the_rate_stays() -> None:
    takes: Takes = [[ConnectionError("reset")] if n % 5 < 2 else ["ok"] for n in range(99)]
    big = Scripted("ok", takes=takes)
    c = conductor(clock=VirtualClock(), big=big)

    fails(c, 99)

    assert len(big.asked) == 99


@pytest.mark.parametrize("crowd", [crowd_of_threads, crowd_of_tasks])
@pytest.mark.parametrize("probes", [1, 3, 7])
def test_of_fifty_calls_at_once_exactly_the_probes_go_through(crowd: Any, probes: int) -> None:
    clock, told = VirtualClock(), Told()
    big = Held(error=ConnectionError("reset"))
    big.latch.open()
    c = conductor(breaker=f"{{probes: {probes}}}", clock=clock, told=told, big=big)
    fails(c, MIN_CALLS)
    clock.advance(OPEN_FOR)
    big.latch, big.error, big.asked = type(big.latch)(), None, 0

    def let_go(ends: list[str]) -> None:
        if ends.count("circuit_open") == 50 - probes:
            big.latch.open()

    ends = crowd([c], 50, let_go)

    assert big.asked == probes
    assert sorted(ends) == ["answered"] * probes + ["circuit_open"] * (50 - probes)
    assert told.names == ["opened", "half_open", "closed"]
    assert breaker_of(c).state("big").open is False


def test_a_probe_that_fails_opens_the_circuit_for_longer_but_not_beyond_the_longest() -> None:
    clock, told = VirtualClock(), Told()
    big = Scripted(ConnectionError("reset"))
    c = conductor(breaker="{open_for: 30s, longest: 3m}", clock=clock, told=told, big=big)
    fails(c, MIN_CALLS)
    lengths = [told.last["open_for"]]

    for _ in range(6):
        clock.advance(lengths[-1] + 0.001)  # what is told is rounded
        fails(c, 3)
        lengths.append(told.last["open_for"])

    bounds = [30, 60, 120, 180, 180, 180, 180]
    assert lengths[0] == 30
    assert all(0.8 * most <= one <= most for one, most in zip(lengths, bounds, strict=True))
    assert len(set(lengths)) == 7  # by chance
    assert told.last["times"] == 7


@pytest.mark.parametrize(("asked", "open_for"), [(5.0, 30), (100.0, 100), (3600.0, 600)])
def test_who_asks_not_to_be_called_is_left_alone_for_so_long(asked: float, open_for: float) -> None:
    told = Told()
    limited = Failure("rate_limit", "slow down", retry_after=asked)
    c = conductor(clock=VirtualClock(), told=told, big=Scripted(limited))

    fails(c, MIN_CALLS)

    assert told.last["open_for"] == open_for


@pytest.mark.parametrize("way", STREAMS)
def test_late_results_of_an_earlier_state_change_nothing(way: Way) -> None:
    clock, big = VirtualClock(), Talker()
    c = conductor(clock=clock, big=big)
    with begun(c, 40, way) as late:  # under way before anybody knows
        big.error = ConnectionError("reset")
        fails(c, MIN_CALLS)
        clock.advance(OPEN_FOR)
        with begun(c, PROBES, way) as probes:
            late.end(20)
            big.error = None
            late.end(10)
            assert breaker_of(c).state("big").open is True  # all permits are lent still

            probes.end(PROBES)
            assert breaker_of(c).state("big").open is False
            big.error = ConnectionError("reset")
            late.end(10)

    state = breaker_of(c).state("big")
    assert (state.open, state.error_rate) == (False, 0.0)


@pytest.mark.parametrize("way", STREAMS)
def test_a_stuck_probe_loses_its_permit_and_its_late_result_is_ignored(way: Way) -> None:
    clock, big = VirtualClock(), Talker(ConnectionError("reset"))
    c = conductor(breaker="{probes: 1, probe_within: 20s}", clock=clock, big=big)
    fails(c, MIN_CALLS)
    big.error = None
    clock.advance(OPEN_FOR)
    with begun(c, 1, way) as stuck:
        clock.advance(19)
        assert fails(c, 1) == ["circuit_open"]

        clock.advance(1)

        assert fails(c, 1) == []  # another one finds out, and the circuit is closed
        big.error = ConnectionError("reset")
        stuck.end(1)
    big.error = None
    assert fails(c, 5) == []


@pytest.mark.parametrize("way", STREAMS)
def test_a_probe_that_fails_after_the_circuit_opened_anew_does_not_open_it_again(way: Way) -> None:
    clock, big, told = VirtualClock(), Talker(ConnectionError("reset")), Told()
    c = conductor(breaker="{probes: 2}", clock=clock, told=told, big=big)
    fails(c, MIN_CALLS)
    big.error = None
    clock.advance(OPEN_FOR)
    with begun(c, 2, way) as probes:
        big.error = ConnectionError("reset")

        probes.end(2)

    assert told.names == ["opened", "half_open", "opened"]
    assert told.last["times"] == 2


@pytest.mark.parametrize("way", STREAMS)
def test_all_probes_must_go_well_before_the_circuit_closes(way: Way) -> None:
    clock, big = VirtualClock(), Talker(ConnectionError("reset"))
    c = conductor(clock=clock, big=big)
    fails(c, MIN_CALLS)
    big.error = None
    clock.advance(OPEN_FOR)
    with begun(c, PROBES, way) as probes:
        probes.end(PROBES - 1)
        assert fails(c, 1) == ["circuit_open"]

        probes.end(1)
        assert fails(c, 1) == []


def test_a_probe_that_says_nothing_makes_room_for_another() -> None:
    clock, told = VirtualClock(), Told()
    takes: Takes = [[ConnectionError("reset")]] * 9
    refused: Takes = [[Refused()]] * 8
    big = Scripted(ConnectionError("reset"), takes=[*takes, *refused, ["ok"]])
    c = conductor(
        PAIR, breaker="{probes: 2}", clock=clock, told=told, big=big, small=Scripted("small")
    )
    for _ in range(MIN_CALLS):
        ask(c, "hello", way="call")
    clock.advance(OPEN_FOR)

    for _ in range(8):
        with pytest.raises(Refused):
            c.call("hello")
    assert "closed" not in told.names
    texts = [c.call("hello").text for _ in range(4)]

    assert texts == ["ok"] * 4


class TestBreakerConforms(LayerConformance):
    plugin: ClassVar[object] = conductor_mw_breaker
    layer = "breaker"
    options: ClassVar[dict[str, Any]] = {"min_calls": 10, "slow_after": "5s"}
