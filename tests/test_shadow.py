"""`shadow:` somebody else is asked as well: afterwards, unseen, compared, and never in the way."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from conductor_mw import Conductor, Event, Failure, Plugins, PolicyError, hookimpl
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one

SHADOWED = """
agents: [{id: a, price: {input: 1, output: 1}}, {id: b, price: {input: 2, output: 2}}, {id: j}]
routing: {default: {use: a, shadow: %s}}
%s
"""


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        self.events.append(event)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.events if event.name == name]


def shadowed(
    a: object, b: object, *, shadow: str = "b", more: str = "", judge: object = None
) -> tuple[Conductor, Told]:
    told = Told()
    plugins = Plugins.core()
    plugins.add(told, "told")
    agents = {"a": a, "b": b, "j": judge or Scripted("1")}
    text = SHADOWED % (shadow, more)
    return Conductor.from_text(text, agents=agents, plugins=plugins, seed=1), told


def asked(conductor: Conductor, way: Way) -> str:
    """Ask in one way, and wait for the shadows on the same loop."""
    if way in ("call", "stream"):
        text = ask(conductor, "hello", way=way).text
        assert conductor.drain(10)
        return text

    async def both() -> str:
        text = ""
        async for part in conductor.astream("hello"):
            text += part.text
        assert await asyncio.to_thread(conductor.drain, 10)
        return text

    return asyncio.run(both())


@pytest.mark.parametrize("way", WAYS)
def test_the_caller_sees_the_step_and_the_two_are_compared(way: Way) -> None:
    a, b = Scripted("Yes,", " sir"), Scripted("No")
    conductor, told = shadowed(a, b)

    assert asked(conductor, way) == "Yes, sir"

    assert len(b.asked) == 1
    (compared,) = told.named("shadow_compared")
    assert compared["same"] is False
    assert (compared["answer"]["agent"], compared["shadow"]["agent"]) == ("a", "b")
    assert compared["answer"]["dollars"] == pytest.approx(15e-6)
    assert compared["shadow"]["dollars"] == pytest.approx(30e-6)


def test_texts_that_differ_in_blanks_and_case_are_the_same() -> None:
    conductor, told = shadowed(Scripted("At  Nine"), Scripted("at nine"))

    conductor.call("hello")

    assert conductor.drain(10)
    assert told.named("shadow_compared")[0]["same"] is True


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [ConnectionError("down"), Failure("refusal"), KeyError("bug")])
def test_a_shadow_that_fails_breaks_nothing(way: Way, error: Exception, caplog: Any) -> None:
    conductor, told = shadowed(Scripted("fine"), Scripted(error))

    assert asked(conductor, way) == "fine"

    if isinstance(error, KeyError):
        assert "work in the background failed: KeyError('bug')" in caplog.text
    else:
        (compared,) = told.named("shadow_compared")
        assert compared["shadow"]["kind"] in ("connection", "refusal")


def test_the_answer_does_not_wait_for_the_shadow() -> None:
    done = threading.Event()

    def slow(_: object) -> str:
        assert done.wait(10)
        return "late"

    conductor, told = shadowed(Scripted("now"), slow)

    assert conductor.call("hello").text == "now"
    assert not conductor.drain(0)
    done.set()
    assert conductor.drain(10)
    assert len(told.named("shadow_compared")) == 1


def test_more_shadows_than_there_is_room_for_are_dropped_and_told() -> None:
    done = threading.Event()

    def slow(_: object) -> str:
        return str(done.wait(10))

    conductor, told = shadowed(Scripted("now"), slow)

    for _ in range(40):
        conductor.call("hello")

    assert len(told.named("shadow_dropped")) == 8
    done.set()
    assert conductor.drain(10)
    assert len(told.named("shadow_compared")) == 32


@pytest.mark.parametrize("way", STREAMS)
def test_a_caller_who_stops_reading_has_no_shadow(way: Way) -> None:
    b = Scripted("b")
    conductor, _ = shadowed(Scripted("one", "two"), b)

    read_one(conductor, "hello", way=way)

    assert conductor.drain(0)
    assert b.asked == []


def test_a_shadow_takes_no_call_that_the_answer_could_have_had() -> None:
    b = Scripted("b")
    a = Scripted(ConnectionError("reset"), takes=[["fine"]])
    text = "agents: [{id: a, retry: {times: 1, wait: 0s}}, {id: b}]\n"
    text += "routing: {default: {use: a, shadow: b}}\nguarantees: [{at_most: {calls: 2}}]\n"
    told = Told()
    plugins = Plugins.core()
    plugins.add(told, "told")
    conductor = Conductor.from_text(text, agents={"a": a, "b": b}, plugins=plugins)

    assert conductor.call("hello").text == "fine"

    assert conductor.drain(10)
    assert b.asked == []
    assert told.named("shadow_compared")[0]["shadow"]["kind"] == "policy_violation"


def test_guarantees_hold_for_shadows() -> None:
    b = Scripted("b")
    conductor, told = shadowed(
        Scripted("a"), b, more='guarantees: [{never: {when: "true", agents: [b]}}]'
    )

    conductor.call("hello")

    assert conductor.drain(10)
    assert b.asked == []
    assert told.named("shadow_compared")[0]["shadow"]["kind"] == "policy_violation"


def test_only_a_share_of_the_requests_has_a_shadow() -> None:
    b = Scripted("b")
    conductor, _ = shadowed(Scripted("a"), b, shadow="{use: b, percent: 25}")

    for _ in range(200):
        conductor.call("hello")
        conductor.drain(10)

    assert 25 < len(b.asked) < 75


def test_both_answers_are_scored() -> None:
    judge = Scripted("0.25", takes=[["0.75"]])
    conductor, told = shadowed(
        Scripted("a"), Scripted("b"), shadow="{use: b, score: {use: j}}", judge=judge
    )

    conductor.call("hello")

    assert conductor.drain(10)
    (compared,) = told.named("shadow_compared")
    assert (compared["answer"]["score"], compared["shadow"]["score"]) == (0.25, 0.75)
    assert conductor.policy.default_flow is not None
    assert conductor.policy.default_flow.worst_calls == 4


def test_people_are_never_a_shadow() -> None:
    text = "agents: [{id: a}, {id: p, human: leads}]\nrouting: {default: {use: a, shadow: p}}\n"

    with pytest.raises(PolicyError, match="a shadow would ask 'p'"):
        Conductor.from_text(text)


@pytest.mark.parametrize(
    ("shadow", "said"),
    [
        (
            "{use: b, percnt: 5}",
            "3:46: routing.default.shadow: no key 'percnt'\n  did you mean 'percent'?",
        ),
        (
            "{use: b, percent: 0}",
            "3:55: routing.default.shadow.percent: must be greater than 0, not 0",
        ),
        ("7", "3:37: routing.default.shadow: must be an agent, a flow, or a mapping with `use`"),
    ],
)
def test_a_mistake_below_shadow_is_told_like_any_other(shadow: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        shadowed(Scripted("a"), Scripted("b"), shadow=shadow)

    assert str(caught.value).removeprefix("<policy>:") == said
