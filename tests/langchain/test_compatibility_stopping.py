"""Where a caller stops early, everything that was begun ends; events come in order."""
# ruff: noqa: ARG002 - the arguments are LangChain's

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core._api import LangChainBetaWarning
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field

from tests.langchain.oracle import Oracle
from tests.langchain.ways import ONE, Traces, routed

BETA = f"ignore::{LangChainBetaWarning.__module__}.{LangChainBetaWarning.__name__}"


class Open(Oracle):
    """Says when its stream ends, however it ends."""

    ended: list[str] = Field(default_factory=list[str])
    begun: list[str] = Field(default_factory=list[str])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        try:
            yield from super()._stream(messages, stop, **kwargs)
        finally:
            self.ended.append("stream")

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        try:
            for number, chunk in enumerate(super()._stream(messages, stop, **kwargs)):
                if number == 3:
                    await asyncio.sleep(30)
                yield chunk
        finally:
            self.ended.append("astream")

    async def _agenerate(self, *_: Any, **__: Any) -> Any:
        self.begun.append("agenerate")
        try:
            await asyncio.sleep(30)
        finally:
            self.ended.append("agenerate")


BUSY = ONE + "plugins: {limits: {concurrent: 1}}\n"
"""A second call is refused while a first one is open, so a layer that was not closed shows."""


class Watched:
    """A routed model, and what it tells of what it began."""

    def __init__(self) -> None:
        self.child = Open(model="small-1", ended=[])
        self.traces = Traces()
        self.model = ConductorChatModel(policy=BUSY, agents={"small": self.child})
        self.config: Any = {"callbacks": [self.traces]}

    def check(self, ended: str) -> None:
        """Everything that was begun has ended, once."""
        assert self.child.ended == [ended]
        self.check_ours()
        assert all(run.end_time is not None for run in self.traces.roots[0].child_runs)

    def check_ours(self) -> None:
        """The conductor's run has ended, and its layers have let go."""
        (root,) = self.traces.roots
        assert root.end_time is not None
        assert list(self.model.stream("Hello"))


def test_a_sync_reader_who_closes_ends_everything() -> None:
    watched = Watched()
    chunks: Any = watched.model.stream("Hello", watched.config)
    next(chunks)

    chunks.close()

    watched.check("stream")


def test_a_sync_reader_who_just_leaves_ends_everything() -> None:
    watched = Watched()

    for _ in watched.model.stream("Hello", watched.config):
        break
    gc.collect()

    watched.check("stream")


def test_a_reader_who_never_began_leaves_nothing_behind() -> None:
    watched = Watched()

    watched.model.stream("Hello", watched.config)
    gc.collect()

    assert watched.child.ended == []
    assert watched.traces.roots == []
    assert list(watched.model.stream("Hello"))


async def test_an_async_reader_who_closes_ends_everything() -> None:
    watched = Watched()
    chunks: Any = watched.model.astream("Hello", watched.config)
    await anext(chunks)

    await chunks.aclose()

    watched.check("astream")


async def test_an_async_reader_who_just_leaves_ends_everything() -> None:
    watched = Watched()

    async for _ in watched.model.astream("Hello", watched.config):
        break
    for _ in range(20):  # the loop closes what nobody holds
        gc.collect()
        await asyncio.sleep(0)

    watched.check("astream")


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_a_task_that_is_cancelled_ends_everything(way: str) -> None:
    watched = Watched()

    async def ask() -> None:
        if way == "ainvoke":
            await watched.model.ainvoke("Hello", watched.config)
        async for _ in watched.model.astream("Hello", watched.config):
            pass

    task = asyncio.create_task(ask())
    while not watched.child.asked and not watched.child.begun:  # noqa: ASYNC110 - it runs here
        await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert watched.child.ended == ["agenerate" if way == "ainvoke" else "astream"]
    assert list(watched.model.stream("Hello"))
    (root,) = watched.traces.roots
    assert "Cancelled" in str(root.error)


async def test_a_timeout_around_a_call_ends_everything() -> None:
    watched = Watched()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await watched.model.ainvoke("Hello", watched.config)

    assert watched.child.ended == ["agenerate"]
    assert list(watched.model.stream("Hello"))


async def test_events_of_version_2_come_in_order() -> None:
    model = routed(small={"fails": ConnectionError("down")})

    events = [
        (event["event"], event["name"])
        async for event in model.astream_events("Hello", version="v2")
    ]

    started = [one for one in events if "stream" not in one[0]]
    assert started == [
        ("on_chain_start", "ConductorChatModel"), ("on_chat_model_start", "Oracle"),
        ("on_chat_model_start", "Oracle"), ("on_chat_model_end", "Oracle"),
        ("on_chain_end", "ConductorChatModel"),
    ]  # fmt: skip
    of_model = [one for one in events if one == ("on_chat_model_stream", "Oracle")]
    of_chain = [one for one in events if one == ("on_chain_stream", "ConductorChatModel")]
    assert len(of_model) == len(of_chain) == 9


ORDER = [
    "message-start", "content-block-start", *["content-block-delta"] * 7, "content-block-finish",
    "message-finish",
]  # fmt: skip


@pytest.mark.filterwarnings(BETA)
@pytest.mark.parametrize("when", ["start", "silent"])
async def test_events_of_version_3_are_those_of_the_child_that_spoke(when: Any) -> None:
    model: Any = routed(small={"fails": ConnectionError("down"), "when": when})

    sync = list(model.stream_events("Hello", version="v3"))
    events = [event async for event in await model.astream_events("Hello", version="v3")]

    for found in (sync, events):
        assert [event["event"] for event in found] == ORDER
        said = [event["delta"]["text"] for event in found if event["event"] == ORDER[2]]
        assert "".join(said) == "Hello from large-1, nice to see you"


@pytest.mark.filterwarnings(BETA)
def test_a_sync_reader_who_leaves_the_events_of_version_3_ends_everything() -> None:
    watched = Watched()
    asked: Any = watched.model

    for _ in asked.stream_events("Hello", config=watched.config, version="v3"):
        break
    for _ in range(3):  # each stream is let go when the one around it is
        gc.collect()

    assert watched.child.ended == ["stream"]
    watched.check_ours()


@pytest.mark.filterwarnings(BETA)
async def test_an_async_reader_who_leaves_the_events_of_version_3_ends_everything() -> None:
    watched = Watched()
    asked: Any = watched.model

    async with await asked.astream_events("Hello", config=watched.config, version="v3") as events:
        await anext(aiter(events))

    watched.check_ours()
    (child,) = watched.traces.roots[0].child_runs
    assert "Cancelled" in str(child.error)
