"""Calls at the same time, calls that are stopped, and calls whose end LangChain never tells."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from conductor_mw_langchain.attending import Attending
from conductor_mw_langchain.lens import LENS
from conductor_mw_langchain.payload import Payload
from conductor_mw_langchain.recognising import Model
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from pydantic import Field

from conductor_mw import Failure, Request
from tests.langchain.callbacks_kit import FIVE, SMALL, STREAMS, Way, ask, attending, each_way, spent
from tests.langchain.oracle import Oracle

WAITING = SMALL + "plugins: {limits: {concurrent: 1, wait: 60s, agents: [small]}}\n"

MINE = {"small-1": "small"}


class Stuck(Oracle):
    """An oracle that never answers an async caller; `began` says that it was asked."""

    began: asyncio.Event = Field(default_factory=asyncio.Event, exclude=True)

    async def _agenerate(self, messages: Any, *_: Any, **__: Any) -> Any:
        self.asked.append((messages, {}))
        self.began.set()
        await asyncio.Event().wait()


def test_fifty_threads_never_overspend_a_budget() -> None:
    handler, _ = attending(FIVE)
    model = Oracle(model="small-1")

    def call(_: int) -> bool:
        try:
            return bool(model.invoke("Hello", {"callbacks": [handler]}).text)
        except Failure:
            return False

    with ThreadPoolExecutor(50) as pool:
        answered = sum(pool.map(call, range(50)))

    assert (answered, len(model.asked), spent(handler)) == (5, 5, 35_000)
    assert handler.under_way == 0


async def test_two_hundred_tasks_never_overspend_a_budget() -> None:
    handler, _ = attending(FIVE)
    model = Oracle(model="small-1")
    asking = [model.ainvoke("Hello", {"callbacks": [handler]}) for _ in range(200)]

    found = await asyncio.gather(*asking, return_exceptions=True)

    assert sum(isinstance(one, Failure) for one in found) == 195
    assert (len(model.asked), spent(handler), handler.under_way) == (5, 35_000, 0)


async def test_a_call_that_is_cancelled_is_over_though_nobody_tells() -> None:
    handler, _ = attending(FIVE, models=MINE)
    model = Stuck(model="small-1")
    task = asyncio.create_task(model.ainvoke("Hello", {"callbacks": [handler]}))
    await model.began.wait()
    assert handler.under_way == 1

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)  # the loop tells of a task's end in its next turn

    assert handler.under_way == 0
    assert spent(handler) == 7_000  # it may have cost that much


async def test_a_long_lived_task_keeps_nothing_of_the_calls_that_it_made() -> None:
    handler, _ = attending()
    model = Oracle(model="small-1")
    task: Any = asyncio.current_task()
    before = len(task._callbacks or ())

    for _ in range(3):
        await model.ainvoke("Hello", {"callbacks": [handler]})

    assert len(task._callbacks or ()) == before


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_its_reader_leaves_is_over(way: Way) -> None:
    handler, records = attending(FIVE)
    model = Oracle(model="small-1")
    told: Any = {"callbacks": [handler]}

    def first() -> None:
        chunks: Any = model.stream("Hello", told)
        next(chunks)
        assert handler.under_way == 1
        chunks.close()

    async def afirst() -> None:
        chunks: Any = model.astream("Hello", told)
        await anext(chunks)
        assert handler.under_way == 1
        await chunks.aclose()

    first() if way == "stream" else asyncio.run(afirst())

    assert (handler.under_way, spent(handler)) == (0, 7_000)
    assert records.told("attempt_ended")[0]["finish"] == "cut"


def test_a_call_that_nobody_ends_counts_as_stopped_after_a_while() -> None:
    handler, records = attending(FIVE)
    now = [0.0]
    calls = Attending(handler.conductor, models={}, lost_after=60.0, monotonic=lambda: now[0])

    calls.begin(uuid4(), asked(), Model("oracle", "small-1"))
    now[0] = 59.0
    calls.begin(uuid4(), asked(), Model("oracle", "small-1"))
    assert len(calls) == 2
    now[0] = 61.0
    calls.begin(uuid4(), asked(), Model("oracle", "small-1"))

    assert len(calls) == 2
    assert [one["finish"] for one in records.told("attempt_ended")] == ["cut"]
    calls.close()
    assert len(calls) == 0


def test_the_end_of_a_call_that_never_began_is_nothing() -> None:
    handler, records = attending()
    calls = Attending(handler.conductor, models={})

    calls.end(uuid4(), object())
    calls.fail(uuid4(), ValueError())

    assert records.events == []


@pytest.mark.parametrize("way", ["invoke", "stream"])
async def test_a_sync_call_works_inside_a_running_event_loop(way: Way) -> None:
    handler, records = attending()

    assert ask(Oracle(model="small-1"), "Hello", way, handler).text
    assert len(records.told("attempt_ended")) == 1


async def test_nobody_waits_for_room_inside_an_event_loop() -> None:
    handler, _ = attending(WAITING, models=MINE)
    model = Stuck(model="small-1")
    first = asyncio.create_task(model.ainvoke("Hello", {"callbacks": [handler]}))
    await model.began.wait()

    with pytest.raises(Failure, match="inside an event loop") as refused:
        await model.ainvoke("Hello", {"callbacks": [handler]})

    assert refused.value.kind == "limited"
    assert len(model.asked) == 1
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first


async def test_a_handler_that_is_not_inline_waits_for_room_in_a_thread() -> None:
    handler, _ = attending(WAITING, run_inline=False)
    model = Oracle(model="small-1")
    asking = [model.ainvoke("Hello", {"callbacks": [handler]}) for _ in range(4)]

    answers = await asyncio.gather(*asking)

    assert [bool(one.text) for one in answers] == [True] * 4
    assert (len(model.asked), handler.under_way) == (4, 0)


async def test_a_handler_that_is_not_inline_refuses_as_well() -> None:
    handler, _ = attending(FIVE, run_inline=False)
    model = Oracle(model="small-1")
    asking = [model.ainvoke("Hello", {"callbacks": [handler]}) for _ in range(20)]

    found = await asyncio.gather(*asking, return_exceptions=True)

    assert sum(isinstance(one, Failure) for one in found) == 15
    assert len(model.asked) == 5


@each_way
def test_an_answer_of_langchains_own_cache_costs_nothing(way: Way) -> None:
    handler, _ = attending(FIVE)
    model = Oracle(model="small-1", cache=InMemoryCache())
    ask(model, "Hello", "invoke", handler)

    for _ in range(3):
        ask(model, "Hello", "ainvoke" if "ain" in way else "invoke", handler)

    assert len(model.asked) == 1
    assert spent(handler) == 7_000


def test_a_stream_that_is_forgotten_is_over_when_python_forgets_it() -> None:
    handler, _ = attending(FIVE)
    chunks: Any = Oracle(model="small-1").stream("Hello", {"callbacks": [handler]})
    next(chunks)

    del chunks
    gc.collect()

    assert handler.under_way == 0


def asked() -> Request:
    return Request(Payload([HumanMessage("Hello")]), LENS)
