"""What providers say about their own limits is heeded before they have to say no."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_mw import Conductor, Failure, Part, Usage
from conductor_mw.plugins import Plugins
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask
from tests.test_limits import Ears

POLICY = """
agents: [{id: a%s}, {id: b}]
routing: {default: {fallback: [a, b], on: [limited, rate_limit]}}
plugins: {limits: {%s}}
"""
EMPTY = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}


class Response:
    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers


class RateLimitError(Exception):
    """As an SDK raises it."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("too many")
        self.response = Response(headers)


def conductor(
    first: Any, options: str = "", *, agent: str = "", ears: Ears | None = None
) -> tuple[Conductor, VirtualClock]:
    plugins, clock = Plugins.installed(), VirtualClock()
    plugins.add(ears or Ears(), "ears")
    agents = {"a": first, "b": Scripted("b")}
    text = POLICY % (agent, options)
    return Conductor.from_text(text, agents=agents, plugins=plugins, clock=clock), clock


def saying(headers: dict[str, str]) -> Scripted:
    return Scripted(Part("a", headers=headers, usage=Usage(1, 1)))


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_with_nothing_left_is_not_asked(way: Way) -> None:
    ears = Ears()
    c, clock = conductor(saying(EMPTY), "learn_most: 20s", ears=ears)

    texts = [ask(c, "hello", way=way).text for _ in range(3)]
    clock.advance(20.0)
    texts.append(ask(c, "hello", way=way).text)

    assert texts == ["a", "b", "b", "a"]
    assert ears.said[0] == (
        "limits.learned",
        {"agent": "a", "replica": "", "sort": "requests", "seconds": 20.0},
    )
    assert ears.said[1] == (
        "limits.refused",
        {"agent": "a", "limit": "provider", "retry_after": 20.0},
    )


@pytest.mark.parametrize("way", WAYS)
def test_who_may_wait_waits_for_the_provider(way: Way) -> None:
    c, clock = conductor(saying(EMPTY), "learn_most: 20s, wait: 30s")

    texts = [ask(c, "hello", way=way).text for _ in range(2)]

    assert texts == ["a", "a"]
    assert clock.slept == [20.0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({"Retry-After-Ms": "1500"}, 1.5), ({"retry-after": "1e9"}, 0)],
)
def test_a_refusal_closes_the_agent_for_as_long_as_it_says(
    headers: dict[str, str], seconds: float, way: Way
) -> None:
    agent = Scripted(RateLimitError(headers), takes=[["a"]])
    c, clock = conductor(agent)

    assert ask(c, "hello", way=way).text == "b"
    if seconds:
        assert ask(c, "hello", way=way).text == "b"
        clock.advance(seconds)
    assert ask(c, "hello", way=way).text == "a"
    assert len(agent.asked) == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_comes_just_in_time(way: Way) -> None:
    headers = {"retry-after": "3", **EMPTY}
    agent = Scripted(RateLimitError(headers), takes=[["a"]])
    c, clock = conductor(agent, agent=", retry: {times: 1, wait: 1ms}")

    assert ask(c, "hello", way=way).text == "a"
    assert clock.slept == [3.0]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_learned_where_the_policy_says_so(way: Way) -> None:
    c, _ = conductor(saying(EMPTY), "learn: false, concurrent: 9")

    assert [ask(c, "hello", way=way).text for _ in range(2)] == ["a", "a"]


def test_the_caller_is_told_when_the_provider_has_room_again() -> None:
    text = (POLICY % ("", "")).replace("{fallback: [a, b], on: [limited, rate_limit]}", "a")
    c = Conductor.from_text(
        text, agents={"a": saying(EMPTY), "b": Scripted("b")}, clock=VirtualClock()
    )
    c.call("hello")

    with pytest.raises(Failure) as caught:
        c.call("hello")

    assert caught.value.retry_after == 60.0
    assert str(caught.value) == "the provider of agent 'a' said to come back in 60 s"
