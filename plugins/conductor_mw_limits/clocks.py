"""Rates held in memory: one clock for each key, moved forward by what was used.

The generic cell rate algorithm (ITU-T I.371): a clock that is behind stands at now; moved by the
time that the rate takes for what is used, it must not be further ahead of now than the burst. So in
any time `t` no more is used than the burst and what the rate allows in `t`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from .rate import SECOND, Rate

LONGEST_DEBT: Final = 86_400 * SECOND
"""However much a call has used in the end, nobody waits longer than a day for it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which a rate is used.

    Attributes:
        limit: the id of the limit.
        rate: how many in each period.
        burst: nanoseconds by which a clock may stand ahead of now.
        life: nanoseconds for which what a process took ahead from a shared store may be used.
        tokens: whether tokens are counted, which are known only in the end.
    """

    limit: str
    rate: Rate
    burst: int
    life: int = 0
    tokens: bool = False


class Use(NamedTuple):
    """What is about to be used.

    Attributes:
        key: whose clock.
        cost: nanoseconds by which it moves.
        terms: the terms of the limit.
    """

    key: str
    cost: int
    terms: Terms


Charge: TypeAlias = tuple[Use, int, int]
"""What was charged, and two figures that only who charged it understands."""


class Clocks:
    """Clocks of many keys. Not safe from several threads: whoever owns it holds a lock.

    A clock in the past says nothing, so it is forgotten when new keys come; one that is ahead is
    never forgotten, however many keys there are.
    """

    __slots__ = ("_given", "_rows")

    def __init__(self) -> None:
        self._rows: OrderedDict[str, list[int]] = OrderedDict()  # key: [clock, given back so far]
        self._given = 0

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, uses: Sequence[Use], now: int) -> list[Charge] | None:
        """Move the clocks if all of it fits now; gives None, with nothing moved, where not."""
        rows = self._rows
        found: list[int] = []
        for use in uses:
            row = rows.get(use[0])
            ahead = use[1] if row is None or row[0] <= now else row[0] - now + use[1]
            if ahead > use[2].burst:
                return None
            found.append(now + ahead)
        charges: list[Charge] = []
        for use, clock in zip(uses, found, strict=True):
            row = rows.get(use[0])  # again: making one row may forget another
            if row is None:
                row = self._new(use[0], now)
            row[0] = clock
            charges.append((use, clock, row[1]))
        return charges

    def late(self, uses: Sequence[Use], now: int) -> tuple[int, str]:
        """Give the nanoseconds until all of this fits, and the limit that takes longest."""
        rows, worst, limit = self._rows, 0, ""
        for key, cost, terms in uses:
            row = rows.get(key)
            behind = cost - terms.burst
            if row is not None and row[0] > now:
                behind += row[0] - now
            if behind > worst:
                worst, limit = behind, terms.limit
        return worst, limit

    def charge(self, uses: Sequence[Use], now: int) -> list[Charge]:
        """Move the clocks; whoever calls has asked `late` first."""
        rows = self._rows
        charges: list[Charge] = []
        for use in uses:
            row = rows.get(use[0])
            if row is None:
                row = self._new(use[0], now)
            row[0] = max(row[0], now) + use[1]
            charges.append((use, row[0], row[1]))
        return charges

    def give_back(self, charge: Charge, amount: int, now: int) -> None:
        """Move a clock back by at most `amount` of what was charged before.

        What passing time has given back by itself is not given back again: of a charge that left
        its clock at `c`, after which `g` was given back, no more than `c - g - now`. With every
        charge taken for what was used of it in the end, the clock is never behind where it would
        have stood.
        """
        use, clock, given = charge
        row = self._rows.get(use.key)
        if row is None:
            return
        amount = min(amount, clock - (row[1] - given) - now)
        if amount > 0:
            row[0] -= amount
            row[1] += amount
            self._given += amount

    def owe(self, key: str, amount: int, now: int) -> None:
        """Move a clock forward by what was used beyond a charge, which nobody can refuse now."""
        row = self._rows.get(key) or self._new(key, now)
        row[0] = min(max(row[0], now) + amount, max(row[0], now + LONGEST_DEBT))

    def _new(self, key: str, now: int) -> list[int]:
        rows = self._rows
        for _ in range(2):  # two out for one in: what is over goes faster than new keys come
            if rows:
                oldest = next(iter(rows))
                if rows[oldest][0] <= now:
                    del rows[oldest]
                else:
                    rows.move_to_end(oldest)
        # Never less than what the key's forgotten row had given back.
        row = rows[key] = [now, self._given]
        return row
