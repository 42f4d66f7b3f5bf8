"""A share of the answers is scored when nobody waits any more, and a drop is told."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from conductor_mw_quality.windows import Bounds, Windows, dropped, level
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import Answer, Conductor, Event, Io, Part, PolicyError, Usage, hookimpl
from conductor_mw.plugins import Plugins
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from conductor_mw.testing.conformance import LayerConformance

JUDGE = "{id: j, price: {input: 100, output: 100}, parameters: {max_tokens: 100}}"
POLICY = """
agents: [{id: a}, {id: b}, %s]
routing:
  rules: [{id: other, condition: "input.text == 'other'", target: b}]
  default: a
%s
plugins: {%squality: {score: {judge: j, rubric: good, scale: 1}, %s}}
"""


class Ears:
    """Hears what the plugin tells, in whatever thread."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.changed = threading.Condition()

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def said(self, name: str, times: int = 1) -> list[dict[str, Any]]:
        """Give the data of so many events; waits for them."""

        def found() -> list[dict[str, Any]]:
            return [dict(event.data) for event in self.events if event.name == name]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= times, 10), self.events
            return found()

    def quiet(self) -> bool:
        with self.changed:
            return not any(event.name.startswith("quality.") for event in self.events)


def verdict(score: float) -> str:
    return f'{{"because": "so", "score": {score}}}'


def conductor(
    options: str,
    *,
    judge: Any = None,
    agent: Any = None,
    more: str = "",
    layers: str = "",
    judging: str = JUDGE,
    clock: VirtualClock | None = None,
) -> tuple[Conductor, Ears]:
    plugins, ears = Plugins.installed(), Ears()
    plugins.add(ears, "ears")
    agents = {
        "a": agent or Scripted("one ", "two"),
        "b": Scripted("other"),
        "j": judge or Scripted(verdict(0.8)),
    }
    text = POLICY % (judging, more, layers, options)
    return (
        Conductor.from_text(
            text, agents=agents, plugins=plugins, clock=clock or VirtualClock(), seed=1
        ),
        ears,
    )


def levels(c: Conductor) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = cast("Any", c.layer("quality")).levels()
    return found


def asked(c: Conductor, prompt: str, way: Way) -> Answer:
    """Give an answer, and wait for what it left behind."""
    if way in ("call", "stream"):
        try:
            return ask(c, prompt, way=way)
        finally:
            assert c.drain(10)

    async def both() -> Answer:
        try:
            if way == "acall":
                return await c.acall(prompt)
            parts = c.astream(prompt)
            async for _ in parts:
                pass
            return parts.answer
        finally:
            assert await asyncio.to_thread(c.drain, 10)

    return asyncio.run(both())


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_scored_after_it_was_given(way: Way) -> None:
    judge = Scripted(verdict(0.8))
    c, ears = conductor("share: 1", judge=judge)

    answer = asked(c, "hello", way)
    (scored,) = ears.said("quality.scored")

    assert answer.text == "one two"
    assert scored == {
        "agent": "a",
        "rule": "default",
        "score": 0.8,
        "scores": {"judge": 0.8},
        "level": {"mean": 0.8, "low": 0.0, "high": 1.0, "scores": 1},
    }
    assert "one two" in judge.asked[0].text
    assert [outcome.agent for outcome in answer.attempts] == ["a"]


def test_the_answer_does_not_wait_for_its_score() -> None:
    gate = threading.Event()

    class Slow:
        async def answer(self, attempt: Any) -> Any:
            del attempt
            await Io(lambda: gate.wait(10))
            yield Part(verdict(0.5), finish="stop")

    c, ears = conductor("share: 1", judge=Slow())

    assert c.call("hello").text == "one two"
    assert ears.quiet()
    gate.set()
    ears.said("quality.scored")


def test_an_answer_does_not_wait_for_its_score_in_a_loop() -> None:
    gate = threading.Event()

    class Slow:
        async def answer(self, attempt: Any) -> Any:
            del attempt
            await Io(lambda: gate.wait(10))
            yield Part(verdict(0.5), finish="stop")

    c, ears = conductor("share: 1", judge=Slow())

    async def run() -> None:
        assert (await c.acall("hello")).text == "one two"
        assert ears.quiet()
        gate.set()
        assert await asyncio.to_thread(c.drain, 10)

    asyncio.run(run())

    ears.said("quality.scored")


def test_scores_are_kept_by_agent_and_by_rule() -> None:
    judge = Scripted(verdict(0.2), takes=[[verdict(0.4)], [verdict(0.9)]])
    c, ears = conductor("share: 1", judge=judge)

    for number, prompt in enumerate(("hello", "hello", "other")):
        c.call(prompt)
        ears.said("quality.scored", number + 1)

    found = levels(c)
    assert found["agent", "a"].mean == pytest.approx(0.3)
    assert found["rule", "default"].scores == 2
    assert found["agent", "b"].mean == found["rule", "other"].mean == pytest.approx(0.9)


@pytest.mark.parametrize("by_run", ["true", "false"])
def test_a_share_is_a_share(by_run: str) -> None:
    judge = Scripted(verdict(0.5))
    plugins = Plugins.installed()
    text = POLICY % (JUDGE, "", "", f"share: 0.2, by_run: {by_run}")
    text = text.replace("{judge: j, rubric: good, scale: 1}", "not_refusal")
    ears = Ears()
    plugins.add(ears, "ears")
    agents = {"a": Scripted("one"), "b": Scripted("b"), "j": judge}
    c = Conductor.from_text(text, agents=agents, plugins=plugins, clock=VirtualClock(), seed=1)

    for _ in range(500):
        c.call("hello")
    c.close()

    scored = sum(event.name == "quality.scored" for event in ears.events)
    dropped_ = sum(event.name == "shadow_dropped" for event in ears.events)
    assert 60 <= scored + dropped_ <= 140


def test_a_drop_is_told_once_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    takes: list[list[Any]] = [[verdict(score)] for score in (0.9, 0.9, 0.1, 0.1, 0.1, 0.1)]
    judge = Scripted(verdict(0.9), takes=takes)
    c, ears = conductor("share: 1, alert_below: 0.7, at_least: 4, window: 10", judge=judge)

    with caplog.at_level(logging.WARNING, "conductor_mw.quality"):
        for number in range(7):
            c.call("hello")
            ears.said("quality.scored", number + 1)
        told = ears.said("quality.dropped")

    assert len(told) == 1
    assert (told[0]["by"], told[0]["id"], told[0]["why"]) == ("agent", "a", "below")
    assert told[0]["level"]["mean"] < 0.7
    assert "the answers of agent 'a' have become worse" in caplog.text


@pytest.mark.parametrize(
    ("judge", "kind"),
    [
        (lambda: Scripted(ConnectionError("gone")), "connection"),
        (lambda: Scripted("no verdict at all"), "scorer_failed"),
        (lambda: Scripted(verdict(7)), "scorer_failed"),
    ],
)
def test_a_judge_that_fails_is_an_event_and_no_error(
    judge: Callable[[], Scripted], kind: str
) -> None:
    c, ears = conductor("share: 1", judge=judge())

    assert c.call("hello").text == "one two"
    (failed,) = ears.said("quality.failed")

    assert failed == {"agent": "a", "rule": "default", "kind": kind}
    assert levels(c) == {}


def test_the_guarantees_hold_for_the_judge_too() -> None:
    judge = Scripted(verdict(0.8))
    more = """guarantees: [{never: {when: "metadata.secret == true", agents: [j]}}]"""
    c, ears = conductor("share: 1", judge=judge, more=more)

    c.call("hello", metadata={"secret": True})
    (failed,) = ears.said("quality.failed")

    assert failed["kind"] == "policy_violation"
    assert judge.asked == []


def test_money_is_taken_before_and_settled_after() -> None:
    judge = Scripted(verdict(0.8), usage=Usage(10, 10))  # costs $0.002
    c, ears = conductor("share: 1, dollars: 0.1", judge=judge)  # one call costs $0.06 at most

    for number in range(3):
        c.call("hello")
        ears.said("quality.scored", number + 1)

    assert len(judge.asked) == 3


def test_when_the_money_is_used_up_nothing_is_scored_until_the_next_period() -> None:
    judge = Scripted(verdict(0.8), usage=None)  # nobody says what it cost: all of it stays taken
    clock = VirtualClock(utc=3600.0 * 1000)
    c, ears = conductor("share: 1, dollars: 0.1, every: hour", judge=judge, clock=clock)

    c.call("hello")
    ears.said("quality.scored")
    c.call("hello")
    (failed,) = ears.said("quality.failed")
    clock.advance(3600.0)
    c.call("hello")
    ears.said("quality.scored", 2)

    assert failed["kind"] == "budget"
    assert len(judge.asked) == 2


def test_conductors_share_the_money(tmp_path: Path) -> None:
    judge = Scripted(verdict(0.8), usage=None)
    more = f"store: 'sqlite:{tmp_path / 'state.db'}'"
    two = [conductor("share: 1, dollars: 0.1", judge=judge, more=more) for _ in range(2)]

    for c, _ in two:
        c.call("hello")
        assert c.drain(10)
        c.close()

    assert len(judge.asked) == 1
    assert two[1][1].said("quality.failed")[0]["kind"] == "budget"


@pytest.mark.parametrize("way", STREAMS)
def test_who_stops_reading_has_no_answer_to_score(way: Way) -> None:
    judge = Scripted(verdict(0.8))
    c, ears = conductor("share: 1", judge=judge)

    read_one(c, "hello", way=way)
    c.call("other")
    (scored,) = ears.said("quality.scored")

    assert scored["agent"] == "b"


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_is_not_scored(way: Way) -> None:
    judge = Scripted(verdict(0.8))
    agent = Scripted("one ", LookupError("mine"))
    c, ears = conductor("share: 1", judge=judge, agent=agent)

    with pytest.raises(LookupError):
        asked(c, "hello", way)

    assert judge.asked == []
    assert ears.quiet()


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_from_the_cache_is_not_scored_again(way: Way) -> None:
    judge = Scripted(verdict(0.8))
    c, _ = conductor("share: 1", judge=judge, layers="cache: {scope: shared}, ")

    texts = [asked(c, "hello", way).text for _ in range(3)]

    assert texts == ["one two"] * 3
    assert len(judge.asked) == 1


def test_the_bound_on_calls_has_room_for_the_judge() -> None:
    c, ears = conductor("share: 1", judging="{id: j, retry: {times: 2, wait: 1ms}}")

    for number in range(3):
        c.call("hello")
        ears.said("quality.scored", number + 1)


@pytest.mark.parametrize(
    ("options", "judging", "problem"),
    [
        ("share: 0", JUDGE, "plugins.quality.share"),
        ("at_least: 30, window: 20", JUDGE, "the window holds only 20 scores"),
        ("dollars: 1", "{id: j}", "what a score by 'j' can cost is unknown"),
        ("dollars: 1", "{id: j, price: {input: 1, output: 1}}", "can cost is unknown"),
        ("share: 1", "{id: j, human: {queue: q}}", "people would score what nobody waits for"),
    ],
)
def test_a_wrong_option_is_told(options: str, judging: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Conductor.from_text(
            POLICY % (judging, "", "", options),
            agents={"a": Scripted("a"), "b": Scripted("b")},
        )

    assert problem in str(caught.value)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_a_level_holds_its_mean(scores: list[float]) -> None:
    found = level(scores)

    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.scores == len(scores)


def test_chance_is_no_drop() -> None:
    bounds = Bounds(below=None, drop=0.1, at_least=4)

    assert dropped([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0], bounds) == []
    (drop,) = dropped([0.9] * 20 + [0.7] * 20, bounds)
    assert (drop.why, drop.now.mean) == ("drop", 0.7)


def test_a_drop_is_told_again_after_it_has_recovered() -> None:
    windows, bounds = Windows(4), Bounds(below=0.5, drop=None, at_least=4)

    told = [
        bool(windows.add("agent", "a", score, bounds)[1])
        for score in (0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0)
    ]

    assert told == [False] * 3 + [True] + [False] * 7 + [True] + [False]


class TestQualityConforms(LayerConformance):
    """The suite that every layer should pass."""

    layer = "quality"
    options: ClassVar[dict[str, Any]] = {"share": 1, "score": "not_refusal"}
