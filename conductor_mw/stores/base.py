"""Where plugins keep state that several of them, or several processes, share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

SWEEP_EVERY: Final = 256
"""Writes after which a store forgets what has expired; nobody would ever ask for it again."""


class Move(NamedTuple):
    """How far one key's clock is to be moved, in whole nanoseconds; see `Store.advance`.

    Attributes:
        key: whose clock.
        cost: how far; 0 only looks, less than 0 moves back.
        burst: how far ahead of now the clock may stand afterwards.
    """

    key: str
    cost: int
    burst: int


class Store(Protocol):
    """Rows of bytes under text keys, in named tables, with atomic changes and an expiry.

    Every method may be called from any thread. Times are UTC seconds, given by the caller, so that
    a test brings its own clock. Use it through `Io`, because a shared store is a server away.

    Numbers of `add` and `take` stay within 9e15 either way (9 million dollars in nano-dollars),
    where a double still counts by ones; costs and bursts within 1e18 nanoseconds (31 years). More
    is refused with a `ConductorError`, by every store alike.

    Every method raises `StoreError` where the store cannot be reached, or not in time. Whether the
    change was made is unknown then; nothing is tried twice.
    """

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        """Give the value, or None where there is none or it has expired."""
        ...

    def put(
        self, table: str, key: str, value: bytes, *, now: float, expires: float | None = None
    ) -> None:
        """Keep a value, until the UTC second `expires` or for ever."""
        ...

    def swap(
        self,
        table: str,
        key: str,
        before: bytes | None,
        after: bytes,
        *,
        now: float,
        expires: float | None = None,
    ) -> bool:
        """Put `after` only if the value is `before` still; gives whether it was.

        A `before` of None means that there is no value.
        """
        ...

    def add(
        self, table: str, key: str, amount: int, *, now: float, expires: float | None = None
    ) -> int:
        """Add to a whole number, from 0 where there is none, and give the sum."""
        ...

    def take(
        self,
        table: str,
        key: str,
        amount: int,
        most: int,
        *,
        now: float,
        expires: float | None = None,
    ) -> int:
        """Add as much of `amount` as fits below `most`, and give how much that was.

        The number begins at 0. Where nothing fits, nothing is written and 0 is given. Of all who
        take at the same moment, none gets what another got: leases and probes are counted so.
        """
        ...

    def advance(self, table: str, moves: Sequence[Move], *, now: float) -> float:
        """Move the clocks of several keys forward, all or none; 0.0, or the seconds to wait.

        A clock that is behind stands at `now`. Moved by its cost, it must not be further ahead of
        `now` than its burst: the generic cell rate algorithm (ITU-T I.371), where a cost is the
        time that one cell takes at the agreed rate. A cost below 0 moves back, never behind `now`,
        and is never refused by itself; a key that is named twice is moved twice.

        Returns:
            0.0 where all were moved, else the seconds after which they could be, rounded up to a
            microsecond; `inf` where a cost is more than its burst.
        """
        ...

    def delete(self, table: str, key: str) -> None:
        """Forget a value."""
        ...

    def keys(self, table: str, *, now: float, prefix: str = "") -> tuple[str, ...]:
        """Give the keys of a table that have not expired, sorted."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
