"""A host's sync functions and iterators, carried out in threads for an async caller."""

from __future__ import annotations

import asyncio
import os
import threading
from asyncio import Future
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from conductor_mw.effects import END

from .sync import THREADS

T = TypeVar("T")
MOST: Final = 256
"""Functions that threads carry out at once in one process; more of them wait."""
_IDLE: Final = 5.0


class Threads:
    """Threads that begin when they are needed, serve again, and end when they are idle.

    Not the event loop's own: a call that nobody waits for any more cannot be interrupted. A few of
    them would fill the loop's small pool, in which the whole app looks up the names of hosts, and
    the loop waits for its pool when it ends. Daemons, so that the process ends all the same.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._alive = 0
        self._spare = 0  # threads that are idle, less work that no thread took yet

    def begin(self, work: Callable[[], None]) -> None:
        """Carry out work that raises nothing, as soon as a thread is free."""
        with self._lock:
            if self._spare > 0 or self._alive >= MOST:
                self._spare -= 1
            else:
                threading.Thread(target=self._serve, name=THREADS, daemon=True).start()
                self._alive += 1
            self._work.put(work)

    def _serve(self) -> None:
        while (work := self._next()) is not None:
            work()
            del work  # an idle thread must keep nothing alive
            with self._lock:
                self._spare += 1

    def _next(self) -> Callable[[], None] | None:
        try:
            return self._work.get(timeout=_IDLE)
        except Empty:
            with self._lock:
                if self._work.empty():
                    self._alive -= 1
                    self._spare -= 1
                    return None
            return self._work.get()


_threads = Threads()


def _forget() -> None:
    global _threads  # noqa: PLW0603 - a fork leaves no threads
    _threads = Threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def in_thread(function: Callable[..., T], *values: object) -> Future[T]:
    """Begin to carry out a function that may be left behind, in a copy of this context."""
    return _in_thread(copy_context(), function, *values)


class Threaded:
    """Reads a sync iterator for an async caller, each item in a thread, all in one context."""

    def __init__(self, items: Iterator[Any], context: Context) -> None:
        self._items = items
        self._context = context
        self._reading: Future[object] | None = None

    def __aiter__(self) -> Threaded:
        return self

    async def __anext__(self) -> Any:
        self._reading = _in_thread(self._context, next, self._items, END)
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
                with suppress(RuntimeError):  # the loop is ending
                    _in_thread(self._context, close)

            reading.add_done_callback(close_later)
            return
        await _in_thread(self._context, close)


def _in_thread(context: Context, function: Callable[..., T], *values: object) -> Future[T]:
    loop = asyncio.get_running_loop()
    future: Future[T] = loop.create_future()

    def work() -> None:
        if future.cancelled():
            return
        try:
            end = partial(_give, future, context.run(called, function, *values))
        except BaseException as error:
            end = partial(_fail, future, error)
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(end)

    _threads.begin(work)
    return future


def called(function: Callable[..., T], *values: object) -> T:
    """Give what a function gives, to whoever awaits it."""
    try:
        return function(*values)
    except StopIteration as error:
        # A future cannot hold it: on Python 3.11 whoever awaits would wait for ever.
        raise RuntimeError("a function raised StopIteration") from error


def _give(future: Future[T], found: T) -> None:
    if not future.done():
        future.set_result(found)


def _fail(future: Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
