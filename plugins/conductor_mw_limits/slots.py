"""Slots that are counted, and the line of those who wait for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from conductor_mw import Latch

_FEW: Final = 64
"""So many sorts are kept although nobody uses them: making one takes longer than finding it."""


class Seat(NamedTuple):
    """A slot that somebody needs.

    Attributes:
        key: of which sort.
        most: how many of this sort there are.
        limit: the id of the limit.
    """

    key: str
    most: int
    limit: str


@dataclass(slots=True, eq=False)
class Waiter:
    """Somebody in a line; `granted` once a slot is his."""

    latch: Latch = field(default_factory=Latch)
    granted: bool = False


@dataclass(slots=True)
class _Sort:
    """The slots of one key: how many there are as last heard, how many are used, and who waits."""

    most: int = 0
    used: int = 0
    line: deque[Waiter] = field(default_factory=deque[Waiter])


class Slots:
    """Slots of many keys. Not safe from several threads: whoever owns it holds a lock."""

    __slots__ = ("_sorts",)

    def __init__(self) -> None:
        self._sorts: dict[str, _Sort] = {}

    def __len__(self) -> int:
        return len(self._sorts)

    def full(self, seats: Sequence[Seat]) -> Seat | None:
        """Give the first sort in which no slot is free for somebody who comes now, or None."""
        for seat in seats:
            sort = self._sorts.get(seat[0])
            if sort is not None:
                sort.most = seat[1]  # a reload of the policy may have changed it
                if sort.used >= seat[1] or sort.line:
                    return seat
        return None

    def allow(self, key: str, most: int) -> None:
        """Say how many there are now; only those of a key that is in use are remembered."""
        sort = self._sorts.get(key)
        if sort is not None:
            sort.most = most

    def take(self, seats: Sequence[Seat]) -> list[str]:
        """Take one slot of each, and give their keys; whoever calls has asked `full` first."""
        sorts = self._sorts
        keys: list[str] = []
        for seat in seats:
            key = seat[0]
            sort = sorts.get(key)
            if sort is None:
                sort = sorts[key] = _Sort(seat[1])
            sort.used += 1
            keys.append(key)
        return keys

    def stand_in_line(self, key: str) -> Waiter:
        """Wait for a slot behind all who wait already."""
        waiter = Waiter()
        self._sorts.setdefault(key, _Sort()).line.append(waiter)
        return waiter

    def leave_line(self, key: str, waiter: Waiter) -> None:
        """Wait no longer."""
        sort = self._sorts[key]
        if waiter in sort.line:
            sort.line.remove(waiter)
        self._forget(key, sort)

    def release(self, key: str) -> Sequence[Latch]:
        """Free a slot, or hand it on; gives the latches of who got one, to be opened."""
        sort = self._sorts[key]
        sort.used -= 1
        if sort.line:
            return self.hand_out(key)
        self._forget(key, sort)
        return ()

    def hand_out(self, key: str) -> Sequence[Latch]:
        """Give those who wait what is free, in their order; gives their latches, to be opened."""
        sort, latches = self._sorts[key], list[Latch]()
        while sort.line and sort.used < sort.most:
            waiter = sort.line.popleft()
            sort.used += 1
            waiter.granted = True
            latches.append(waiter.latch)
        return latches

    def used(self, key: str) -> int:
        """Give how many are in use."""
        sort = self._sorts.get(key)
        return 0 if sort is None else sort.used

    def waiting(self, key: str) -> bool:
        """Whether anybody stands in line."""
        sort = self._sorts.get(key)
        return sort is not None and bool(sort.line)

    def is_first(self, key: str, waiter: Waiter) -> bool:
        """Whether somebody is next in line."""
        return self.waiting(key) and self._sorts[key].line[0] is waiter

    def serve(self, key: str) -> Latch | None:
        """Give a slot that is free to who is next in line; gives his latch, to be opened."""
        if not self.waiting(key):
            return None
        sort = self._sorts[key]
        waiter = sort.line.popleft()
        sort.used += 1
        waiter.granted = True
        return waiter.latch

    def _forget(self, key: str, sort: _Sort) -> None:
        if not sort.used and not sort.line and len(self._sorts) > _FEW:
            del self._sorts[key]
