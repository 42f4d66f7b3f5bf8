"""Layers that begin and end: where they stand among others, and that every one of them ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from conductor_mw import (
    Attempted,
    Conductor,
    Failure,
    Io,
    Part,
    Parts,
    PluginError,
    Plugins,
    RegisterLayer,
    Run,
    Setting,
    hookimpl,
)
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one

TWO = "agents: [{id: a}, {id: b}]\nrouting: {default: {fallback: [a, b], on: [limited]}}\n"


def nothing(*_: object) -> None:
    """Do nothing."""


def conductor(
    *layers: object, text: str = "agents: [{id: a}]\nrouting: {default: a}\n", **agents: object
) -> Conductor:
    """Give a conductor with these layer objects, outermost first."""
    plugins = Plugins.core()
    names = [f"layer_{at}" for at in range(len(layers))]
    for rank, (name, layer) in enumerate(zip(names, layers, strict=True)):
        plugins.add(_Offer(name, layer, rank), name)
    text += "plugins: {" + ", ".join(f"{name}: {{}}" for name in names) + "}\n"
    return Conductor.from_text(
        text, agents=agents or {"a": Scripted("one ", "two")}, plugins=plugins, clock=VirtualClock()
    )


class _Offer:
    def __init__(self, name: str, layer: object, rank: int) -> None:
        @dataclass(frozen=True)
        class Options:
            def build(self, setting: Setting) -> object:
                del setting
                return layer

        self._register = (name, Options, rank)

    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        name, options, rank = self._register
        register(name, options, rank=rank)


@dataclass
class Diary:
    """Makes layers that write down what happens to them, in one list."""

    lines: list[str] = field(default_factory=list[str])

    def bracket(self, name: str, *, sort: str = "attempt", waits: bool = False) -> object:
        """Give a layer that begins and ends; with `waits` in coroutines that do I/O."""

        def begin(_: object) -> object:
            self.lines.append(f"{name} begins")
            return name

        def end(subject: Any, token: object) -> None:
            assert token == name
            outcome = subject.outcome if sort == "attempt" else subject.cost
            self.lines.append(f"{name} ends: {outcome if outcome is None else 'known'}")

        async def begin_later(subject: object) -> object:
            return await Io(lambda: begin(subject))

        async def end_later(subject: object, token: object) -> None:
            await Io(lambda: end(subject, token))

        halves = (begin_later, end_later) if waits else (begin, end)
        return SimpleNamespace(**{f"begin_{sort}": halves[0], f"end_{sort}": halves[1]})

    def generator(self, name: str) -> object:
        """Give a layer that looks at the parts."""

        async def around(
            attempt: Attempted, proceed: Callable[[Attempted], Parts]
        ) -> AsyncGenerator[Part, None]:
            self.lines.append(f"{name} opens")
            try:
                async for part in proceed(attempt):
                    yield part
            finally:
                self.lines.append(f"{name} closes")

        return SimpleNamespace(around_attempt=around)


@pytest.mark.parametrize("waits", [False, True], ids=["plain", "coroutine"])
@pytest.mark.parametrize("way", WAYS)
def test_brackets_and_generators_keep_the_order_of_their_ranks(way: Way, waits: bool) -> None:
    diary = Diary()
    c = conductor(
        diary.bracket("1", waits=waits),
        diary.generator("2"),
        diary.bracket("3", waits=waits),
        diary.generator("4"),
        diary.bracket("5", waits=waits),
        diary.bracket("6", waits=waits),
    )

    assert ask(c, "hello", way=way).text == "one two"

    assert diary.lines == [
        *("1 begins", "2 opens", "3 begins", "4 opens", "5 begins", "6 begins"),
        *("6 ends: known", "5 ends: known", "4 closes", "3 ends: known", "2 closes"),
        "1 ends: known",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_brackets_around_the_request_stand_outside_those_around_attempts(way: Way) -> None:
    diary = Diary()
    c = conductor(diary.bracket("attempt"), diary.bracket("request", sort="request"))

    ask(c, "hello", way=way)

    assert diary.lines[0] == "request begins"
    assert diary.lines[-1].startswith("request ends")


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_ends_what_began_and_the_flow_goes_on(way: Way) -> None:
    diary = Diary()

    def refuse(attempt: Attempted) -> object:
        if attempt.agent.id == "a":
            raise Failure("limited", "a rests", agent="a")
        return None

    refusing = SimpleNamespace(begin_attempt=refuse, end_attempt=nothing)
    big = Scripted("never")
    c = conductor(
        diary.bracket("1"), diary.generator("2"), diary.bracket("3"), refusing,
        text=TWO, a=big, b=Scripted("b answers"),
    )  # fmt: skip

    answer = ask(c, "hello", way=way)

    assert answer.text == "b answers"
    assert [one.kind for one in answer.attempts] == ["limited", None]
    assert big.asked == []
    assert diary.lines[:6] == [
        *("1 begins", "2 opens", "3 begins", "3 ends: None", "2 closes", "1 ends: None"),
    ]


@pytest.mark.parametrize("way", STREAMS)
def test_brackets_end_when_the_caller_stops_reading(way: Way) -> None:
    diary = Diary()
    c = conductor(diary.bracket("1"), diary.generator("2"), diary.bracket("3", waits=True))

    read_one(c, "hello", way=way)

    assert diary.lines[-3:] == ["3 ends: known", "2 closes", "1 ends: known"]


@pytest.mark.parametrize("way", WAYS)
def test_the_first_error_of_an_end_reaches_the_caller_after_all_have_ended(way: Way) -> None:
    diary = Diary()

    def broken(*_: object) -> None:
        diary.lines.append("broken ends")
        raise LookupError("the layer's own fault")

    c = conductor(
        diary.bracket("1"),
        SimpleNamespace(begin_attempt=nothing, end_attempt=broken),
        SimpleNamespace(begin_attempt=nothing, end_attempt=broken),
    )

    with pytest.raises(LookupError):
        ask(c, "hello", way=way)

    assert diary.lines == ["1 begins", "broken ends", "broken ends", "1 ends: known"]


@pytest.mark.parametrize("way", WAYS)
def test_a_bracket_may_bound_what_is_sent(way: Way) -> None:
    agent = Scripted("one")

    def begin(attempt: Attempted) -> object:
        worst = attempt.worst_cost()
        assert not isinstance(worst, str), worst
        attempt.bound()
        return worst

    c = conductor(
        SimpleNamespace(begin_attempt=begin, end_attempt=nothing),
        text="agents: [{id: a, price: {input: 1, output: 2}, max_output_tokens: 50}]\n"
        "routing: {default: a}\n",
        a=agent,
    )

    ask(c, "hello", way=way)

    assert agent.asked[0].parameters["max_tokens"] == 50


@pytest.mark.parametrize("way", WAYS)
def test_a_request_that_a_bracket_refuses_reaches_nobody(way: Way) -> None:
    def refuse(_: Run) -> object:
        raise Failure("limited", "closed")

    agent = Scripted("never")
    c = conductor(SimpleNamespace(begin_request=refuse, end_request=nothing), a=agent)

    with pytest.raises(Failure, match="closed"):
        ask(c, "hello", way=way)

    assert agent.asked == []


def test_half_a_pair_is_refused() -> None:
    with pytest.raises(PluginError, match="one of begin_attempt and end_attempt"):
        conductor(SimpleNamespace(begin_attempt=nothing))
