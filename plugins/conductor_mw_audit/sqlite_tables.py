"""A log in one SQLite file: written ahead, synchronised fully, and guarded against changes."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from conductor_mw import ConductorError

from .tables import TABLES, Tables

_BUSY: Final = 5.0
"""Seconds for which a writer waits for another process's write."""
_AGAIN: Final = 0.02
_GUARDS: Final = (
    """create trigger if not exists audit_records_stay before update on audit_records
    begin select raise(abort, 'an audit record cannot be changed'); end""",
    """create trigger if not exists audit_records_remain before delete on audit_records
    when old.number > (select pruned from audit_log)
    begin select raise(abort, 'an audit record cannot be deleted'); end""",
    # `insert or replace` deletes without asking the trigger above.
    """create trigger if not exists audit_records_once before insert on audit_records
    when new.number <= (select size from audit_log)
    begin select raise(abort, 'an audit record cannot be replaced'); end""",
    """create trigger if not exists audit_checkpoints_remain before delete on audit_checkpoints
    begin select raise(abort, 'a checkpoint cannot be deleted'); end""",
    """create trigger if not exists audit_checkpoints_stay before update of
    size, time, root, method, signature, frontier on audit_checkpoints
    begin select raise(abort, 'a checkpoint cannot be changed'); end""",
)


class SqliteTables(Tables):
    """The tables in a file of their own or beside other tables.

    They survive a power cut: every transaction is synchronised (WAL, `synchronous = full`).
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        """Open a file.

        Args:
            path: the file.
            make: whether to make the file and the tables where they are not there.

        Raises:
            ConductorError: it cannot be opened, or holds no log and none is to be made.
        """
        self.address = f"sqlite:{path}"
        self._path = path
        self._file: tuple[int, int] | None = None
        self._connected: sqlite3.Connection | None = None
        self._make = make
        self._connection()

    def ask(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Carry out a statement and give its rows."""
        connected = self._connection()
        try:
            return connected.execute(sql, tuple(values)).fetchall()
        except sqlite3.Error as error:
            if "decode" not in str(error) or connected.text_factory is _text:
                raise self._refused(error) from error
        # Whoever changed a record by hand left no text: that is to be shown, not an error.
        connected.text_factory = _text
        return self.ask(sql, values)

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """Hold the log for writing."""
        self._same_file()
        self.ask("begin immediate")
        try:
            yield
            self.ask("commit")
        except BaseException:  # raised again, once nothing is half written
            self._roll_back()
            raise

    @contextmanager
    def reading(self) -> Generator[None, None, None]:
        """Hold one view of the log."""
        self.ask("begin")
        try:
            yield
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close the file."""
        connected, self._connected = self._connected, None
        if connected is not None:
            connected.close()

    def erase(self, *, compact: bool = False) -> None:
        """Empty the write-ahead log; what was deleted in the file is overwritten already."""
        if compact:
            self.ask("vacuum")
        self.ask("pragma wal_checkpoint(truncate)")

    def _connection(self) -> sqlite3.Connection:
        if self._connected is not None:
            return self._connected
        try:
            if not self._make and not self._path.exists():
                raise FileNotFoundError("there is no such file")
            _make_file(self._path)
            connected = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=_BUSY
            )
        except (OSError, sqlite3.Error) as error:
            raise self._refused(error) from error
        try:
            self._prepare(connected)
        except (OSError, sqlite3.Error) as error:
            connected.close()
            raise self._refused(error) from error
        self._connected = connected
        return connected

    def _prepare(self, connected: sqlite3.Connection) -> None:
        if not self._make:
            found = connected.execute(
                "select count(*) from sqlite_master where name in ('audit_log', 'audit_records')"
            ).fetchone()
            if found[0] != 2:
                raise FileNotFoundError("it holds no audit log")
        _write_ahead(connected)
        connected.execute("pragma synchronous = full")
        connected.execute("pragma secure_delete = on")
        if self._make:
            connected.execute("begin immediate")
            for statement in TABLES.format(bytes="blob", real="real").split(";"):
                connected.execute(statement)
            for guard in _GUARDS:
                connected.execute(guard)
            connected.execute(
                "insert or ignore into audit_log (one, id, size, frontier, pruned, made)"
                " values (1, ?, 0, x'', 0, (julianday('now') - 2440587.5) * 86400.0)",
                (uuid4().hex,),
            )
            connected.execute("commit")
        found = self._path.stat()
        self._file = (found.st_dev, found.st_ino)

    def _same_file(self) -> None:
        # A file that was moved away or deleted would swallow every further record.
        try:
            found = self._path.stat()
            same = self._file == (found.st_dev, found.st_ino)
        except OSError:
            same = False
        if not same:
            self.close()

    def _roll_back(self) -> None:
        connected = self._connected
        if connected is not None and connected.in_transaction:
            try:
                connected.execute("rollback")
            except sqlite3.Error:
                self.close()  # a connection that cannot even do that is of no use

    def _refused(self, error: Exception) -> ConductorError:
        return ConductorError(
            f"the audit log cannot be used: {error}",
            where=self._path,
            mend=(
                "Name the log that the policy's `audit: {path: ...}` names, with --path."
                if isinstance(error, FileNotFoundError)
                else "Look at the disk's room and the file's rights."
            ),
        )


def _make_file(path: Path) -> None:
    # Made here, because SQLite itself would make it readable to everybody. Only where it is not
    # there: to close a file that a connection of this process has open would drop its locks, and
    # another process would write over it (POSIX; "How To Corrupt An SQLite Database File", 2.2).
    with suppress(FileExistsError):
        # A link to a file that is not there yet counts as there, so it is followed before.
        os.close(os.open(path.resolve(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _text(found: bytes) -> str:
    return found.decode("utf-8", "surrogateescape")


def _write_ahead(connected: sqlite3.Connection) -> None:
    # SQLite does not wait its busy time for this one: of two processes that open a new file at the
    # same moment, the second is refused at once. So it is asked again, for as long.
    for _ in range(int(_BUSY / _AGAIN)):
        try:
            connected.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError:
            time.sleep(_AGAIN)
        else:
            return
    connected.execute("pragma journal_mode = wal")
