"""What both drivers share: the host of a run, its running attempts, and effects that never wait."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random as Dice
from threading import local
from typing import Any, Final, TypeVar

from conductor_mw.agents.base import Agent, Speaker
from conductor_mw.attempts import Tally
from conductor_mw.chance import Chance
from conductor_mw.clock import Clock, SystemClock
from conductor_mw.effects import Attempt, Instant, Notify, Now, Random, Settled
from conductor_mw.parts import Parts

from .background import Background

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Host:
    """What a driver needs to carry out effects.

    Attributes:
        agents: every agent of the policy, by id.
        speakers: who speaks for each agent, by id.
        clock: what time it is and how to wait.
        dice: where randomness comes from; seed it for a repeatable run.
        background: the work that nobody waits for.
    """

    agents: Mapping[str, Agent]
    speakers: Mapping[str, Speaker]
    clock: Clock = field(default_factory=SystemClock)
    dice: Dice = field(default_factory=Dice)
    background: Background = field(default_factory=Background)

    def of_branch(self) -> Host:
        """Give the host of a branch that runs beside others: repeatable chance of its own.

        Which of them draws first depends on how fast they are.
        """
        if isinstance(self.dice, Chance):
            return self
        return replace(self, dice=Dice(self.dice.getrandbits(64)))


def unhooked(run: Callable[..., T], *args: object) -> T:
    """Run a step so that no event loop takes the generators it begins for its own.

    A loop closes generators that are open when it ends, in any order and without a driver: their
    effects would go to the loop. Drivers close every generator they open themselves.
    """
    before, around = sys.get_asyncgen_hooks(), _THREAD.hooks
    sys.set_asyncgen_hooks(None, None)
    _THREAD.hooks = before
    try:
        return run(*args)
    finally:
        _THREAD.hooks = around
        sys.set_asyncgen_hooks(*before)


def hooked(run: Callable[..., T], *args: object) -> T:
    """Run a step of the host's own code inside one of ours, with the loop's hooks as it knows them.

    An SDK forgets generators, for example those below a stream that broke; the loop closes them.
    """
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(*_THREAD.hooks)
    try:
        return run(*args)
    finally:
        sys.set_asyncgen_hooks(*before)


class _Thread(local):
    """The hooks around the step that a thread carries out."""

    hooks: tuple[Any, Any] = (None, None)


_THREAD: Final = _Thread()


@dataclass(slots=True, eq=False)
class Running:
    """An attempt while it is carried out."""

    parts: Parts
    tally: Tally


class Settling:
    """Which branches of a `Gather` have ended, and whether that is enough."""

    def __init__(
        self, count: int, until: Callable[[tuple[Settled[Any], ...]], bool] | None
    ) -> None:
        self._settled: list[Settled[Any] | None] = [None] * count
        self._until = until
        self.enough = count == 0

    def add(self, settled: Settled[Any]) -> None:
        """Take in a branch that ended."""
        self._settled[settled.index] = settled
        ended = tuple(one for one in self._settled if one is not None)
        self.enough = len(ended) == len(self._settled) or (
            self._until is not None and self._until(ended)
        )

    def open(self, index: int) -> bool:
        """Whether a branch has not ended."""
        return self._settled[index] is None

    @property
    def result(self) -> tuple[Settled[Any], ...]:
        """How every branch ended, in the order of definition."""
        return tuple(
            one if one is not None else Settled(index, done=False)
            for index, one in enumerate(self._settled)
        )


def _begin(host: Host, attempt: Attempt) -> Running:
    tally = Tally(attempt, host.agents[attempt.agent], host.clock.monotonic())
    speaker = host.speakers[attempt.agent]
    if tally.deadline != attempt.deadline:
        attempt = replace(attempt, deadline=tally.deadline)
    return Running(speaker.answer(attempt), tally)


def _now(host: Host, _: Now) -> Instant:
    return host.clock.now()


def _random(host: Host, _: Random) -> float:
    return host.dice.random()


def _notify(_: Host, effect: Notify) -> None:
    effect.latch.open(effect.value)


AT_ONCE: Final[Mapping[type, Callable[[Host, Any], object]]] = {
    Attempt: _begin,
    Now: _now,
    Random: _random,
    Notify: _notify,
}
"""Effects that never wait: both drivers carry them out in the same way."""
