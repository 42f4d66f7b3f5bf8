"""One agent's circuit in this process: its recent calls, and whether it may be asked."""

from __future__ import annotations

import threading
from typing import NamedTuple

from .records import Record
from .ring import Ring
from .thresholds import Thresholds


class Rates(NamedTuple):
    """What the calls of a window were like.

    Attributes:
        calls: how many there were.
        errors: how many of them failed.
        slow: how many of them were slow.
    """

    calls: int = 0
    errors: int = 0
    slow: int = 0

    @property
    def error_rate(self) -> float:
        """The share that failed."""
        return self.errors / self.calls if self.calls else 0.0

    @property
    def slow_rate(self) -> float:
        """The share that was slow."""
        return self.slow / self.calls if self.calls else 0.0


class Circuit:
    """The circuit of one agent. Safe from many threads; it outlives reloads of the policy.

    Attributes:
        agent: the agent's id.
        plain: whether the agent is asked as usual: the circuit is closed and nobody drained it.
            Read without a lock by every call.
        epoch: rises whenever the circuit opens or closes; what began in an earlier epoch and ends
            in this one tells nothing of it.
        record: what is known of it beyond the calls.
        rests: whether somebody drained the agent.
        unwritten: whether the record was changed while the store could not be told.
        asking: probes that wait for the store's permit.
        before: what the calls were like when it opened.
    """

    __slots__ = (
        "_ring", "agent", "asking", "before", "epoch", "lock", "plain", "record", "rests",
        "unwritten",
    )  # fmt: skip

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.plain = True
        self.epoch = 0
        self.record = Record()
        self.rests = False
        self.unwritten = False
        self.asking = 0
        self.before = Rates()
        self.lock = threading.Lock()
        self._ring = Ring(1.0)

    @property
    def why(self) -> str:
        """Why it is open, in words."""
        seen = self.before
        if not seen.errors and not seen.slow:
            return "its circuit is open"
        slow = f" and {seen.slow} were slow" if seen.slow else ""
        return f"{seen.errors} of its last {seen.calls} calls failed{slow}"

    def count(
        self, epoch: int, now: float, thresholds: Thresholds, failed: bool, slow: bool
    ) -> bool:
        """Count a call that was made while the circuit was closed.

        Args:
            epoch: the one in which it began.
            now: the second at which it ended.
            thresholds: what holds for the agent.
            failed: whether it failed for the agent's own reasons.
            slow: whether it was slow.

        Returns:
            whether the circuit must open now.
        """
        with self.lock:
            if epoch != self.epoch or self.record.trip is not None:
                return False
            ring = self._ring
            if ring.window != thresholds.window:  # the first call, or a policy with another window
                ring = self._ring = Ring(thresholds.window)
            ring.add(now, failed, slow)
            errors, slows = ring.errors, ring.slow
            if not errors and not slows:
                return False
            calls = ring.calls
            return calls >= thresholds.min_calls and (
                0 < errors >= thresholds.error_rate * calls
                or 0 < slows >= thresholds.slow_rate * calls
            )

    def error_rate(self, now: float) -> float:
        """Give the share of the window's calls that failed; while it is open, as it opened."""
        if self.record.trip is not None:
            return self.before.error_rate
        with self.lock:
            ring = self._ring
            ring.turn(now)
            return ring.errors / ring.calls if ring.errors else 0.0

    def take(self, record: Record, now: float, utc: float) -> None:
        """Let a record hold from now on. Call it with the lock held.

        Args:
            record: what is known of the agent.
            now: the second by which calls end.
            utc: the UTC second.
        """
        was, self.record = self.record.trip, record
        trip = record.trip
        self.rests = record.note is not None and record.note.holds(utc)
        plain = trip is None and not self.rests
        if not plain:
            self.plain = False
        if (was and was.epoch) != (trip and trip.epoch):
            self.epoch += 1
            if was is None:
                self.before = self._seen(now)
            if trip is None:
                self._ring.clear()
        self.plain = plain

    def _seen(self, now: float) -> Rates:
        ring = self._ring
        ring.turn(now)
        return Rates(ring.calls, ring.errors, ring.slow)
