"""Carry out effects for a sync caller, in its own thread and without any event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, ClassVar, Final, TypeVar, cast

from conductor_mw.effects import (
    END,
    Attempt,
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
from conductor_mw.errors import ColourError
from conductor_mw.parts import Outcome, Part, Parts

from .background import tell_fault
from .host import AT_ONCE, Host, Running, Settling, unhooked

T = TypeVar("T")

THREADS: Final = "conductor"
"""What every thread that a driver begins is called; a profile or a dump tells them apart."""


def stream(host: Host, flow: Parts) -> Generator[Part, None, None]:
    """Yield the parts of a flow without any event loop, so that it also works inside one."""
    context = copy_context()
    driver = SyncDriver(host)
    ended = False
    try:
        while True:
            try:
                part = context.run(unhooked, driver.next_of, flow)
            except StopAsyncIteration:
                ended = True
                return
            yield part
    finally:
        if not ended:  # closing what has ended does nothing, at a twentieth of a call's time
            context.run(unhooked, driver.close_of, flow)


# A branch that is no longer needed stops where it would wait, or has just waited. It does not stop
# at a plugin's own I/O, nor where something is let go of: a layer that settles what was spent does
# so undisturbed. What has just begun (`Attempt`, `Open`) is not thrown away either.
_WAITS: Final = frozenset((Next, Read, Sleep, Wait, Gather))
_STOPS: Final = _WAITS | {Attempt, Open, Spawn}


class Abandoned(BaseException):
    """A sync branch is no longer needed: it stops at its next wait and closes its layers."""


class SyncDriver:
    """Carries out effects in the calling thread."""

    __slots__ = ("_abandoned", "_before", "_branches", "_host", "_told")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._before: tuple[float, str] | None = None
        self._abandoned = self._told = False
        self._branches: Sequence[SyncDriver] = ()

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a step of a flow to its end, carrying out what it awaits."""
        try:
            effect: object = step.send(None)
            while True:
                sort = type(effect)
                if self._abandoned and sort in _STOPS:
                    effect = step.throw(self._abandon())
                    continue
                try:
                    found = self.perform(effect)
                except BaseException as error:
                    effect = step.throw(error)
                else:
                    if self._abandoned and sort in _WAITS:
                        effect = step.throw(self._abandon())
                    else:
                        effect = step.send(found)
        except StopIteration as stop:
            found_last: T = stop.value
            return found_last

    def abandon(self) -> None:
        """Stop at the next wait, and so the branches that are waited for; once, from any thread."""
        if not self._told:
            self._told = self._abandoned = True
            for branch in self._branches:
                branch.abandon()

    def _abandon(self) -> Abandoned:
        self._abandoned = False  # once: closing the layers may need to wait again
        return Abandoned()

    def next_of(self, flow: Parts) -> Part:
        """Give a flow's next part."""
        return self.run(flow.__anext__())

    def close_of(self, flow: Parts) -> None:
        """Close a flow."""
        self.run(flow.aclose())

    def perform(self, effect: object) -> object:
        """Carry out one effect."""
        sort = type(effect)
        at_once = AT_ONCE.get(sort)
        if at_once is not None:
            return at_once(self._host, effect)
        performer = self._performers.get(sort)
        if performer is None:
            raise ColourError(
                f"a plugin awaited {effect!r} while a sync caller was waiting",
                mend="Say the I/O as `await Io(sync=..., aio=...)`, or call the async API.",
            )
        return performer(self, effect)

    def _next(self, effect: Next) -> Part | Outcome:
        running: Running = effect.handle  # type: ignore[assignment]  # whoever begins an attempt gets one
        tally, clock = running.tally, self._host.clock
        if tally.outcome is not None:
            return tally.outcome
        outer, self._before = self._before, tally.before(clock.monotonic())
        try:
            self._still_time()
            part = self.run(running.parts.__anext__())
            tally.part(part, clock.monotonic())
            # A blocking call cannot be interrupted: what came too late is dropped here, so that
            # both colours see the same timeouts. Its tokens count all the same.
            self._still_time()
        except StopAsyncIteration:
            return tally.end(clock.monotonic())
        except Exception as error:
            return tally.end(clock.monotonic(), error)
        finally:
            self._before = outer
        return part

    def _close(self, effect: Close) -> Outcome:
        running = cast("Running", effect.handle)
        cut = running.tally.outcome is None
        try:
            self.run(running.parts.aclose())
        finally:
            outcome = running.tally.end(self._host.clock.monotonic(), cut=cut)
        return outcome

    def _sleep(self, effect: Sleep) -> None:
        seconds = effect.seconds
        if self._before is not None:
            seconds = min(seconds, max(0.0, self._before[0] - self._host.clock.monotonic()))
        self._host.clock.sleep(seconds)
        if seconds < effect.seconds:
            raise TimeoutError(cast("tuple[float, str]", self._before)[1])

    def _still_time(self) -> None:
        if self._before is not None and self._host.clock.monotonic() > self._before[0]:
            raise TimeoutError(self._before[1])

    def _open(self, effect: Open[Any]) -> HostStream[Any]:
        return HostStream(effect.sync())

    def _read(self, effect: Read[Any]) -> object:
        return next(cast("Iterator[Any]", effect.handle), END)

    def _shut(self, effect: Shut) -> None:
        close = getattr(effect.handle, "close", None)
        if close is not None:
            close()

    def _io(self, effect: Io[Any]) -> object:
        return effect.sync()

    def _wait(self, effect: Wait) -> bool:
        woken = threading.Event()
        if effect.latch.subscribe(woken.set):
            return True
        try:
            return self._wake(woken, effect.seconds)
        finally:
            effect.latch.forget(woken.set)

    def _wake(self, woken: threading.Event, seconds: float | None) -> bool:
        if self._before is None:
            return woken.wait(seconds)
        left = max(0.0, self._before[0] - self._host.clock.monotonic())
        if seconds is not None and seconds <= left:
            return woken.wait(seconds)
        if woken.wait(left):
            return True
        raise TimeoutError(self._before[1])

    def _gather(self, effect: Gather[Any]) -> tuple[Settled[Any], ...]:
        # One thread a branch, not a shared pool: in a pool of fixed size, branches that gather
        # themselves wait for threads which their own parents hold. Daemons, because an abandoned
        # call that hangs must not keep the process from ending.
        ended: SimpleQueue[Settled[Any]] = SimpleQueue()
        drivers = [SyncDriver(self._host.of_branch()) for _ in effect.branches]
        settled = Settling(len(drivers), effect.until)
        outer, self._branches = self._branches, drivers
        try:
            if self._abandoned:  # while the branches were made
                raise self._abandon()
            for index, make in enumerate(effect.branches):
                drivers[index]._before = self._before
                work = (copy_context().run, drivers[index]._branch, index, make, ended)
                threading.Thread(None, work[0], THREADS, work[1:], daemon=True).start()
            while not settled.enough:
                settled.add(ended.get(timeout=self._left(effect.deadline)))
        except Empty:
            pass  # the deadline passed: what has not ended is no longer needed
        finally:
            self._branches = outer
            for index, driver in enumerate(drivers):
                if settled.open(index):
                    driver.abandon()
        return settled.result

    def _within(self, effect: Within[Any]) -> object:
        return effect.context.run(self.run, effect.step())

    def _spawn(self, effect: Spawn) -> bool:
        background = self._host.background
        if not background.enter():
            return False
        # A daemon: what nobody waits for must not keep the process from ending.
        work = (copy_context().run, SyncDriver(self._host)._detached, effect.work)
        try:
            threading.Thread(None, work[0], THREADS, work[1:], daemon=True).start()
        except (
            RuntimeError
        ):  # no more threads, or the process ends: the answer is whole all the same
            background.leave()
            return False
        return True

    def _detached(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            self.run(work())
        except BaseException as error:
            tell_fault(error)
        finally:
            self._host.background.leave()

    def _branch(
        self,
        index: int,
        make: Callable[[], Coroutine[Any, Any, Any]],
        ended: SimpleQueue[Settled[Any]],
    ) -> None:
        try:
            ended.put(Settled(index, self.run(make())))
        except BaseException as error:
            ended.put(Settled(index, error=error))

    def _left(self, deadline: float | None) -> float | None:
        return None if deadline is None else max(0.0, deadline - self._host.clock.monotonic())

    _performers: ClassVar[Mapping[type, Callable[..., Any]]] = {
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
