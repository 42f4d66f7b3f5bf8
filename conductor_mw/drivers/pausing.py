"""Carry out a flow that stands still while the app makes its own call, and goes on when told.

Nobody waits in between, no thread and no task: a run that pauses is an object that somebody keeps.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar, cast

from conductor_mw.effects import Close, Effect, Next, Sleep, Wait
from conductor_mw.errors import Failure
from conductor_mw.parts import Outcome, Part
from conductor_mw.request import Request

from .host import Host, Running
from .sync import Abandoned, SyncDriver

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause(Effect[object]):
    """Stand still until the app has made its call; gives what the app got, in the host's form.

    Attributes:
        request: what would be sent, as the layers left it.
    """

    request: Request


Steps: TypeAlias = Generator[Pause, object, T]


class PausingDriver:
    """Carries out effects in the calling thread, and hands every `Pause` out.

    Attributes:
        patient: whether a layer may wait, for room for example. Where the thread runs an event
            loop, what is waited for may never come.
    """

    __slots__ = ("_clock", "_rest", "patient")

    def __init__(self, host: Host, *, patient: bool) -> None:
        self._rest = SyncDriver(host)
        self._clock = host.clock
        self.patient = patient

    def steps(self, flow: Coroutine[object, object, T]) -> Steps[T | None]:
        """Give a whole flow, pause by pause; closing it in a pause lets every layer close."""
        try:
            return (yield from self.run(flow))
        except Abandoned:
            return None

    def run(self, step: Coroutine[object, object, T]) -> Steps[T]:
        """Run a step of a flow to its end; what is sent in ends the pause that it has come to."""
        try:
            effect: object = step.send(None)
            while True:
                try:
                    found = yield from self._perform(effect)
                except BaseException as error:
                    effect = step.throw(error)
                else:
                    effect = step.send(found)
        except StopIteration as stop:
            return cast("T", stop.value)

    def _perform(self, effect: object) -> Steps[object]:
        if isinstance(effect, Pause):
            try:
                return (yield effect)
            except GeneratorExit:  # which must not be thrown into an asynchronous generator
                raise Abandoned from None
        if isinstance(effect, Next):
            return (yield from self._next(effect))
        if isinstance(effect, Close):
            return (yield from self._close(effect))
        if not self.patient and _waits(effect):
            raise Failure("limited", _IMPATIENT, retry_after=_SOON)
        return self._rest.perform(effect)

    def _next(self, effect: Next) -> Steps[Part | Outcome]:
        running = cast("Running", effect.handle)
        tally = running.tally
        if tally.outcome is not None:
            return tally.outcome
        try:
            part = yield from self.run(running.parts.__anext__())
            tally.part(part, self._clock.monotonic())
        except StopAsyncIteration:
            return tally.end(self._clock.monotonic())
        except Exception as error:
            return tally.end(self._clock.monotonic(), error)
        return part

    def _close(self, effect: Close) -> Steps[Outcome]:
        running = cast("Running", effect.handle)
        cut = running.tally.outcome is None
        try:
            yield from self.run(running.parts.aclose())
        finally:
            outcome = running.tally.end(self._clock.monotonic(), cut=cut)
        return outcome


_IMPATIENT: Final = "there is no room now, and nobody can wait for it inside an event loop"
_SOON: Final = 1.0


def _waits(effect: object) -> bool:
    return (isinstance(effect, Wait) and not effect.latch.opened) or isinstance(effect, Sleep)
