"""A stream that is read in several tasks is one call, and costs what it costs."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.langchain.callbacks_kit import FIVE, attending, spent
from tests.langchain.oracle import Oracle


async def test_a_stream_whose_parts_are_read_in_a_task_each_is_over_at_its_end() -> None:
    handler, records = attending(FIVE)
    chunks: Any = Oracle(model="small-1").astream("Hello", {"callbacks": [handler]})
    begun = await asyncio.create_task(anext(chunks))
    assert handler.under_way == 1

    while await asyncio.create_task(_read(chunks)):
        pass

    assert begun is not None
    assert (handler.under_way, spent(handler)) == (0, 7_000)
    assert [one["finish"] for one in records.told("attempt_ended")] == ["stop"]


async def test_a_stream_whose_reader_is_cancelled_is_over() -> None:
    handler, records = attending(FIVE)
    chunks: Any = Oracle(model="small-1").astream("Hello", {"callbacks": [handler]})
    await asyncio.create_task(anext(chunks))

    async def leave() -> None:
        await chunks.aclose()

    await asyncio.create_task(leave())

    assert handler.under_way == 0
    assert [one["finish"] for one in records.told("attempt_ended")] == ["cut"]


async def _read(chunks: Any) -> bool:
    return await anext(chunks, None) is not None
