"""Limits of requests, tokens and concurrency, through the door that apps use."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from conductor_mw import Conductor, Event, Failure, Io, Part, PolicyError, Usage, hookimpl
from conductor_mw.plugins import Plugins
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one
from conductor_mw.testing.conformance import LayerConformance

HEAD = """
signals:
  tenant: {from: metadata.tenant, type: string}
  seats: {from: metadata.seats, type: int, default: 1}
"""
ONE = HEAD + "agents: [{id: a}]\nrouting: {default: a}\nplugins: {limits: {%s}}\n"
TWO = (
    HEAD
    + "agents: [{id: a}, {id: b}]\nrouting: {default: {fallback: [a, b], on: [limited]}}\n"
    + "plugins: {limits: {%s}}\n"
)


class Ears:
    """Hears what the plugin tells."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        if event.name.startswith("limits."):
            self.events.append(event)

    @property
    def said(self) -> list[tuple[str, dict[str, object]]]:
        return [(event.name, dict(event.data)) for event in self.events]


def conductor(
    options: str,
    *,
    text: str = ONE,
    clock: VirtualClock | None = None,
    ears: Ears | None = None,
    **agents: object,
) -> Conductor:
    plugins = Plugins.installed()
    if ears is not None:
        plugins.add(ears, "ears")
    return Conductor.from_text(
        text % options,
        agents=agents or {"a": Scripted("hi")},
        plugins=plugins,
        clock=clock or VirtualClock(),
    )


def of(tenant: str) -> dict[str, Any]:
    return {"metadata": {"tenant": tenant}}


def refused(c: Conductor, way: Way, prompt: str = "hello", **options: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        ask(c, prompt, way=way, **options)
    assert caught.value.kind == "limited"
    return caught.value


@pytest.mark.parametrize("way", WAYS)
def test_so_many_requests_pass_and_the_next_is_told_when_to_come_back(way: Way) -> None:
    clock, ears = VirtualClock(), Ears()
    c = conductor("requests: 6/m", clock=clock, ears=ears)

    answers = [ask(c, "hello", way=way).text for _ in range(6)]
    failure = refused(c, way)

    assert answers == ["hi"] * 6
    assert str(failure) == "limit 'limit' has room again in 10 s"
    assert failure.retry_after == 10.0
    assert ears.said == [("limits.refused", {"limit": "limit", "retry_after": 10.0})]
    clock.advance(10.0)
    assert ask(c, "hello", way=way).text == "hi"
    refused(c, way)


@pytest.mark.parametrize("way", WAYS)
def test_a_request_waits_for_its_turn(way: Way) -> None:
    clock, ears = VirtualClock(), Ears()
    c = conductor("requests: 6/m, wait: 15s", clock=clock, ears=ears)

    for _ in range(8):
        ask(c, "hello", way=way)

    assert clock.slept == [10.0, 10.0]
    assert ears.said == [("limits.waited", {"seconds": 10.0})] * 2


@pytest.mark.parametrize("way", WAYS)
def test_nobody_waits_beyond_his_deadline(way: Way) -> None:
    clock = VirtualClock()
    c = conductor("requests: 1/m, wait: 2m", clock=clock)
    ask(c, "hello", way=way)

    failure = refused(c, way, deadline=30.0)

    assert failure.retry_after == 60.0
    assert clock.slept == []


@pytest.mark.parametrize("way", WAYS)
def test_each_value_is_counted_by_itself(way: Way) -> None:
    c = conductor("per: tenant, requests: 1/m")

    ask(c, "hello", way=way, **of("acme"))
    ask(c, "hello", way=way, **of("umbrella"))

    refused(c, way, **of("acme"))
    refused(c, way, **of("umbrella"))


@pytest.mark.parametrize("way", WAYS)
def test_whom_nobody_can_tell_is_refused(way: Way) -> None:
    agent = Scripted("hi")
    c = conductor("per: tenant, requests: 1/m", a=agent)

    failure = refused(c, way)

    assert str(failure).startswith("limit 'limit' cannot tell whom this request counts for: ")
    assert failure.retry_after is None
    assert agent.asked == []


@pytest.mark.parametrize("way", WAYS)
def test_tokens_are_held_and_then_counted_as_they_were(way: Way) -> None:
    clock = VirtualClock()
    agent = Scripted("hi", usage=Usage(100, 100))
    c = conductor("tokens: 1000/m, answer_tokens: 700", a=agent, clock=clock)

    for _ in range(2):
        ask(c, "hello", way=way)  # 709 are held, 200 are used
    failure = refused(c, way)

    # 400 are used; 709 more have room when 109 of them are free again, at 1000 a minute.
    assert failure.retry_after == pytest.approx(6.54)
    clock.advance(6.54)
    ask(c, "hello", way=way)


@pytest.mark.parametrize("way", WAYS)
def test_what_an_answer_has_used_beyond_is_owed(way: Way) -> None:
    agent = Scripted("hi", usage=Usage(1000, 1000))
    c = conductor("tokens: 1000/m, answer_tokens: 0", a=agent)

    ask(c, "hello", way=way)
    failure = refused(c, way)

    assert failure.retry_after == pytest.approx(60.54)  # 2000 used, 9 more asked for


@pytest.mark.parametrize("way", WAYS)
def test_unknown_tokens_count_as_they_were_held(way: Way) -> None:
    c = conductor("tokens: 1000/m, answer_tokens: 491", a=Scripted("hi", usage=None))

    ask(c, "hello", way=way)
    ask(c, "hello", way=way)

    assert refused(c, way).retry_after == pytest.approx(30.0)


@pytest.mark.parametrize("way", WAYS)
def test_what_never_fits_is_said_at_once(way: Way) -> None:
    c = conductor("tokens: 1000/m, wait: 1h")

    failure = refused(c, way, prompt="word " * 1000)

    assert str(failure) == "limit 'limit' never has room for so much at once"
    assert failure.retry_after is None


@pytest.mark.parametrize("way", WAYS)
def test_several_limits_pass_together_or_not_at_all(way: Way) -> None:
    clock = VirtualClock()
    c = conductor(
        "limits: [{id: each, per: tenant, requests: 2/m}, {id: all, requests: 3/m}]", clock=clock
    )
    for tenant in ("acme", "acme", "umbrella"):
        ask(c, "hello", way=way, **of(tenant))

    for _ in range(5):
        assert "'all'" in str(refused(c, way, **of("umbrella")))
    clock.advance(20.0)  # room for one in `all`

    # Had a refusal been counted for the tenant, there would be none for him.
    ask(c, "hello", way=way, **of("umbrella"))


@pytest.mark.parametrize("way", WAYS)
def test_a_limit_of_one_agent_lets_the_flow_ask_another(way: Way) -> None:
    c = conductor("agents: [a], requests: 1/m", text=TWO, a=Scripted("a"), b=Scripted("b"))

    assert [ask(c, "hello", way=way).text for _ in range(3)] == ["a", "b", "b"]


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_by_another_limit_of_an_attempt_charges_nothing(way: Way) -> None:
    clock = VirtualClock()
    c = conductor(
        "limits: [{id: one, agents: [a], requests: 2/m},"
        " {id: two, agents: [a], tokens: 1000/m}], answer_tokens: 900",
        a=Scripted("hi", usage=None),
        clock=clock,
    )
    ask(c, "hello", way=way)

    for _ in range(5):
        assert "'two'" in str(refused(c, way))
    clock.advance(60.0)
    ask(c, "hello", way=way)


@pytest.mark.parametrize("way", STREAMS)
def test_a_slot_is_free_again_when_a_caller_stops_reading(way: Way) -> None:
    agent = Scripted("one ", "two ")
    c = conductor("concurrent: 1", a=agent)

    for _ in range(3):
        read_one(c, "hello", way=way)

    assert agent.closed == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_slot_is_free_again_after_an_error(way: Way) -> None:
    c = conductor("concurrent: 1", a=Scripted(LookupError("mine")))

    for _ in range(3):
        with pytest.raises(LookupError):
            ask(c, "hello", way=way)


def test_the_one_too_many_is_refused_while_streams_are_open() -> None:
    c = conductor("concurrent: 2", a=Scripted("one ", "two "))
    open_streams = [c.stream("hello"), c.stream("hello")]
    for stream in open_streams:
        next(stream)

    failure = refused(c, "call")

    assert str(failure) == "limit 'limit': all 2 slots are in use"
    assert failure.retry_after == 1.0
    open_streams[0].close()
    assert ask(c, "hello", way="call").text == "one two "
    open_streams[1].close()


def test_who_waits_for_a_slot_gets_it_in_turn() -> None:
    ended: list[int] = []
    gate = threading.Event()

    class Slow:
        async def answer(self, attempt: Any) -> Any:
            await Io(lambda: gate.wait(10))
            yield Part(attempt.request.text, finish="stop")

    c = conductor("concurrent: 1, wait: 10s", a=Slow())

    def call(number: int) -> None:
        c.call(str(number))
        ended.append(number)

    threads: list[threading.Thread] = []
    for number in range(5):
        threads.append(threading.Thread(target=call, args=(number,)))
        threads[-1].start()
        in_line(c, number)
    gate.set()
    for thread in threads:
        thread.join(10)

    assert ended == [0, 1, 2, 3, 4]


def in_line(c: Conductor, number: int) -> None:
    """Wait until so many stand in line."""
    book = cast("Any", c.layer("limits"))._books.local
    for _ in range(2000):
        sorts = book._slots._sorts
        if sum(sort.used + len(sort.line) for sort in sorts.values()) == number + 1:
            return
        threading.Event().wait(0.002)
    raise AssertionError(number)


@pytest.mark.parametrize("limit", ["requests: 1/m", "concurrent: 1"])
def test_a_cancelled_waiter_leaves_nothing_charged(limit: str) -> None:
    clock = VirtualClock()
    c = Conductor.from_text(
        ONE % f"{limit}, wait: 10m",
        agents={"a": Scripted("one ", "two ")},
        clock=None if limit.startswith("req") else clock,
    )

    async def run() -> None:
        first = c.astream("hello")
        await anext(first)
        waiting = [asyncio.ensure_future(c.acall("hello")) for _ in range(5)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await first.aclose()

    asyncio.run(run())

    if limit.startswith("conc"):
        assert c.call("hello").text == "one two "
    else:
        book = cast("Any", c.layer("limits"))._books.local
        ((clock_of_key, _given),) = book._clocks._rows.values()
        assert clock_of_key / 1e9 - book._now() == pytest.approx(60, abs=5)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("requests: 60", "plugins.limits.requests: must be a rate, for example 60/m"),
        ("requests: 0/m", "plugins.limits.requests: 0/m allows nothing"),
        ("requests: 1/y", "plugins.limits.requests: '1/y' is not a rate"),
        ("requests: 1/m, burst: 1s", "burst: in 1 s there is not one of requests: 1/m"),
        ("learn: false", "limits nothing"),
        ("per: tenant", "limits nothing"),
        ("limits: [{id: x}]", "limits nothing"),
        ("requests: 1/m, limits: [{requests: 1/m}]", "not both"),
        ("limits: [{requests: 1/m}, {tokens: 1/m}]", "two limits have the same id"),
        ("agents: [c], requests: 1/m", "there is no agent 'c'"),
        ("per: nobody, requests: 1/m", "nobody"),
        ("concurrent: 0", "plugins.limits.concurrent"),
        ("requests: 1/m, store_down: maybe", "plugins.limits.store_down"),
    ],
)
def test_a_wrong_option_is_told_with_its_place(options: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        conductor(options)

    assert problem in str(caught.value)


def test_what_was_counted_outlives_a_reload(tmp_path: Path) -> None:
    path = tmp_path / "conductor.yaml"
    path.write_text(ONE % "requests: 2/m")
    c = Conductor(path, agents={"a": Scripted("hi")}, clock=VirtualClock())
    ask(c, "hello", way="call")

    path.write_text(ONE.replace("id: a", "id: a, prompt: Be kind.") % "requests: 2/m")
    assert c.reload() is True
    ask(c, "hello", way="call")

    refused(c, "call")


def test_threads_never_get_more_than_there_is() -> None:
    c = conductor("limits: [{id: x, requests: 100/m}, {id: y, per: tenant, tokens: 100000/m}]")
    passed: list[int] = []

    def work() -> None:
        for _ in range(20):
            try:
                c.call("hello", metadata={"tenant": "t"})
            except Failure:
                continue
            passed.append(1)

    together(work, 16)

    assert len(passed) == 100


def together(work: Any, times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


class TestLimitsConform(LayerConformance):
    """The suite that every layer should pass."""

    layer = "limits"
    options: ClassVar[dict[str, Any]] = {
        "requests": "1000/m",
        "tokens": "100000/m",
        "concurrent": 1,
    }
