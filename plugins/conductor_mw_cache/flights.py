"""Equal calls at the same time: the first one asks, the others wait for its answer."""

from __future__ import annotations

import threading
from enum import Enum
from typing import Final, TypeAlias, cast

from conductor_mw import Attempted, Clock, Failure, Latch, Wait

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

Landing: TypeAlias = Kept | Failure | Ending


class Flights:
    """What is being asked at this moment in this process, and who asked it lately."""

    def __init__(self) -> None:
        self._open: dict[bytes, Latch | None] = {}
        self._askers: dict[tuple[str, bytes], None] = {}
        self._lock: Final = threading.Lock()

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

    def join(self, key: bytes) -> Latch | None:
        """Give the latch of a key's call; None where there is none, and whoever joins makes it.

        Who makes it must `land`, whatever happens.
        """
        with self._lock:
            if key not in self._open:
                self._open[key] = None  # no latch yet: hardly anybody is ever waited for
                return None
            latch = self._open[key]
            if latch is None:
                latch = self._open[key] = Latch()
            return latch

    def land(self, key: bytes, landing: Landing) -> None:
        """End the call of a key; whoever waits goes on with how it ended."""
        with self._lock:
            latch = self._open.pop(key)
        if latch is not None:
            # Not `Notify`: a leader that is thrown away has no driver left to open the latch.
            latch.open(landing)


async def landing_of(
    latch: Latch, attempt: Attempted, clock: Clock, began: float, patience: float
) -> Landing | None:
    """Wait for how an equal call ends; None where it takes longer than this one waits.

    Args:
        latch: opens when it ends.
        attempt: the one that waits; its deadline and its agent's `timeout` hold.
        clock: what time it is.
        began: the monotonic second at which it began.
        patience: the most seconds that it waits.

    Raises:
        Failure: of kind `timeout`: the attempt's time is over.
    """
    limit, whole = attempt.deadline, attempt.agent.timeouts.whole
    if whole is not None and (limit is None or began + whole < limit):
        limit = began + whole
    until = began + patience
    if limit is not None:
        until = min(until, limit)
    left = until - clock.monotonic()
    if left > 0:
        await Wait(latch, left)
    if latch.opened:
        return cast("Landing", latch.value)
    if limit is not None and limit <= until:
        raise Failure(
            "timeout",
            f"agent {attempt.agent.id!r}: an equal call that is under way has not been answered",
            agent=attempt.agent.id,
        )
    return None
