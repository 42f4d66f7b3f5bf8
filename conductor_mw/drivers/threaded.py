"""A host's sync functions and iterators, carried out in threads for an async caller."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

from conductor_mw.effects import END

T = TypeVar("T")


class Threaded:
    """Reads a sync iterator for an async caller, each item in a thread, all in one context."""

    def __init__(self, items: Iterator[Any], context: Context) -> None:
        self._items = items
        self._context = context
        self._reading: Future[object] | None = None

    def __aiter__(self) -> Threaded:
        return self

    async def __anext__(self) -> Any:
        self._reading = self._threaded(next, self._items, END)
        item = await asyncio.shield(self._reading)
        if item is END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close what is read, where it can be closed."""
        close = getattr(self._items, "close", None)
        if close is None:
            return
        reading = self._reading
        if reading is not None and not reading.done():
            # A thread cannot be interrupted, and a generator that runs cannot be closed: it is
            # closed as soon as its item has come, and nobody waits for that.
            def close_later(_: Future[object]) -> None:
                with suppress(RuntimeError):  # the loop is ending, and its threads with it
                    self._threaded(close)

            reading.add_done_callback(close_later)
            return
        await self._threaded(close)

    def _threaded(self, function: Callable[..., object], *values: object) -> Future[object]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(None, partial(self._context.run, called, function, *values))


def called(function: Callable[..., T], *values: object) -> T:
    """Give what a function gives; a thread runs it."""
    try:
        return function(*values)
    except StopIteration as error:
        # A future cannot hold it: on Python 3.11 whoever awaits would wait for ever.
        raise RuntimeError("a function raised StopIteration") from error
