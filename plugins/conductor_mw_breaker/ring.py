"""Count calls of the last so many seconds, in slices of time; adding one is O(1)."""

from __future__ import annotations

from typing import Final

SLICES: Final = 10
"""Slices of a window: a call is counted for at least nine tenths of it, and never longer than it.
"""


class Ring:
    """How many of the calls of a window failed, and how many were slow. Not locked.

    Example:
        >>> ring = Ring(60.0)
        >>> ring.add(0.0, True, False)
        >>> ring.add(30.0, False, True)
        >>> ring.turn(30.0), ring.calls, ring.errors, ring.slow
        (None, 2, 1, 1)
        >>> ring.turn(61.0), ring.calls, ring.errors, ring.slow
        (None, 1, 0, 1)

    Attributes:
        window: seconds after which a call is forgotten.
        calls: the calls that are remembered.
        errors: those that failed.
        slow: those that were slow.
    """

    __slots__ = ("_row", "_rows", "_tick", "_width", "calls", "errors", "slow", "window")

    def __init__(self, window: float) -> None:
        self.window = window
        self._width = window / SLICES
        self.clear()

    def clear(self) -> None:
        """Forget every call."""
        self._tick = 0
        self._rows = [[0, 0, 0] for _ in range(SLICES)]
        self._row = self._rows[0]
        self.calls = self.errors = self.slow = 0

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count a call that ended at the second `now`.

        Calls of several threads come a little out of order; who comes late counts as of now.
        """
        tick = int(now / self._width)
        if tick > self._tick:
            self._forget(tick)
        row = self._row
        row[0] += 1
        self.calls += 1
        if failed:
            row[1] += 1
            self.errors += 1
        if slow:
            row[2] += 1
            self.slow += 1

    def turn(self, now: float) -> None:
        """Forget what is older than the window at the second `now`."""
        tick = int(now / self._width)
        if tick > self._tick:
            self._forget(tick)

    def _forget(self, tick: int) -> None:
        for passed in range(self._tick + 1, min(tick, self._tick + SLICES) + 1):
            row = self._rows[passed % SLICES]
            self.calls -= row[0]
            self.errors -= row[1]
            self.slow -= row[2]
            row[:] = 0, 0, 0
        self._tick = tick
        self._row = self._rows[tick % SLICES]
