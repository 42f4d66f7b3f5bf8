"""What the next trip to a store moves besides what it is made for."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from conductor_mw import Move

from .clocks import LONGEST_DEBT

_ANY: Final = 10**18
"""A burst that nothing is beyond: what was used is moved, whatever the clock says."""
_MOST: Final = 64


@dataclass(slots=True)
class Parcel:
    """What one trip carries.

    Attributes:
        moves: what the store is to move.
        owed: what was used beyond what was charged, by key.
        back: what was charged and not used, and since when, by key.
    """

    moves: list[Move] = field(default_factory=list[Move])
    owed: dict[str, int] = field(default_factory=dict[str, int])
    back: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])


class Carried:
    """What waits for a trip. Not safe from several threads: whoever owns it holds a lock."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting = Parcel()

    def __bool__(self) -> bool:
        return bool(self._waiting.owed or self._waiting.back)

    def owe(self, key: str, amount: int) -> None:
        """Charge what was used beyond what was charged."""
        owed = self._waiting.owed
        owed[key] = min(owed.get(key, 0) + amount, LONGEST_DEBT)

    def give_back(self, key: str, amount: int, charged: int) -> None:
        """Move back what was charged at a moment and not used."""
        there, since = self._waiting.back.get(key, (0, charged))
        self._waiting.back[key] = (there + amount, min(since, charged))

    def pack(self, now: int) -> Parcel:
        """Give what a trip at a moment carries; it waits no longer.

        What passing time has given back by itself is not given back again: of all that was charged
        since a moment, the time since then is left out. However long ago it was charged and
        whatever others did meanwhile, the clock does not fall behind where it would have stood.
        """
        waiting, parcel = self._waiting, Parcel()
        for key in list(islice(waiting.owed, _MOST)):
            parcel.owed[key] = amount = waiting.owed.pop(key)
            parcel.moves.append(Move(key, amount, _ANY))
        for key in list(islice(waiting.back, _MOST)):
            amount, since = waiting.back.pop(key)
            left = amount - max(0, now - since)
            if left > 0:
                parcel.back[key] = (amount, since)
                parcel.moves.append(Move(key, -left, _ANY))
        return parcel

    def unpack(self, parcel: Parcel) -> None:
        """Let wait again what a trip did not move."""
        for key, amount in parcel.owed.items():
            self.owe(key, amount)
        for key, (amount, since) in parcel.back.items():
            self.give_back(key, amount, since)
