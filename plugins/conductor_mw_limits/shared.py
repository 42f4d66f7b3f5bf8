"""Limits counted in a store that several processes share."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

from conductor_mw import Io, Move, Store, StoreError

from .carried import Carried, Parcel
from .clocks import Charge, Use
from .credit import Credit
from .held import Ahead, Held, Short, free_slots, keep, stand_in_line
from .rate import SECOND
from .shared_slots import SharedSlots
from .slots import Seat, Waiter

if TYPE_CHECKING:
    from conductor_mw import Clock

_TABLE: Final = "limits"
_ALONE: Final = 1.0
"""Seconds for which a store is left alone after it could not be reached."""
_STRIPES: Final = 16
_TRIES: Final = 8
_MOST_SHUT: Final = 4096
_SLACK: Final = 1_000

T = TypeVar("T")


class SharedBook:
    """Counts in a store, in as few trips as it can; see `Credit` for why it stays exact.

    Args:
        store: the store.
        clock: what time it is.
        lease: how long slots of a killed process stay in use.
    """

    def __init__(self, store: Store, clock: Clock, lease: float) -> None:
        self.poll: float | None = 0.2
        self._store = store
        self._clock = clock
        self._lease = lease
        self._shut: OrderedDict[str, tuple[int, int]] = OrderedDict()  # key: until, for what cost
        self._alone = 0.0
        self._lock = threading.Lock()  # never held while the store is asked
        # One at a time asks for a key, so that the others find what he took ahead.
        self._trips = [threading.Lock() for _ in range(_STRIPES)]
        self._begin()

    @property
    def down(self) -> bool:
        """Whether the store is left alone now."""
        return bool(self._alone) and self._clock.monotonic() < self._alone

    def taken(self, held: Held, uses: Sequence[Use], seats: Sequence[Seat]) -> bool:
        """Take everything from what this process has already; all or nothing."""
        if self._process != os.getpid():
            self._begin()  # a fork: what was taken ahead is the other's
        mine = Held(self)
        if seats and not self._slots.taken(mine, seats):
            return False
        if uses and not self._covered(mine, uses):
            free_slots(mine)
            return False
        keep(held, mine.charges, mine.slots)
        return True

    async def take(
        self, held: Held, uses: Sequence[Use], seats: Sequence[Seat], *, line: bool
    ) -> Short | None:
        """Take everything or nothing; what was taken is added to `held`.

        Raises:
            StoreError: the store cannot be reached, or is left alone.
        """
        if self.taken(held, uses, seats):
            return None
        short = self._known_short(uses)
        if short is None:
            short = await Io(lambda: self._asked(held, uses, seats, line))
        return short

    async def ahead(self, held: Held, uses: Sequence[Use], patience: float) -> Ahead | Short:
        """Charge what has no room now as of the moment when it will have.

        Raises:
            StoreError: the store cannot be reached, or is left alone.
        """
        got: Ahead | Short = await Io(lambda: self._charged_ahead(held, uses, patience))
        return got

    def force(self, held: Held, uses: Sequence[Use]) -> None:
        """Charge what must not be refused, with the next trip."""
        now = self._now()
        with self._lock:
            for use in uses:
                self._carried.owe(use.key, use.cost)
        keep(held, [(use, now + use.terms.life, now) for use in uses], ())

    def give_back(self, charges: Sequence[Charge]) -> None:
        """Take back what was charged and not used."""
        for charge in charges:
            self.settle(charge, 0)

    def settle(self, charge: Charge, used: int) -> None:
        """Put the nanoseconds that were used in the place of what was charged; without a trip."""
        use, expires, charged = charge
        more = used - use.cost
        if not more:
            return
        now = self._now()
        with self._lock:
            if more > 0:
                there = min(more, self._credit.amount(use.key, now))
                if there:
                    self._credit.spend(use.key, there)
                if more > there:
                    self._carried.owe(use.key, more - there)
            elif not use.terms.life or charged > now:
                self._carried.give_back(use.key, -more, charged)
            elif now < expires:
                self._credit.add(use.key, -more, expires)

    def free(self, key: str) -> None:
        """Take a slot back, or hand it to who is next in line."""
        self._slots.free(key)

    async def serve(self, seat: Seat, waiter: Waiter) -> None:
        """Look for a slot for who is first in line."""
        await Io(lambda: self._careful(lambda: self._slots.serve(seat, waiter)))

    def leave_line(self, seat: Seat, waiter: Waiter) -> None:
        """Let somebody wait no longer."""
        self._slots.leave_line(seat, waiter)

    def close(self) -> None:
        """Tell the store what it was not told yet, and give slots back."""
        try:
            while self._carried:  # a trip carries only so many
                with self._lock:
                    parcel = self._carried.pack(self._now())
                if parcel.moves:
                    self._advance(parcel.moves)
        except StoreError:
            return
        finally:
            self._slots.close()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._slots = SharedSlots(self._store, lambda: self._clock.now().utc, self._lease)
        self._credit = Credit()
        self._carried = Carried()

    def _now(self) -> int:
        return int(self._clock.now().utc * SECOND)

    def _covered(self, held: Held, uses: Sequence[Use]) -> bool:
        now, credit = self._now(), self._credit
        with self._lock:
            if any(credit.amount(use.key, now) < use.cost for use in uses):
                return False
            charges: list[Charge] = []
            for use in uses:
                expires = credit.spend(use.key, use.cost)
                charges.append((use, expires, expires - use.terms.life))
        keep(held, charges, ())
        return True

    def _known_short(self, uses: Sequence[Use]) -> Short | None:
        """Give what the store said a moment ago, so that nobody asks it in vain."""
        now = self._now()
        with self._lock:
            for use in uses:
                until, cost = self._shut.get(use.key, (0, 0))
                if until > now:
                    more = use.cost - self._credit.amount(use.key, now) - cost
                    if more >= 0:
                        return Short(use.terms.limit, (until - now + more) / SECOND)
        return None

    def _asked(
        self, held: Held, uses: Sequence[Use], seats: Sequence[Seat], line: bool
    ) -> Short | None:
        mine = Held(self)
        with self._trips[hash((uses or seats)[0].key) % _STRIPES]:
            if self.taken(held, uses, seats):
                return None
            try:
                short = self._careful(lambda: self._slots.take(mine, seats, line=line))
                if short is None and uses:
                    short = self._careful(lambda: self._drawn(mine, uses))
                if short is None:
                    keep(held, mine.charges, mine.slots)
                    mine.slots = ()
                elif short.seat is not None and short.waiter is not None:
                    stand_in_line(held, short.seat, short.waiter)
                return short
            finally:
                free_slots(mine)

    def _drawn(self, mine: Held, uses: Sequence[Use]) -> Short | None:
        now = self._now()
        draws: list[_Draw] = []
        with self._lock:
            for use in uses:
                there = min(use.cost, self._credit.amount(use.key, now))
                expires = self._credit.spend(use.key, there) if there else now + use.terms.life
                more = self._credit.to_take_ahead(use, now) if there < use.cost else 0
                draws.append(_Draw(use, there, expires, more))
            carried = self._carried.pack(now)
        late = inf
        told = False
        try:
            late = self._advance([*carried.moves, *(one.move for one in draws if one.missing)])
            if late and any(one.more for one in draws):
                for one in draws:
                    one.more = 0
                late = self._advance([*carried.moves, *(one.move for one in draws if one.missing)])
            told = True
        finally:
            with self._lock:
                if late:
                    self._undone(draws, carried if told else None)
        if late:
            return self._refused(draws, late)
        with self._lock:
            for one in draws:
                if one.more:
                    self._credit.add(one.use.key, one.more, now + one.use.terms.life)
        mine.charges = [(one.use, one.expires, now) for one in draws]
        return None

    def _undone(self, draws: Sequence[_Draw], carried: Parcel | None) -> None:
        # Where the store did not answer, what the trip carried may have been moved: it is not
        # moved twice.
        for one in draws:
            self._credit.no_more_ahead(one.use.key)
            if one.there:
                self._credit.add(one.use.key, one.there, one.expires)
        if carried is not None:
            self._carried.unpack(carried)

    def _refused(self, draws: Sequence[_Draw], late: float) -> Short:
        missing = [one for one in draws if one.missing]
        worst = missing[0]
        if len(missing) > 1:
            looks = [self._look(one.use, one.missing) for one in missing]
            worst = missing[looks.index(max(looks))]
        terms = worst.use.terms
        if late != inf:
            with self._lock:
                self._shut[worst.use.key] = (self._now() + int(late * SECOND), worst.missing)
                self._shut.move_to_end(worst.use.key)
                if len(self._shut) > _MOST_SHUT:
                    self._shut.popitem(last=False)
        return Short(terms.limit, late)

    def _charged_ahead(self, held: Held, uses: Sequence[Use], patience: float) -> Ahead | Short:
        worst, late = uses[0], 0.0
        for _ in range(_TRIES):
            utc = self._clock.now().utc
            looks = self._careful(lambda: [self._look(use, use.cost) for use in uses])
            late = max(looks)
            worst = uses[looks.index(late)]
            if late > patience:
                break
            blocked = [use for use, seconds in zip(uses, looks, strict=True) if seconds]
            at = int((utc + late) * SECOND) + _SLACK if blocked else 0
            moves = [Move(use.key, use.cost, use.terms.burst - use.terms.life) for use in blocked]
            if not moves or not self._careful(lambda: self._advance(moves, at)):  # noqa: B023 - called at once
                charges: list[Charge] = [(use, at + use.terms.life, at) for use in blocked]
                keep(held, charges, ())
                rest = [use for use in uses if use not in blocked]
                return Ahead(charges, rest, max(0.0, at / SECOND - utc) if blocked else 0.0)
        return Short(worst.terms.limit, late)

    def _look(self, use: Use, cost: int) -> float:
        room = use.terms.burst - use.terms.life - cost
        return inf if room < 0 else self._advance([Move(use.key, 0, room)])

    def _advance(self, moves: Sequence[Move], at: int = 0) -> float:
        now = at / SECOND if at else self._clock.now().utc
        return self._store.advance(_TABLE, moves, now=now)

    def _careful(self, ask: Callable[[], T]) -> T:
        if self.down:
            raise StoreError("the store is left alone for a moment")
        try:
            return ask()
        except StoreError:
            self._alone = self._clock.monotonic() + _ALONE
            raise


@dataclass(slots=True)
class _Draw:
    """What is needed of one key: what is there of it already, and what to take ahead besides."""

    use: Use
    there: int
    expires: int
    more: int

    @property
    def missing(self) -> int:
        return self.use.cost - self.there

    @property
    def move(self) -> Move:
        terms = self.use.terms
        return Move(self.use.key, self.missing + self.more, terms.burst - terms.life)
