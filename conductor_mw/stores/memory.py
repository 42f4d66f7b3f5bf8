"""`memory://` keeps state in this process; it is gone when the process is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from .base import SWEEP_EVERY, Move
from .numbers import advanced, fitting, total


@dataclass(slots=True)
class MemoryStore:
    """A store in this process."""

    _rows: dict[tuple[str, str], tuple[bytes, float | None]] = field(
        default_factory=dict[tuple[str, str], tuple[bytes, float | None]]
    )
    _writes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, address: str) -> MemoryStore:
        """Give a new store; the address says no more than its scheme."""
        del address
        return cls()

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        """Give the value, or None where there is none or it has expired."""
        with self._lock:
            return self._live(table, key, now)

    def put(
        self, table: str, key: str, value: bytes, *, now: float, expires: float | None = None
    ) -> None:
        """Keep a value, until the UTC second `expires` or for ever."""
        with self._lock:
            self._write(table, key, value, expires, now)

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
        """Put `after` only if the value is `before` still; gives whether it was."""
        with self._lock:
            if self._live(table, key, now) != before:
                return False
            self._write(table, key, after, expires, now)
            return True

    def add(
        self, table: str, key: str, amount: int, *, now: float, expires: float | None = None
    ) -> int:
        """Add to a whole number, from 0 where there is none, and give the sum."""
        with self._lock:
            added = total(self._live(table, key, now), amount)
            self._write(table, key, b"%d" % added, expires, now)
            return added

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
        """Add as much of `amount` as fits below `most`, and give how much that was."""
        with self._lock:
            before = self._live(table, key, now)
            taken = fitting(before, amount, most)
            if taken:
                self._write(table, key, b"%d" % total(before, taken), expires, now)
            return taken

    def advance(self, table: str, moves: Sequence[Move], *, now: float) -> float:
        """Move the clocks of several keys forward, all or none; 0.0, or the seconds to wait."""
        with self._lock:
            wait, times = advanced(moves, lambda key: self._live(table, key, now), now)
            for key, (value, expires) in times.items():
                self._write(table, key, value, expires, now)
            return wait

    def delete(self, table: str, key: str) -> None:
        """Forget a value."""
        with self._lock:
            self._rows.pop((table, key), None)

    def keys(self, table: str, *, now: float, prefix: str = "") -> tuple[str, ...]:
        """Give the keys of a table that have not expired, sorted."""
        with self._lock:
            found = [
                key
                for (kept, key), (_, expires) in self._rows.items()
                if kept == table and key.startswith(prefix) and (expires is None or expires > now)
            ]
        return tuple(sorted(found))

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._rows.clear()

    def _write(self, table: str, key: str, value: bytes, expires: float | None, now: float) -> None:
        self._rows[table, key] = (value, expires)
        self._writes += 1
        if self._writes % SWEEP_EVERY == 0:
            self._rows = {
                kept: row for kept, row in self._rows.items() if row[1] is None or row[1] > now
            }

    def _live(self, table: str, key: str, now: float) -> bytes | None:
        value, expires = self._rows.get((table, key), (None, None))
        return None if expires is not None and expires <= now else value
