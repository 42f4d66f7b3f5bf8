"""How long an agent may take: whole, first part, between parts; and the run's deadline."""

from __future__ import annotations

import asyncio
import time

import pytest

from conductor_mw import Request, attempts_of
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from tests.kit import conductor

LIMITED = "agents: [{{id: a, timeout: {timeout}}}]\nrouting: {{default: a}}\n"


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_that_takes_too_long_is_a_timeout(way: Way) -> None:
    clock = VirtualClock()
    c = conductor(LIMITED.format(timeout="2s"), clock=clock, a=Scripted(5.0, "late"))

    with pytest.raises(TimeoutError) as caught:
        ask(c, "hello", way=way)

    assert str(caught.value) == "no answer within 2 s"
    assert [(one.kind, one.seconds) for one in attempts_of(caught.value)] == [("timeout", 2.0)]
    assert clock.slept == [2.0]


@pytest.mark.parametrize("way", STREAMS)
def test_a_first_part_that_does_not_come_is_a_timeout(way: Way) -> None:
    agent = Scripted(1.5, "one ", 1.5, "two")
    c = conductor(LIMITED.format(timeout="{first_part: 1s}"), a=agent)

    with pytest.raises(TimeoutError) as caught:
        ask(c, "hello", way=way)

    assert str(caught.value) == "no first part within 1 s"


@pytest.mark.parametrize("way", STREAMS)
def test_a_first_part_in_time_may_be_followed_slowly(way: Way) -> None:
    agent = Scripted(0.5, "one ", 1.5, "two")
    c = conductor(LIMITED.format(timeout="{first_part: 1s}"), a=agent)

    assert ask(c, "hello", way=way).text == "one two"


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_falls_silent_is_a_timeout(way: Way) -> None:
    agent = Scripted(3.0, "one ", 0.5, "two ", 2.0, "three")
    c = conductor(LIMITED.format(timeout="{idle: 1s}"), a=agent)

    with pytest.raises(TimeoutError) as caught:
        ask(c, "hello", way=way)

    assert str(caught.value) == "no further part within 1 s"


@pytest.mark.parametrize("way", WAYS)
def test_the_callers_deadline_ends_the_run(way: Way) -> None:
    c = conductor(a=Scripted(5.0, "late"))

    with pytest.raises(TimeoutError) as caught:
        ask(c, "hello", way=way, deadline=3.0)

    assert str(caught.value) == "the request's deadline passed"


@pytest.mark.parametrize("way", WAYS)
def test_the_shortest_limit_holds(way: Way) -> None:
    text = LIMITED.format(timeout="{whole: 9s, first_part: 4s}").replace(
        "{default: a}", "{default: a, deadline: 6s}"
    )
    c = conductor(text, a=Scripted(5.0, "late"))

    with pytest.raises(TimeoutError) as caught:
        ask(c, "hello", way=way)

    assert str(caught.value) == "no first part within 4 s"


@pytest.mark.parametrize("way", WAYS)
def test_a_deadline_is_shared_by_every_attempt(way: Way) -> None:
    text = """
agents: [{id: a}, {id: b}]
routing: {default: {fallback: [a, b]}, deadline: 3s}
"""
    c = conductor(text, a=Scripted(2.0, ConnectionError("reset")), b=Scripted(2.0, "late"))

    with pytest.raises(ConnectionError) as caught:
        ask(c, "hello", way=way)

    kinds = [(one.agent, one.kind, one.seconds) for one in attempts_of(caught.value)]
    assert kinds == [("a", "connection", 2.0), ("b", "timeout", 1.0)]


@pytest.mark.parametrize("way", ["call", "stream"])
def test_a_blocking_answer_that_comes_too_late_is_dropped(way: Way) -> None:
    clock = VirtualClock()

    def blocking(request: Request) -> str:
        del request
        clock.advance(5.0)  # nobody can interrupt it
        return "late"

    c = conductor(LIMITED.format(timeout="2s"), clock=clock, a=blocking)

    with pytest.raises(TimeoutError, match="no answer within 2 s"):
        read_one(c, "hello", way=way)


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_an_async_agent_that_hangs_is_interrupted(way: Way) -> None:
    cancelled: list[str] = []

    async def hang(request: Request) -> str:
        del request
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("yes")
            raise
        return "never"

    c = conductor(LIMITED.format(timeout="20ms"), real_clock=True, a=hang)
    begun = time.monotonic()

    with pytest.raises(TimeoutError, match=r"no answer within 0\.02 s"):
        ask(c, "hello", way=way)

    assert cancelled == ["yes"]
    assert time.monotonic() - begun < 5  # it did not wait for ever


@pytest.mark.parametrize("way", WAYS)
def test_an_agents_own_timeout_error_is_told_as_it_was_raised(way: Way) -> None:
    fault = TimeoutError("the SDK gave up")
    c = conductor(LIMITED.format(timeout="20s"), a=Scripted(fault))

    with pytest.raises(TimeoutError) as caught:
        ask(c, "hello", way=way)

    assert caught.value is fault
