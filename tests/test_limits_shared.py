"""Limits that several processes share through a store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from conductor_mw import Conductor, Failure, Io, Part, Usage
from conductor_mw.testing import STREAMS, WAYS, Scripted, VirtualClock, Way, ask, read_one

POLICY = """
store: "%s"
signals: {tenant: {from: metadata.tenant, type: string, default: all}}
agents: [{id: a}]
routing: {default: a}
plugins: {limits: {%s}}
"""


@contextmanager
def opened(
    address: str, options: str, *, agent: Any = None, clock: Any = None
) -> Generator[Conductor]:
    c = Conductor.from_text(
        POLICY % (address, options),
        agents={"a": agent or Scripted("hi")},
        clock=clock or VirtualClock(),
    )
    try:
        yield c
    finally:
        c.close()


def refused(c: Conductor, way: Way = "call", prompt: str = "hello") -> Failure:
    with pytest.raises(Failure) as caught:
        ask(c, prompt, way=way)
    assert caught.value.kind == "limited"
    return caught.value


@pytest.mark.parametrize("way", WAYS)
def test_two_conductors_share_what_there_is(store_address: str, way: Way) -> None:
    if store_address.startswith("memory"):
        pytest.skip("memory is not shared")
    clock = VirtualClock()
    with (
        opened(store_address, "requests: 6/m", clock=clock) as one,
        opened(store_address, "requests: 6/m", clock=clock) as two,
    ):
        for c in (one, two) * 3:
            ask(c, "hello", way=way)

        assert refused(one, way).retry_after == pytest.approx(10.0, abs=1e-3)
        assert refused(two, way).retry_after == pytest.approx(10.0, abs=1e-3)
        clock.advance(10.001)
        ask(two, "hello", way=way)
        refused(one, way)


@pytest.mark.parametrize("way", WAYS)
def test_a_request_waits_for_its_turn(store_address: str, way: Way) -> None:
    clock = VirtualClock()
    with opened(store_address, "requests: 6/m, wait: 15s", clock=clock) as c:
        for _ in range(8):
            ask(c, "hello", way=way)

    assert clock.slept == [pytest.approx(10.0, abs=1e-3)] * 2


@pytest.mark.parametrize("way", WAYS)
def test_tokens_are_settled(store_address: str, way: Way) -> None:
    agent = Scripted("hi", usage=Usage(10, 90))
    options = "tokens: 10000/m, answer_tokens: 5000"
    with opened(store_address, options, agent=agent) as c:
        for _ in range(30):
            ask(c, "hello", way=way)

        assert len(agent.asked) == 30


@pytest.mark.parametrize("way", WAYS)
def test_what_was_used_beyond_is_owed_by_everybody(store_address: str, way: Way) -> None:
    if store_address.startswith("memory"):
        pytest.skip("memory is not shared")
    agent = Scripted("hi", usage=Usage(10, 9990))
    options = "tokens: 10000/m, answer_tokens: 100"
    with (
        opened(store_address, options, agent=agent) as one,
        opened(store_address, options) as two,
    ):
        ask(one, "hello", way=way)
        refused(one, way)  # its trip is refused, and tells what is owed by the next that is not
    with opened(store_address, options) as two:
        refused(two, way)


@pytest.mark.parametrize("way", WAYS)
def test_several_limits_pass_together_or_not_at_all(store_address: str, way: Way) -> None:
    options = "limits: [{id: each, per: tenant, requests: 2/m}, {id: every, requests: 3/m}]"
    clock = VirtualClock()
    with opened(store_address, options, clock=clock) as c:
        for tenant in ("acme", "acme", "umbrella"):
            ask(c, "hello", way=way, metadata={"tenant": tenant})
        for _ in range(3):
            with pytest.raises(Failure, match="'every'"):
                ask(c, "hello", way=way, metadata={"tenant": "umbrella"})
        clock.advance(20.001)

        ask(c, "hello", way=way, metadata={"tenant": "umbrella"})


@pytest.mark.parametrize("way", STREAMS)
def test_slots_are_shared_and_free_again(store_address: str, way: Way) -> None:
    agent = Scripted("one ", "two ")
    with (
        opened(store_address, "concurrent: 2", agent=agent) as one,
        opened(store_address, "concurrent: 2", agent=agent) as two,
    ):
        streams = [one.stream("hello"), two.stream("hello")]
        for stream in streams:
            next(stream)
        if not store_address.startswith("memory"):
            for c in (one, two):
                assert refused(c).retry_after == 1.0
        for stream in streams:
            stream.close()
        for c in (one, two, one, two):
            read_one(c, "hello", way=way)


def test_a_killed_process_s_slots_are_free_after_a_while(store_address: str) -> None:
    if store_address.startswith("memory"):
        pytest.skip("memory is not shared")
    clock = VirtualClock()
    options = "concurrent: 1, slot_lease: 30s"
    with opened(store_address, options, clock=clock, agent=Scripted("one ", "two ")) as killed:
        slots_of(killed)._over.set()  # as if it were gone: nothing renews its lease
        stream = killed.stream("hello")
        next(stream)
        with opened(store_address, options, clock=clock) as other:
            refused(other)
            clock.advance(31.0)
            ask(other, "hello", way="call")
        stream.close()


def test_a_living_process_s_slots_are_renewed(store_address: str) -> None:
    if store_address.startswith("memory"):
        pytest.skip("memory is not shared")
    clock = VirtualClock()
    options = "concurrent: 1, slot_lease: 30s"
    with (
        opened(store_address, options, clock=clock, agent=Scripted("one ", "two ")) as one,
        opened(store_address, options, clock=clock) as other,
    ):
        stream = one.stream("hello")
        next(stream)
        for _ in range(4):
            clock.advance(20.0)
            slots_of(one).tick()
            refused(other)
        stream.close()
        slots_of(one).tick()
        slots_of(one).tick()
        ask(other, "hello", way="call")


def slots_of(c: Conductor) -> Any:
    return cast("Any", c.layer("limits"))._books.shared._slots


def test_threads_never_get_more_than_there_is(store_address: str) -> None:
    options = "limits: [{id: x, requests: 200/m}, {id: y, per: tenant, tokens: 100000/m}]"
    with opened(store_address, options) as c:
        passed: list[int] = []

        def work() -> None:
            for _ in range(20):
                try:
                    c.call("hello")
                except Failure:
                    continue
                passed.append(1)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)

    # A slice that nobody used is lost, and a tenth of the burst is kept back for it.
    assert 90 <= len(passed) <= 200


def test_threads_never_hold_more_slots_than_there_are(store_address: str) -> None:
    inside = Inside()
    with opened(store_address, "concurrent: 3, wait: 20s", agent=inside) as c:
        threads = [threading.Thread(target=lambda: c.call("hello")) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert inside.ended == 16
    assert 1 <= inside.most <= 3


class Inside:
    """An agent that counts how many are with it."""

    def __init__(self) -> None:
        self.now = self.most = self.ended = 0
        self.lock = threading.Lock()

    async def answer(self, attempt: Any) -> Any:
        del attempt
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            await Io(lambda: threading.Event().wait(0.005))
            yield Part("hi", finish="stop")
        finally:
            with self.lock:
                self.now -= 1
                self.ended += 1


def test_a_fork_has_nothing_of_what_was_taken_before(
    redis_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = "limits: [{id: x, requests: 600/m}, {id: y, concurrent: 1}]"
    with opened(redis_address, options, agent=Scripted("one ", "two ")) as c:
        for _ in range(5):
            ask(c, "hello", way="call")
        before = slots_of(c)
        stream = c.stream("hello")
        next(stream)
        monkeypatch.setattr("os.getpid", lambda: -1)

        refused(c)

        assert slots_of(c) is not before
        monkeypatch.undo()
        cast("Any", c.layer("limits"))._books.shared._slots = before
        stream.close()
        before.close()


@pytest.mark.parametrize("limit", ["requests: 2/m", "concurrent: 1"])
def test_a_cancelled_waiter_leaves_nothing_charged(store_address: str, limit: str) -> None:
    clock = Slow()
    agent = Scripted("one ", "two ")
    with opened(store_address, f"{limit}, wait: 30s", agent=agent, clock=clock) as c:

        async def run() -> None:
            streams = [c.astream("hello") for _ in range(1 if "conc" in limit else 2)]
            for stream in streams:
                await anext(stream)
            waiting = [asyncio.ensure_future(c.acall("hello")) for _ in range(5)]
            await asyncio.sleep(0.3)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            for stream in streams:
                await stream.aclose()

        asyncio.run(run())
        assert len(agent.asked) <= 2
        clock.advance(31.0)  # room for one request again, and for no more

        assert c.call("hello").text == "one two "
        if "requests" in limit:
            with pytest.raises(Failure):
                c.call("hello", deadline=1.0)


class Slow(VirtualClock):
    """A clock on which nobody who sleeps wakes by himself."""

    async def asleep(self, seconds: float) -> None:
        """Sleep until cancelled."""
        self.slept.append(seconds)
        await asyncio.sleep(3600)
