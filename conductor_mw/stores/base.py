"""Where plugins keep state that several of them, or several processes, share."""

from __future__ import annotations

from typing import Final, Protocol

SWEEP_EVERY: Final = 256
"""Writes after which a store forgets what has expired; nobody would ever ask for it again."""


class Store(Protocol):
    """Rows of bytes under text keys, in named tables, with an atomic change and an expiry.

    Every method may be called from any thread. Times are UTC seconds, given by the caller, so that
    a test brings its own clock. Use it through `Io`, because a shared store is a server away.
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

    def delete(self, table: str, key: str) -> None:
        """Forget a value."""
        ...

    def keys(self, table: str, *, now: float, prefix: str = "") -> tuple[str, ...]:
        """Give the keys of a table that have not expired, sorted."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
