"""What was found wrong with money, counting and waiting by somebody who wrote none of it."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from conductor_mw import (
    Attempt,
    Conductor,
    Failure,
    Io,
    Money,
    Part,
    Plugins,
    Store,
    StoreError,
    Usage,
    hookimpl,
)
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask

from .breaker_kit import breaker_of
from .budget_kit import CHEAP, COST, WORST, agent, held, opened, policy, spent, tried


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("every", ["hour", "day", "month"])
def test_a_clock_that_is_set_far_back_stops_nobody(way: Way, every: str) -> None:
    clock = VirtualClock()
    text = policy({"dollars": 1, "every": every})
    with opened(text, clock=clock, a=Scripted("hi", usage=CHEAP)) as conductor:
        for _ in range(4):
            ask(conductor, "hello", way=way)
            clock.advance(32 * 86400)
        clock.advance(-500 * 86400)

        for _ in range(2):
            ask(conductor, "hello", way=way)

        assert spent(conductor).nano == 2 * COST.nano


@pytest.mark.parametrize("way", WAYS)
def test_tokens_that_are_dearer_from_the_cache_are_held_for(way: Way) -> None:
    price = {"input": 1, "output": 0, "cached_input": 100}
    one = agent(price=price)
    usage = Usage(60, 1, cached_tokens=60)
    with opened(
        policy({"dollars": 0.0014, "every": "day"}, agents=[one]), a=Scripted("hi", usage=usage)
    ) as conductor:
        assert not tried(lambda: ask(conductor, "hello", way=way))


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_that_is_paid_for_cached_tokens_only_is_counted(way: Way) -> None:
    one = agent(price={"input": 0, "output": 0, "cached_input": 100})
    usage = Usage(60, 1, cached_tokens=60)
    with opened(
        policy({"dollars": 1, "every": "day"}, agents=[one]), a=Scripted("hi", usage=usage)
    ) as conductor:
        ask(conductor, "hello", way=way)

        assert spent(conductor).nano == 6_000_000


def test_long_numbers_in_tools_are_held_for_digit_by_digit() -> None:
    schema = {"type": "object", "properties": {"x": {"enum": [10**3000, 1e-300 / 3]}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    native: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "tools": [tool]}
    heavy = len(json.dumps(tool))
    usage = Usage(heavy, 10)
    dollars = (heavy * 100 + 10 * 400) / 1e6
    with opened(
        policy({"dollars": dollars, "every": "day"}), a=Scripted("hi", usage=usage)
    ) as conductor:
        assert not tried(lambda: conductor.call(native["messages"], tools=native["tools"]))


@pytest.mark.parametrize(
    ("way", "rate"),
    [
        *((way, "7/m") for way in WAYS),
        *(("call", rate) for rate in ("7/s", "13/h", "1000/m", "999/d", "37/10s")),
    ],
)
def test_a_burst_is_as_large_as_it_says(way: Way, rate: str) -> None:
    text = (
        f"agents: [{{id: a}}]\nrouting: {{default: a}}\nplugins: {{limits: {{requests: {rate}}}}}\n"
    )
    most = int(rate.partition("/")[0])
    conductor = Conductor.from_text(
        text, agents={"a": Scripted("hi")}, plugins=Plugins.installed(), clock=VirtualClock()
    )
    for _ in range(most):
        ask(conductor, "hello", way=way)
    with pytest.raises(Failure):
        ask(conductor, "hello", way=way)


@pytest.mark.parametrize("tenant", ["\ud800", "a\0b", "x" * 100_000, float("nan")])
@pytest.mark.parametrize("store", ["", "sqlite"])
@pytest.mark.parametrize("plugin", ["budget", "limits"])
def test_no_key_is_too_strange_to_be_counted(
    tenant: object, store: str, plugin: str, tmp_path: Any
) -> None:
    options: dict[str, object] = {"per": "metadata.tenant"}
    more = {
        "budget": {"dollars": 0.02, "every": "day"},
        "limits": {"requests": "1/h", "concurrent": 1},
    }
    document: dict[str, object] = {
        "agents": [agent()],
        "routing": {"default": "a"},
        "plugins": {plugin: {**options, **more[plugin]}},
    }
    if store:
        document["store"] = f"sqlite:{tmp_path}/c.db"
    with opened(json.dumps(document)) as conductor:
        ask(conductor, "hello", way="call", metadata={"tenant": tenant})
        with pytest.raises(Failure) as caught:
            ask(conductor, "hello", way="call", metadata={"tenant": tenant})
        assert caught.value.kind == {"budget": "budget", "limits": "limited"}[plugin]


@pytest.mark.parametrize("way", WAYS)
def test_a_key_that_cannot_be_written_is_refused_as_budget(way: Way) -> None:
    text = policy({"per": "metadata.tenant", "dollars": 1, "every": "day"})
    with opened(text) as conductor:
        with pytest.raises(Failure) as caught:
            ask(conductor, "hello", way=way, metadata={"tenant": {"1": 1, 1: 2}})
        assert caught.value.kind == "budget"


def test_a_stream_that_the_collector_closes_does_not_hold_up_others_for_ever() -> None:
    text = json.dumps(
        {
            "agents": [agent()],
            "routing": {"default": "a"},
            "plugins": {
                "budget": {"dollars": 1000, "every": "day"},
                "limits": {"requests": "1000000/s", "tokens": "100000000/s", "concurrent": 1000},
                "breaker": {},
                "metrics": {"path": None},
            },
        }
    )
    count = [0]

    def work(conductor: Conductor) -> None:
        for allocations in range(1, 500):
            gc.disable()
            stream = conductor.stream("hello")
            next(stream)
            circle: list[object] = [stream]
            circle.append(circle)
            del stream, circle
            gc.set_threshold(gc.get_count()[0] + allocations)
            gc.enable()
            conductor.call("hello")
            count[0] += 1

    before = gc.get_threshold()
    with opened(text, a=Scripted("hi", "ho", usage=CHEAP)) as conductor:
        worker = threading.Thread(target=work, args=(conductor,), daemon=True)
        worker.start()
        worker.join(40)
        gc.set_threshold(*before)
        gc.enable()

        assert count[0] == 499


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_that_is_dropped_in_a_circle_is_charged_as_held(way: Way) -> None:
    text = policy({"dollars": 1, "every": "day"})

    def in_a_circle(stream: object) -> None:
        circle: list[object] = [stream]
        circle.append(circle)

    async def read(conductor: Conductor) -> None:
        stream = conductor.astream("hello")
        await anext(stream)
        in_a_circle(stream)
        del stream
        gc.collect()
        await asyncio.sleep(0.05)

    with opened(text, a=Scripted("hi", "ho", usage=CHEAP)) as conductor:
        if way == "stream":
            stream = conductor.stream("hello")
            next(stream)
            in_a_circle(stream)
            del stream
            gc.collect()
        else:
            asyncio.run(read(conductor))
        until = time.monotonic() + 5
        while held(conductor) and time.monotonic() < until:
            time.sleep(0.01)

        assert (spent(conductor), held(conductor)) == (WORST, Money())


class Held:
    """An agent that answers once it is let go, and counts how many it answers at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.now = self.most = self.begun = 0
        self._lock = threading.Lock()

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Wait, then answer."""
        del attempt
        with self._lock:
            self.begun += 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            await Io(lambda: self.go.wait(20))
            yield Part("hi", usage=CHEAP, finish="stop")
        finally:
            with self._lock:
                self.now -= 1


def soon(true: Callable[[], bool]) -> bool:
    """Whether something comes true."""
    until = time.monotonic() + 8
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


CONCURRENT = """
agents: [{id: a}]
routing: {default: a}
plugins: {limits: {concurrent: %d, wait: 30s}}
"""


def test_a_raised_number_of_slots_serves_those_who_wait_already(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(CONCURRENT % 1)
    slow = Held()
    conductor = Conductor(file, agents={"a": slow})
    threads = [threading.Thread(target=conductor.call, args=("hello",)) for _ in range(4)]
    try:
        for thread in threads[:3]:
            thread.start()
        assert soon(lambda: slow.begun == 1)
        file.write_text(CONCURRENT % 4)
        assert conductor.reload()
        threads[3].start()

        assert soon(lambda: slow.now == 4)
    finally:
        slow.go.set()
        for thread in threads:
            thread.join(20)
        conductor.close()


def test_a_lowered_number_of_slots_holds_although_somebody_waits(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(CONCURRENT % 3)
    old, new = Held(), Held()
    conductor = Conductor(file, agents={"a": old})
    threads = [threading.Thread(target=conductor.call, args=("hello",)) for _ in range(7)]
    try:
        for thread in threads[:3]:
            thread.start()
        assert soon(lambda: old.now == 3)
        file.write_text(CONCURRENT % 1)
        assert conductor.reload()
        for thread in threads[3:]:
            thread.start()
        time.sleep(0.3)  # until they stand in line
        counted = [old.begun]
        old.answer = new.answer  # type: ignore[method-assign]  # who comes later is held up elsewhere
        old.go.set()
        assert soon(lambda: old.now == 0)
        time.sleep(0.3)
        counted.append(new.now)

        assert counted == [3, 1]
    finally:
        old.go.set()
        new.go.set()
        for thread in threads:
            thread.join(20)
        conductor.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_circuit_closes_although_a_reload_wants_fewer_probes(way: Way, tmp_path: Path) -> None:
    text = """
agents: [{id: a}]
routing: {default: a}
plugins: {breaker: {min_calls: 1, open_for: 10s, probes: %d}}
"""
    file, clock = tmp_path / "policy.yaml", VirtualClock()
    file.write_text(text % 3)
    flaky = Scripted(ConnectionError("reset"), takes=[["well"]])
    conductor = Conductor(file, agents={"a": flaky}, clock=clock)
    with pytest.raises(ConnectionError):
        ask(conductor, "hello", way=way)
    clock.advance(11)
    ask(conductor, "hello", way=way)
    file.write_text(text % 1)
    assert conductor.reload()

    clock.advance(3600)
    ask(conductor, "hello", way=way)

    assert breaker_of(conductor).state("a").error_rate == 0.0
    conductor.close()


JUDGED = """
agents:
  - {id: a}
  - {id: judge, price: {input: 100, output: 400}, max_output_tokens: 10, retry: {times: 0}}
routing: {default: a}
plugins:
  quality: {share: 1, score: {judge: judge, rubric: Good?}, dollars: %s, every: day}
"""


@pytest.mark.parametrize("way", ["call", "stream"])  # a loop that ends cancels what runs behind
@pytest.mark.parametrize(
    "end",
    [
        [Part("0."), ConnectionResetError("gone")],
        [Part("0.5", usage=Usage(), finish="stop")],
        [Part("0.5", usage=Usage(3, 1)), ConnectionResetError("gone")],
    ],
    ids=["broken", "without tokens", "broken late"],
)
def test_what_nobody_knows_of_a_judge_stays_taken(way: Way, end: list[Any]) -> None:
    judge = Scripted(*end, usage=None)
    conductor = Conductor.from_text(
        JUDGED % 0.1, agents={"a": Scripted("hi"), "judge": judge}, plugins=Plugins.installed()
    )
    for _ in range(40):
        ask(conductor, "hello", way=way)
        conductor.drain(5)
    conductor.close()

    assert 1 <= len(judge.asked) <= 6


class Away(MemoryStore):
    """A store that keeps what it has when it is closed, and can be away."""

    away = False

    def advance(self, *given: Any, **named: Any) -> float:
        """Move clocks, or fail."""
        if self.away:
            raise StoreError("away")
        return super().advance(*given, **named)

    def close(self) -> None:
        """Keep everything: another process goes on."""


class Somewhere:
    """Offers one store under an address of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @hookimpl
    def conductor_stores(self, register: Any) -> None:
        """Offer it."""
        register("somewhere", self._open)

    def _open(self, address: str) -> Store:
        del address
        return self._store


def shared(store: Store, limits: str, agent: object) -> Conductor:
    """Give a conductor whose limits are counted in a store."""
    plugins = Plugins.installed()
    plugins.add(Somewhere(store), "somewhere")
    text = "store: somewhere://\nagents: [{id: a}]\nrouting: {default: a}\nplugins: {limits: %s}\n"
    return Conductor.from_text(text % limits, agents={"a": agent}, plugins=plugins)


def test_what_many_owe_is_told_to_the_store_at_the_end() -> None:
    store, limits = Away(), "{per: metadata.tenant, tokens: 100/h, answer_tokens: 1}"
    conductor = shared(store, limits, Scripted(1.0, "hi", usage=Usage(10, 500)))

    async def all_at_once() -> None:
        calls = [conductor.acall("hello", metadata={"tenant": str(n)}) for n in range(150)]
        await asyncio.gather(*calls)

    asyncio.run(all_at_once())
    conductor.close()

    conductor = shared(store, limits, Scripted("hi"))
    for tenant in range(150):
        with pytest.raises(Failure):
            conductor.call("hello", metadata={"tenant": str(tenant)})
    conductor.close()


def test_no_thread_is_left_where_the_store_is_away_at_the_end() -> None:
    store, limits = Away(), "{tokens: 100/h, answer_tokens: 1, concurrent: 3}"
    conductor = shared(store, limits, Scripted("hi", usage=Usage(10, 500)))
    before = {thread for thread in threading.enumerate() if thread.name == "conductor-limits"}
    conductor.call("hello")
    threads = set(threading.enumerate()) - before
    keeper = next(one for one in threads if one.name == "conductor-limits")
    store.away = True
    conductor.close()

    assert soon(lambda: not keeper.is_alive())
