"""What a process has charged in the store and not used: taken ahead, or held and not needed.

Credit may be used for a while after it was charged, its `life`, and never later. In the store the
burst is smaller by this life. So what is used between two moments was charged between the first of
them less the life and the second, which is at most the burst less the life, and what the rate
allows in the time and the life: together no more than the burst and what the rate allows in the
time. No number of processes uses more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from .clocks import Use
from .rate import SECOND

_SWEEP_FROM: Final = 1024
_MOST_AHEAD: Final = 64
_SHARE: Final = 16
_YOUNG: Final = 10 * SECOND


@dataclass(slots=True)
class _Pool:
    """The credit of one key, what expires first in front; and how much is taken ahead next time."""

    lots: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])
    ahead: int = 0
    drawn: int = 0


class Credit:
    """Credit of many keys. Not safe from several threads: whoever owns it holds a lock."""

    __slots__ = ("_pools", "_sweep_at")

    def __init__(self) -> None:
        self._pools: dict[str, _Pool] = {}
        self._sweep_at = _SWEEP_FROM

    def __len__(self) -> int:
        return len(self._pools)

    def amount(self, key: str, now: int) -> int:
        """Give how much may be used now."""
        pool = self._pools.get(key)
        if pool is None:
            return 0
        lots = pool.lots
        while lots and lots[0][0] <= now:
            lots.popleft()
        return sum(amount for _, amount in lots)

    def spend(self, key: str, amount: int) -> int:
        """Use credit that `amount` has just found; gives until when the first of it could be."""
        lots = self._pools[key].lots
        first = lots[0][0]
        while amount:
            expires, there = lots.popleft()
            if there > amount:
                lots.appendleft((expires, there - amount))
            amount -= min(amount, there)
        return first

    def add(self, key: str, amount: int, expires: int) -> None:
        """Keep what was charged and not used."""
        lots = self._pools.setdefault(key, _Pool()).lots
        if lots and lots[-1][0] > expires:  # given back late: sort it in
            lots.append((expires, amount))
            self._pools[key].lots = deque(sorted(lots))
        else:
            lots.append((expires, amount))

    def to_take_ahead(self, use: Use, now: int) -> int:
        """Give how much to take ahead: what the key needs in half its life, a 16th at most."""
        terms = use.terms
        if not terms.life:
            return 0
        self._sweep(now)
        pool = self._pools.setdefault(use.key, _Pool())
        soon = now - pool.drawn < terms.life // 2
        pool.ahead = min(2 * pool.ahead + 1, _MOST_AHEAD) if soon else pool.ahead // 2
        pool.drawn = now
        return min(pool.ahead * use.cost, (terms.burst - terms.life) // _SHARE)

    def no_more_ahead(self, key: str) -> None:
        """Take nothing ahead of a key that is nearly used up."""
        pool = self._pools.get(key)
        if pool is not None:
            pool.ahead = 0

    def _sweep(self, now: int) -> None:
        if len(self._pools) < self._sweep_at:
            return
        self._pools = {
            key: pool
            for key, pool in self._pools.items()
            if now - pool.drawn < _YOUNG or (pool.lots and pool.lots[-1][0] > now)
        }
        self._sweep_at = max(_SWEEP_FROM, 2 * len(self._pools))
