"""Limits counted in this process alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from math import inf

from .clocks import Charge, Clocks, Use
from .held import Ahead, Held, Short
from .rate import SECOND
from .slots import Seat, Slots, Waiter


class LocalBook:
    """Counts in memory; a lock is held for a microsecond and never while anything waits.

    Args:
        now: gives monotonic seconds.
    """

    __slots__ = ("_clocks", "_lock", "_now", "_slots", "poll")

    def __init__(self, now: Callable[[], float]) -> None:
        self.poll: float | None = None
        self._now = now
        self._clocks = Clocks()
        self._slots = Slots()
        self._lock = threading.Lock()

    @property
    def keys(self) -> int:
        """How many keys are remembered."""
        with self._lock:
            return len(self._clocks) + len(self._slots)

    def taken(self, held: Held, uses: Sequence[Use], seats: Sequence[Seat]) -> bool:
        """Take everything or nothing, without waiting; gives whether it was taken."""
        with self._lock:
            slots = self._slots
            if seats and slots.full(seats):
                return False
            if uses:
                charges = self._clocks.take(uses, int(self._now() * SECOND))
                if charges is None:
                    return False
                held.charges = charges
            if seats:
                held.slots = slots.take(seats)
        return True

    async def take(
        self, held: Held, uses: Sequence[Use], seats: Sequence[Seat], *, line: bool
    ) -> Short | None:
        """Take everything or nothing; what was taken is added to `held`."""
        self._hand_out(seats)
        with self._lock:
            now = int(self._now() * SECOND)
            late, limit = self._clocks.late(uses, now)
            if late:
                return _short(uses, late, limit)
            full = self._slots.full(seats)
            if full is not None:
                waiter = None
                if line:
                    waiter = self._slots.stand_in_line(full.key)
                    held.waits = (full, waiter)
                return Short(full.limit, seat=full, waiter=waiter)
            held.charges = [*held.charges, *self._clocks.charge(uses, now)]
            held.slots = [*held.slots, *self._slots.take(seats)]
            return None

    async def ahead(self, held: Held, uses: Sequence[Use], patience: float) -> Ahead | Short:
        """Charge what has no room now as of the moment when it will have."""
        with self._lock:
            now = int(self._now() * SECOND)
            late, limit = self._clocks.late(uses, now)
            if late > patience * SECOND:
                return _short(uses, late, limit)
            blocked = [use for use in uses if self._clocks.late((use,), now)[0]]
            charges = self._clocks.charge(blocked, now + late)
            held.charges = [*held.charges, *charges]
            return Ahead(charges, [use for use in uses if use not in blocked], late / SECOND)

    def force(self, held: Held, uses: Sequence[Use]) -> None:
        """Charge what must not be refused, whether or not there is room."""
        with self._lock:
            held.charges = self._clocks.charge(uses, int(self._now() * SECOND))

    def give_back(self, charges: Sequence[Charge]) -> None:
        """Take back what was charged and not used."""
        with self._lock:
            now = int(self._now() * SECOND)
            for charge in reversed(charges):
                self._clocks.give_back(charge, charge[0].cost, now)

    def settle(self, charge: Charge, used: int) -> None:
        """Put the nanoseconds that were used in the place of what was charged."""
        more = used - charge[0].cost
        if not more:
            return
        with self._lock:
            now = int(self._now() * SECOND)
            if more < 0:
                self._clocks.give_back(charge, -more, now)
            else:
                self._clocks.owe(charge[0].key, more, now)

    def free(self, key: str) -> None:
        """Take a slot back, or hand it to who is next in line."""
        with self._lock:
            latches = self._slots.release(key)
        for latch in latches:
            latch.open()

    async def serve(self, seat: Seat, waiter: Waiter) -> None:
        """Do nothing: who frees a slot hands it on."""

    def leave_line(self, seat: Seat, waiter: Waiter) -> None:
        """Let somebody wait no longer."""
        with self._lock:
            if not waiter.granted:
                self._slots.leave_line(seat.key, waiter)

    def _hand_out(self, seats: Sequence[Seat]) -> None:
        """Serve those who wait for what a reload of the policy has made more of."""
        with self._lock:
            full = self._slots.full(seats)
            latches = self._slots.hand_out(full.key) if full is not None else ()
        for latch in latches:
            latch.open()


def _short(uses: Sequence[Use], late: int, limit: str) -> Short:
    never = any(use.cost > use.terms.burst for use in uses)
    return Short(limit, inf if never else late / SECOND)
