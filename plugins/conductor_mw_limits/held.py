"""What a request or an attempt holds of its limits, and why it does not hold it yet."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from .clocks import Charge, Use
    from .slots import Seat, Waiter

_KEEPING: Final = threading.Lock()
"""A caller may go while a thread still asks the store for him."""


class Held:
    """What is held: charges and slots of one book.

    Attributes:
        book: who counts it, and takes it back.
        charges: what was charged.
        slots: the keys of the slots.
        waits: the line he stands in, and his place in it.
        over: whether it was released; whatever comes later goes back at once.
    """

    __slots__ = ("book", "charges", "over", "slots", "waits")

    def __init__(self, book: Book) -> None:
        self.book = book
        self.charges: Sequence[Charge] = ()
        self.slots: Sequence[str] = ()
        self.waits: tuple[Seat, Waiter] | None = None
        self.over = False


@dataclass(frozen=True, slots=True)
class Short:
    """What keeps somebody waiting.

    Attributes:
        limit: the id of the limit that takes longest.
        seconds: until there is room, `inf` if never.
        seat: the sort of slot that is full, or None where only rates are used up.
        waiter: his place in the line for it, where he stands in line.
    """

    limit: str
    seconds: float = 0.0
    seat: Seat | None = None
    waiter: Waiter | None = None


class Book(Protocol):
    """Counts what is used, in this process or in a store.

    Attributes:
        poll: seconds after which who is first in line asks again, or None where he is told.
    """

    poll: float | None

    def taken(self, held: Held, uses: Sequence[Use], seats: Sequence[Seat]) -> bool:
        """Take everything or nothing, at once and without I/O; gives whether it was taken."""
        ...

    async def take(
        self, held: Held, uses: Sequence[Use], seats: Sequence[Seat], *, line: bool
    ) -> Short | None:
        """Take everything or nothing; what was taken is added to `held`.

        Args:
            held: who takes it.
            uses: what is used.
            seats: the slots that are needed.
            line: whether to stand in line where slots are full.
        """
        ...

    async def ahead(self, held: Held, uses: Sequence[Use], patience: float) -> Ahead | Short:
        """Charge what has no room now as of the moment when it will have, so that nobody overtakes.

        Args:
            held: who takes it.
            uses: what is used; what has room now is left alone.
            patience: the most seconds to wait.
        """
        ...

    def force(self, held: Held, uses: Sequence[Use]) -> None:
        """Charge what must not be refused, whether or not there is room."""
        ...

    def give_back(self, charges: Sequence[Charge]) -> None:
        """Take back what was charged and not used."""
        ...

    def settle(self, charge: Charge, used: int) -> None:
        """Put the nanoseconds that were used in the place of what was charged."""
        ...

    def free(self, key: str) -> None:
        """Take a slot back, or hand it to who is next in line."""
        ...

    async def serve(self, seat: Seat, waiter: Waiter) -> None:
        """Look for a slot for who is first in line."""
        ...

    def leave_line(self, seat: Seat, waiter: Waiter) -> None:
        """Let somebody wait no longer."""
        ...


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was charged for later.

    Attributes:
        charges: what was charged, and is held.
        rest: what had room and was not charged.
        seconds: how long to wait until it may be used.
    """

    charges: Sequence[Charge]
    rest: Sequence[Use]
    seconds: float


def keep(held: Held, charges: Sequence[Charge], slots: Sequence[str]) -> None:
    """Add what was taken for somebody; it goes back at once if he has gone meanwhile."""
    with _KEEPING:
        if not held.over:
            held.charges = [*held.charges, *charges]
            held.slots = [*held.slots, *slots]
            return
    if charges:
        held.book.give_back(charges)
    for key in slots:
        held.book.free(key)


def stand_in_line(held: Held, seat: Seat, waiter: Waiter) -> None:
    """Remember where somebody waits; he is taken out at once if he has gone meanwhile."""
    with _KEEPING:
        held.waits = (seat, waiter)
        gone = held.over
    if gone:
        leave_line(held)


def leave_line(held: Held) -> None:
    """Wait no longer; a slot that was granted already is held."""
    with _KEEPING:
        waits, held.waits = held.waits, None
    if waits is not None:
        seat, waiter = waits
        held.book.leave_line(seat, waiter)
        if waiter.granted:
            keep(held, (), [seat.key])


def release(held: Held) -> None:
    """Give everything back, as if nobody had come."""
    with _KEEPING:
        held.over = True
        charges, held.charges = held.charges, ()
    leave_line(held)
    if charges:
        held.book.give_back(charges)
    free_slots(held)


def free_slots(held: Held) -> None:
    """Give the slots back; every one of them once."""
    slots, held.slots = held.slots, ()
    for key in slots:
        held.book.free(key)
