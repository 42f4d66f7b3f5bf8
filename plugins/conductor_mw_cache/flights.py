"""Equal calls at the same time: the first one asks, the others wait for its answer."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias
from weakref import WeakSet

from conductor_mw import Attempted, Clock, Failure, Io, Latch, Wait

from .kept import Kept


class Ending(Enum):
    """How a call ended without an answer for others."""

    GONE = "gone"
    """It was cancelled, or its caller stopped reading: one of those who wait asks."""
    UNKEPT = "unkept"
    """It has an answer that must not be given to others: each of them asks."""
    BROKE = "broke"
    """It failed with an error of no known kind."""


MOST_ASKERS: Final = 8192
"""Questions of runs that are remembered. Should more be open at once, the worst is that a retry
gets the answer which it was not content with."""

GRACE: Final = 0.5
"""Seconds after its agent's `timeout` at which nobody believes in a call any more."""

Landing: TypeAlias = Kept | Failure | Ending


@dataclass(slots=True, eq=False)
class Flight:
    """One call, and those who wait for it.

    Attributes:
        began: the monotonic second at which it began.
        landing: how it ended, or None while it goes on.
        latch: opens when it ends; None as long as nobody waits.
        successor: the call that was made for those who had waited in vain.
        thread: the thread that makes it.
    """

    began: float = 0.0
    landing: Landing | None = None
    latch: Latch | None = None
    successor: Flight | None = None
    thread: int = field(default_factory=threading.get_ident)


class Flights:
    """What is being asked at this moment in this process, and who asked it lately.

    Attributes:
        landed: how many calls have ended; where it stands still, nothing new was kept.
    """

    def __init__(self) -> None:
        self.begin()
        _FLIGHTS.add(self)

    def begin(self) -> None:
        """Begin with nothing under way."""
        self.landed = 0
        self._open: dict[bytes, Flight] = {}
        self._askers: dict[tuple[str, bytes], None] = {}
        self._lock = threading.Lock()

    @property
    def awaited(self) -> int:
        """How many calls others wait for at this moment."""
        with self._lock:
            return sum(flight.latch is not None for flight in self._open.values())

    def claim(self, run: str, key: bytes) -> bool:
        """Remember that a run asks something; gives False where it asked the same before.

        Whoever asks the same again in one run was not content with the answer (a retry, another
        round), or wants several of them (a vote): it must not get the same one.
        """
        asker = (run, key)
        with self._lock:
            if asker in self._askers:
                return False
            self._askers[asker] = None
            if len(self._askers) > MOST_ASKERS:
                del self._askers[next(iter(self._askers))]
            return True

    def waive(self, run: str, key: bytes) -> None:
        """Forget that a run asked something: it got no answer."""
        with self._lock:
            self._askers.pop((run, key), None)

    def join(self, key: bytes, moment: float, vain: Flight | None = None) -> tuple[Flight, bool]:
        """Give the call of a key, and whether whoever joins makes it; it must then `land` it.

        Args:
            key: what is asked.
            moment: the monotonic second.
            vain: a call that was waited for in vain. One call is made for all who did, and they
                learn how it ended even where they wake up after its end.
        """
        with self._lock:
            flight = None if vain is None else vain.successor
            if flight is None:
                flight = self._open.get(key)
            leads = flight is None
            if flight is None:
                flight = self._open[key] = Flight(moment)
            elif flight.latch is None and flight.landing is None:
                flight.latch = Latch()  # hardly any call is ever waited for
            if vain is not None:
                vain.successor = flight
            return flight, leads

    def land(self, key: bytes, flight: Flight, landing: Landing) -> None:
        """End a call; whoever waits goes on with how it ended."""
        with self._lock:
            if self._open.get(key) is flight:  # else it began before a fork, in the parent
                del self._open[key]
            flight.landing = landing
            self.landed += 1
        if flight.latch is not None:
            # Not `Notify`: a leader that is thrown away has no driver left to open the latch.
            flight.latch.open()


_FLIGHTS: Final[WeakSet[Flights]] = WeakSet()


def _after_fork() -> None:
    # Calls that the parent's threads make never end here, and one of them may hold the lock.
    for flights in tuple(_FLIGHTS):
        flights.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


async def _lets_others_go_on() -> bool:
    return False


_BLOCKS: Final = Io(lambda: True, aio=_lets_others_go_on)
"""Whether the caller's thread stands still while it waits: that of a sync caller does."""


async def landing_of(
    flight: Flight, attempt: Attempted, clock: Clock, patience: float
) -> Landing | None:
    """Wait for how an equal call ends; None where this one should ask by itself.

    Args:
        flight: the call.
        attempt: the one that waits; its deadline holds.
        clock: what time it is.
        patience: the monotonic second until which it waits at most.

    Raises:
        Failure: of kind `timeout`: the attempt's deadline passed.
    """
    if flight.thread == threading.get_ident() and await _BLOCKS:
        return None  # it cannot go on before this one does: a stream that is read half, or a loop
    until, whole = patience, attempt.agent.timeouts.whole
    if whole is not None:
        # By then it has an answer or has failed, unless its caller reads on slowly or not at all.
        until = min(until, flight.began + whole + GRACE)
    limit = attempt.deadline
    if limit is not None:
        until = min(until, limit)
    left = until - clock.monotonic()
    if left > 0 and flight.latch is not None:
        await Wait(flight.latch, left)
    if flight.landing is not None:
        return flight.landing
    if limit is not None and limit <= until:
        raise Failure(
            "timeout",
            f"agent {attempt.agent.id!r}: an equal call that is under way has not been answered",
            agent=attempt.agent.id,
        )
    return None
