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


Landing: TypeAlias = Kept | Failure | Ending


class Flights:
    """What is being asked at this moment, in this process."""

    def __init__(self) -> None:
        self._open: dict[bytes, Latch] = {}
        self._lock: Final = threading.Lock()

    def join(self, key: bytes) -> tuple[Latch, bool]:
        """Give the latch of a key's call, and whether whoever joins makes that call.

        Who makes it must `land`, whatever happens.
        """
        with self._lock:
            latch = self._open.get(key)
            if latch is not None:
                return latch, False
            latch = self._open[key] = Latch()
            return latch, True

    def land(self, key: bytes, landing: Landing) -> None:
        """End the call of a key; whoever waits goes on with how it ended."""
        with self._lock:
            latch = self._open.pop(key)
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
