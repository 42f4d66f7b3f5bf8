"""Carry out effects for an async caller, on the running event loop."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
    Mapping,
)
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

from conductor_mw.effects import (
    END,
    Close,
    Gather,
    HostStream,
    Io,
    Next,
    Open,
    Read,
    Settled,
    Shut,
    Sleep,
    Spawn,
    Wait,
    Within,
)
from conductor_mw.parts import Part, Parts

from .background import tell_fault
from .host import AT_ONCE, Host, Running, Settling, hooked, unhooked
from .threaded import Threaded, called, in_thread

T = TypeVar("T")
_UNDER_WAY: Final[set[asyncio.Task[None]]] = set()  # a loop holds its tasks weakly
Steps = Generator[Any, Any, Any]


async def astream(host: Host, flow: Parts) -> AsyncGenerator[Part, None]:
    """Yield the parts of a flow on the running event loop."""
    run: Callable[..., Any] = copy_context().run
    within = partial(run, unhooked)
    driver = AsyncDriver(host)
    ended = False
    try:
        while True:
            try:
                part = await _Steps(within, driver.next_of(flow))
            except StopAsyncIteration:
                ended = True
                return
            yield part
    finally:
        if not ended:
            await _Steps(within, driver.close_of(flow))


class AsyncDriver:
    """Carries out effects on the running event loop."""

    __slots__ = ("_before", "_host")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._before: tuple[float, str] | None = None

    def run(self, step: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Run a step of a flow to its end; what is no effect goes to the event loop itself."""
        try:
            effect: object = step.send(None)
            while True:
                try:
                    sort = type(effect)
                    if (at_once := AT_ONCE.get(sort)) is not None:
                        found = at_once(self._host, effect)
                    elif (performer := self._performers.get(sort)) is not None:
                        found = yield from performer(self, effect)
                    else:
                        found = yield effect
                except BaseException as error:
                    effect = step.throw(error)
                else:
                    effect = step.send(found)
        except StopIteration as stop:
            return cast("T", stop.value)

    def next_of(self, flow: Parts) -> Generator[Any, Any, Part]:
        """Give a flow's next part."""
        return (yield from self.run(flow.__anext__()))

    def close_of(self, flow: Parts) -> Generator[Any, Any, None]:
        """Close a flow."""
        yield from self.run(flow.aclose())

    def _next(self, effect: Next) -> Steps:
        running = cast("Running", effect.handle)
        tally, clock = running.tally, self._host.clock
        if tally.outcome is not None:
            return tally.outcome
        outer, self._before = self._before, tally.before(clock.monotonic())
        try:
            if self._before is None:
                part = yield from self.run(running.parts.__anext__())
            else:
                part = yield from self._in_time(running.parts, *self._before).__await__()
            now = clock.monotonic()
            tally.part(part, now)  # also what came too late: its tokens count all the same
            self._still_time(now)
        except StopAsyncIteration:
            return tally.end(clock.monotonic())
        except Exception as error:
            return tally.end(clock.monotonic(), error)
        finally:
            self._before = outer
        return part

    def _still_time(self, now: float) -> None:
        if self._before is not None and now > self._before[0]:
            raise TimeoutError(self._before[1])

    async def _in_time(self, parts: Parts, before: float, problem: str) -> Part:
        left = before - self._host.clock.monotonic()
        if left < 0:
            raise TimeoutError(problem)
        limit = asyncio.timeout(left)
        try:
            async with limit:
                part = await _Awaitable(self.run(parts.__anext__()))
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(problem) from error
            raise
        return part

    def _close(self, effect: Close) -> Steps:
        running = cast("Running", effect.handle)
        cut = running.tally.outcome is None
        try:
            yield from self.run(running.parts.aclose())
        finally:
            outcome = running.tally.end(self._host.clock.monotonic(), cut=cut)
        return outcome

    def _sleep(self, effect: Sleep) -> Steps:
        seconds = effect.seconds
        if self._before is not None:
            seconds = min(seconds, max(0.0, self._before[0] - self._host.clock.monotonic()))
        yield from self._host.clock.asleep(seconds).__await__()
        if seconds < effect.seconds:
            raise TimeoutError(cast("tuple[float, str]", self._before)[1])

    def _open(self, effect: Open[Any]) -> Steps:
        return _stream((yield from _of_host(_opened(effect))))

    def _read(self, effect: Read[Any]) -> Steps:
        items = cast("AsyncIterator[Any]", effect.handle)
        try:
            coming = items.__anext__()  # without hooks: the stream itself is ours to close
        except StopAsyncIteration:
            return END
        return (yield from _of_host(_next_item(coming)))

    def _shut(self, effect: Shut) -> Steps:
        # SDKs' async streams (openai, anthropic) call it `close`.
        close = getattr(effect.handle, "aclose", None) or getattr(effect.handle, "close", None)
        if close is not None and isinstance(closing := close(), Awaitable):
            yield from _of_host(_awaited(cast("Awaitable[object]", closing)))

    def _io(self, effect: Io[Any]) -> Steps:
        if effect.aio is not None:
            return (yield from _of_host(_awaited(effect.aio())))
        begin = in_thread if effect.abandonable else asyncio.to_thread
        return (yield from begin(called, effect.sync).__await__())

    def _wait(self, effect: Wait) -> Steps:
        loop = asyncio.get_running_loop()
        woken = loop.create_future()

        def set_woken() -> None:
            if not woken.done():
                woken.set_result(None)

        def wake() -> None:
            with suppress(RuntimeError):  # the loop that waited is gone: nobody is left to wake
                loop.call_soon_threadsafe(set_woken)

        if effect.latch.subscribe(wake):
            return True
        try:
            return (yield from self._woken(woken, effect).__await__())
        finally:
            effect.latch.forget(wake)

    async def _woken(self, woken: Future[None], effect: Wait) -> bool:
        # Not `wait_for`: on Python 3.11 it swallows a cancellation that comes as the latch opens.
        try:
            async with asyncio.timeout(effect.seconds):
                await woken
        except TimeoutError:
            return effect.latch.opened
        return True

    def _gather(self, effect: Gather[Any]) -> Steps:
        return (yield from self._together(effect).__await__())

    async def _together(self, effect: Gather[Any]) -> tuple[Settled[Any], ...]:
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(
                self._branch(AsyncDriver(self._host.of_branch()), index, make),
                context=copy_context(),
            )
            for index, make in enumerate(effect.branches)
        ]
        waiting = set(tasks)
        settled = Settling(len(tasks), effect.until)
        try:
            while not settled.enough:
                left = (
                    None
                    if effect.deadline is None
                    else max(0.0, effect.deadline - self._host.clock.monotonic())
                )
                ended, waiting = await asyncio.wait(
                    waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if not ended:
                    break  # the deadline passed: what has not ended is no longer needed
                for task in sorted(ended, key=tasks.index):
                    settled.add(task.result())
        finally:
            for task in waiting:
                task.cancel()
            await _ended(waiting)
        return settled.result

    def _within(self, effect: Within[Any]) -> Steps:
        steps = self.run(effect.step())
        return (yield from _Steps(effect.context.run, steps).__await__())

    def _spawn(self, effect: Spawn) -> Steps:
        background = self._host.background
        if not background.enter():
            return False
        task = asyncio.get_running_loop().create_task(
            self._detached(effect.work), context=copy_context()
        )
        _UNDER_WAY.add(task)
        task.add_done_callback(_UNDER_WAY.discard)
        task.add_done_callback(lambda _: background.leave())
        yield from ()
        return True

    async def _detached(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await _Steps(unhooked, AsyncDriver(self._host).run(work()))
        except Exception as error:
            tell_fault(error)

    async def _branch(
        self, driver: AsyncDriver, index: int, make: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Settled[Any]:
        driver._before = self._before
        try:
            return Settled(index, await _Steps(unhooked, driver.run(make())))
        except asyncio.CancelledError as error:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return Settled(index, error=error)
        except Exception as error:
            return Settled(index, error=error)

    _performers: ClassVar[Mapping[type, Callable[..., Steps]]] = {
        Next: _next,
        Close: _close,
        Read: _read,
        Open: _open,
        Shut: _shut,
        Sleep: _sleep,
        Io: _io,
        Wait: _wait,
        Gather: _gather,
        Spawn: _spawn,
        Within: _within,
    }


@dataclass(slots=True)
class _Awaitable(Generic[T]):
    """Lets a coroutine await a driver's steps."""

    steps: Generator[Any, Any, T]

    def __await__(self) -> Generator[Any, Any, T]:
        return self.steps


@dataclass(slots=True)
class _Steps(Generic[T]):
    """Awaits steps, each of them carried out by `run`: in one context, without the loop's hooks."""

    run: Callable[..., Any]
    steps: Generator[Any, Any, T]

    def __await__(self) -> Generator[Any, Any, T]:
        run, steps = self.run, self.steps
        try:
            waiting = run(steps.send, None)
            while True:
                try:
                    found = yield waiting
                except BaseException as error:
                    waiting = run(steps.throw, error)
                else:
                    waiting = run(steps.send, found)
        except StopIteration as stop:
            return cast("T", stop.value)


async def _ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Wait until cancelled tasks have ended, also where whoever waits is cancelled meanwhile.

    What they close must be closed before the flow around them closes. Only who is cancelled again
    and again interrupts their closing.
    """
    cancelled: asyncio.CancelledError | None = None
    while tasks:
        try:
            _, tasks = await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            if cancelled is not None:
                for task in tasks:
                    task.cancel()
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _opened(effect: Open[Any]) -> object:
    if effect.aio is None:
        return Threaded(await in_thread(called, effect.sync), copy_context())
    opened: object = effect.aio()
    if isinstance(opened, Awaitable):
        return await cast("Awaitable[object]", opened)
    return opened


def _stream(handle: object) -> HostStream[Any]:
    return HostStream(handle)


async def _next_item(coming: Awaitable[object]) -> object:
    try:
        return await coming
    except StopAsyncIteration:
        return END


async def _awaited(found: Awaitable[object]) -> object:
    return await found


def _of_host(found: Coroutine[Any, Any, object]) -> Steps:
    """Await the host's own code, with the loop's hooks; written out, for every part comes by."""
    try:
        waiting = hooked(found.send, None)
        while True:
            try:
                sent = yield waiting
            except BaseException as error:
                waiting = hooked(found.throw, error)
            else:
                waiting = hooked(found.send, sent)
    except StopIteration as stop:
        return stop.value
