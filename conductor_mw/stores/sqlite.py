"""`sqlite:PATH` keeps state in one file that several processes share, readable by its owner."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, cast
from weakref import WeakSet

from conductor_mw.errors import ConductorError, StoreError

from .base import SWEEP_EVERY, Move
from .numbers import advanced, fitting, total

_BUSY: Final = 5.0
"""How many seconds a writer waits for another process's write."""

_AGAIN: Final = 0.02
"""How many seconds between two tries where SQLite itself does not wait."""

_SCHEMA: Final = """
create table if not exists state (
  sort text not null, key text not null, value blob not null, expires real,
  primary key (sort, key)
)
"""


class SqliteStore:
    """A store in one SQLite file in WAL mode, synchronised fully: a write survives a power cut."""

    def __init__(self, path: Path, busy: float = _BUSY) -> None:
        # One connection, used in turns: SQLite lets one write at a time anyway, and a connection
        # for each thread would outlive its thread.
        self._lock = threading.Lock()
        self._writes = 0
        self._path = path
        self._busy = busy
        self._connected: sqlite3.Connection | None = self._opened()
        _STORES.add(self)

    def _opened(self) -> sqlite3.Connection:
        path = self._path
        try:
            # Created here, because SQLite itself would make it readable to everybody; and only
            # where it is not there: closing a file that another connection of this process has open
            # drops that connection's locks, and another process would write over it. A link to a
            # file that is not there yet counts as there, so it is followed before.
            with suppress(FileExistsError):
                os.close(os.open(path.resolve(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connected = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=self._busy
            )
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        try:
            _write_ahead(connected, self._busy)
            connected.execute("pragma synchronous = full")
            connected.execute(_SCHEMA)
        except sqlite3.Error as error:
            connected.close()
            raise _unusable(path, error) from error
        return connected

    def begin_anew(self) -> None:
        """Open the file again when it is next used: this process was forked."""
        # The parent's connection is neither used nor closed: that would undo the parent's locks.
        _LEFT_TO_PARENT.append(self._connected)
        self._connected = None
        self._lock = threading.Lock()

    @classmethod
    def open(cls, address: str) -> SqliteStore:
        """Give the store of an address such as `sqlite:conductor.db?timeout=2`.

        Raises:
            ConductorError: the file cannot be made or read, or the address has another option.
        """
        text, _, query = address.partition(":")[2].removeprefix("//").partition("?")
        path = Path(text)
        if not query:
            return cls(path)
        name, _, value = query.partition("=")
        try:
            busy = float(value) if name == "timeout" else -1.0
        except ValueError:
            busy = -1.0
        if not 0 < busy <= 60:
            raise ConductorError(
                f"{query!r} is no option of a file",
                where=path,
                mend="The one there is: ?timeout=2, in seconds, at most 60.",
            )
        return cls(path, busy)

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        """Give the value, or None where there is none or it has expired."""
        with self._connection() as connection:
            return _value(connection, table, key, now)

    def put(
        self, table: str, key: str, value: bytes, *, now: float, expires: float | None = None
    ) -> None:
        """Keep a value, until the UTC second `expires` or for ever."""
        with self._writing(now) as connection:
            _write(connection, table, key, value, expires)

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
        with self._writing(now) as connection:
            if _value(connection, table, key, now) != before:
                return False
            _write(connection, table, key, after, expires)
            return True

    def add(
        self, table: str, key: str, amount: int, *, now: float, expires: float | None = None
    ) -> int:
        """Add to a whole number, from 0 where there is none, and give the sum."""
        with self._writing(now) as connection:
            added = total(_value(connection, table, key, now), amount)
            _write(connection, table, key, b"%d" % added, expires)
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
        with self._writing(now) as connection:
            before = _value(connection, table, key, now)
            taken = fitting(before, amount, most)
            if taken:
                _write(connection, table, key, b"%d" % total(before, taken), expires)
            return taken

    def advance(self, table: str, moves: Sequence[Move], *, now: float) -> float:
        """Move the clocks of several keys forward, all or none; 0.0, or the seconds to wait."""
        with self._writing(now) as connection:
            wait, times = advanced(moves, lambda key: _value(connection, table, key, now), now)
            for key, (value, expires) in times.items():
                _write(connection, table, key, value, expires)
            return wait

    def delete(self, table: str, key: str) -> None:
        """Forget a value."""
        with self._writing(None) as connection:
            connection.execute(
                "delete from state where sort = ? and key = cast(? as text)", (table, _name(key))
            )

    def keys(self, table: str, *, now: float, prefix: str = "") -> tuple[str, ...]:
        """Give the keys of a table that have not expired, sorted."""
        with self._connection() as connection:
            rows = connection.execute(
                "select cast(key as blob) from state"
                " where sort = ? and (expires is null or expires > ?)"
                " and key >= cast(? as text) and key < cast(? as text) order by key",
                # No character begins with FF: whatever has the prefix comes before it.
                (table, now, _name(prefix), _name(prefix) + b"\xff"),
            ).fetchall()
        return tuple(cast("bytes", row[0]).decode("utf-8", "surrogatepass") for row in rows)

    def close(self) -> None:
        """Close the file; the store is of no use afterwards."""
        _STORES.discard(self)
        with self._lock:
            if self._connected is not None:
                self._connected.close()

    def _open_again(self) -> sqlite3.Connection:
        try:
            self._connected = self._opened()
        except ConductorError as error:
            raise StoreError(error.problem, where=self._path, mend=error.mend) from error
        return self._connected

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection, None, None]:
        with self._lock:
            try:
                yield self._connected or self._open_again()
            except sqlite3.ProgrammingError:
                raise  # used after it was closed: no weather, but a mistake
            except sqlite3.DatabaseError as error:
                raise StoreError(
                    f"cannot read or write state: {error}",
                    where=self._path,
                    mend="Look whether another process holds the file or the disk is full.",
                ) from error

    @contextmanager
    def _writing(self, now: float | None) -> Generator[sqlite3.Connection, None, None]:
        with self._connection() as connection:
            # Immediate: the lock is taken before the first read, so nobody writes in between.
            connection.execute("begin immediate")
            try:
                yield connection
                self._writes += 1
                if now is not None and self._writes % SWEEP_EVERY == 0:
                    connection.execute("delete from state where expires <= ?", (now,))
                connection.execute("commit")
            except BaseException:  # raised again, once nothing is half written
                # After a full disk SQLite has rolled back by itself.
                if connection.in_transaction:
                    connection.execute("rollback")
                raise


_STORES: Final[WeakSet[SqliteStore]] = WeakSet()
_LEFT_TO_PARENT: Final[list[sqlite3.Connection | None]] = []


def _after_fork() -> None:
    for store in tuple(_STORES):
        store.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _write_ahead(connection: sqlite3.Connection, busy: float) -> None:
    # SQLite does not wait its busy time for this one: of two processes that open a new file at the
    # same moment, the second is refused at once. So it is asked again, for as long.
    for _ in range(int(busy / _AGAIN)):
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError:
            time.sleep(_AGAIN)
        else:
            return
    connection.execute("pragma journal_mode = wal")


def _unusable(path: Path, error: Exception) -> ConductorError:
    return ConductorError(
        f"cannot keep state there: {error}", where=path, mend="Name a file that can be written."
    )


def _value(connection: sqlite3.Connection, table: str, key: str, now: float) -> bytes | None:
    row = connection.execute(
        "select value from state"
        " where sort = ? and key = cast(? as text) and (expires is null or expires > ?)",
        (table, _name(key), now),
    ).fetchone()
    return cast("bytes", row[0]) if row else None


def _write(
    connection: sqlite3.Connection, table: str, key: str, value: bytes, expires: float | None
) -> None:
    connection.execute(
        "insert into state (sort, key, value, expires) values (?, cast(? as text), ?, ?)"
        " on conflict (sort, key) do update set value = excluded.value, expires = excluded.expires",
        (table, _name(key), value, expires),
    )


def _name(key: str) -> bytes:
    # Half of a surrogate pair, as broken JSON holds it, is no text to SQLite, but bytes are.
    return key.encode("utf-8", "surrogatepass")
