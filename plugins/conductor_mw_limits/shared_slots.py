"""Slots of this process and of others that use the same store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from conductor_mw import Store, StoreError

from .held import Held, Short
from .leases import Leases
from .slots import Seat, Slots, Waiter

_TICK: Final = 0.2
"""Seconds between two looks: a slot that nobody used from one to the next goes back."""
_SPARE: Final = 8
"""One in so many of those in use is leased to spare."""


class SharedSlots:
    """Uses leased slots without asking the store, and leases more where there are too few.

    Args:
        store: keeps the leases.
        utc: gives UTC seconds.
        lease: how long a lease holds; it is renewed in the background.
    """

    def __init__(self, store: Store, utc: Callable[[], float], lease: float) -> None:
        self._utc = utc
        self._lease = lease
        self._leases = Leases(store, lease)
        self._lock = threading.Lock()  # never held while the store is asked
        self._trip = threading.Lock()  # held while it is
        self._slots = Slots()
        self._owned: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self._asking: dict[str, int] = {}
        self._spare: dict[str, int] = {}
        self._renewed: dict[str, float] = {}
        self._keeper: threading.Thread | None = None
        self._over = threading.Event()

    def taken(self, held: Held, seats: Sequence[Seat]) -> bool:
        """Take a slot of each sort from those that this process has; all or none."""
        with self._lock:
            if not all(self._free_here(seat.key) for seat in seats):
                return False
            held.slots = self._slots.take(seats)
        return True

    def take(self, held: Held, seats: Sequence[Seat], *, line: bool) -> Short | None:
        """Take a slot of each sort, all or none; asks the store where this process has too few.

        Raises:
            StoreError: the store cannot be reached.
        """
        got: list[str] = []
        try:
            for seat in seats:
                if not self._got(seat):
                    with self._lock:
                        waiter = self._slots.stand_in_line(seat.key) if line else None
                    return Short(seat.limit, seat=seat, waiter=waiter)
                got.append(seat.key)
            held.slots, got = got, []
            return None
        finally:
            for key in got:
                self.free(key)

    def serve(self, seat: Seat, waiter: Waiter) -> None:
        """Lease a slot for who is first in line, if this is he.

        Raises:
            StoreError: the store cannot be reached.
        """
        with self._lock:
            if not self._slots.is_first(seat.key, waiter):
                return
        self._more(seat)
        with self._lock:
            owned = self._owned.get(seat.key, 0)
            latch = self._slots.serve(seat.key) if self._slots.used(seat.key) < owned else None
        if latch is not None:
            latch.open()

    def free(self, key: str) -> None:
        """Take a slot back, or hand it to who is next in line."""
        with self._lock:
            self._slots.allow(key, self._owned.get(key, 0))  # no more are handed on
            latches = self._slots.release(key)
        for latch in latches:
            latch.open()

    def leave_line(self, seat: Seat, waiter: Waiter) -> None:
        """Let somebody wait no longer."""
        with self._lock:
            if not waiter.granted:
                self._slots.leave_line(seat.key, waiter)

    def tick(self) -> None:
        """Renew leases, and give back what nobody used since the last tick.

        Raises:
            StoreError: the store cannot be reached.
        """
        now = self._utc()
        for key in list(self._owned):
            with self._trip:
                with self._lock:
                    owned = self._owned.get(key, 0)
                    here = owned - self._slots.used(key)
                    unused = max(0, min(here, self._spare.get(key, 0)))
                    # First here, then in the store: nobody takes what goes back.
                    if owned:
                        self._owned[key] = owned - unused
                        self._spare[key] = here - unused
                if owned and (unused or now - self._renewed.get(key, now) >= self._lease / 3):
                    self._lease_up_to(key, owned - unused)

    def close(self) -> None:
        """Give everything back."""
        self._over.set()
        if self._keeper is not None:
            self._keeper.join(2.0)
        with self._trip:
            for key in list(self._owned):
                try:
                    self._lease_up_to(key, 0)
                except StoreError:
                    return  # it expires

    def _free_here(self, key: str) -> bool:
        free = self._owned.get(key, 0) - self._slots.used(key)
        return free > 0 and not self._slots.waiting(key)

    def _got(self, seat: Seat) -> bool:
        while True:
            with self._lock:
                if self._free_here(seat.key):
                    self._slots.take([seat])
                    return True
                if self._slots.waiting(seat.key):
                    return False
            if not self._more(seat):
                return False

    def _more(self, seat: Seat) -> bool:
        """Lease as many as are asked for at this moment; gives whether one is free now."""
        key = seat.key
        with self._lock:
            self._asking[key] = self._asking.get(key, 0) + 1
        try:
            with self._trip:
                with self._lock:
                    self._most[key] = seat.most
                    used = self._slots.used(key)
                    wanted = used + self._asking[key]
                    enough = self._owned.get(key, 0) > used
                if not enough:
                    self._keep_up()
                    self._lease_up_to(key, wanted + used // _SPARE)
        finally:
            with self._lock:
                self._asking[key] -= 1
                if not self._asking[key]:
                    del self._asking[key]
        with self._lock:
            return self._owned.get(key, 0) > self._slots.used(key)

    def _lease_up_to(self, key: str, wanted: int) -> None:
        now, most = self._utc(), self._most[key]
        count = self._leases.change(
            key, lambda _mine, others: min(wanted, max(0, most - others)), now=now
        )
        with self._lock:
            if count or self._slots.used(key):
                self._owned[key] = count
                self._renewed[key] = now
            else:
                self._owned.pop(key, None)
                self._renewed.pop(key, None)
                self._spare.pop(key, None)
                self._most.pop(key, None)

    def _keep_up(self) -> None:
        if self._keeper is None or not self._keeper.is_alive():
            self._keeper = threading.Thread(
                target=self._keeping, name="conductor-limits", daemon=True
            )
            self._keeper.start()

    def _keeping(self) -> None:
        while not self._over.wait(_TICK):
            try:
                self.tick()
            except StoreError:
                self._over.wait(1.0)
