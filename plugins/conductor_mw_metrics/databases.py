"""Where the tables stand: a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from conductor_mw import ConductorError

from .tables import TABLES, VIEWS, Cursor

_BUSY: Final = 5.0
"""Seconds for which a writer waits for another process's write."""

_POSTGRES: Final = ("postgres:", "postgresql:")
_LOCK: Final = 0x6D657472696373
"""Names the lock that writers take; any number that others do not take would do."""


class Database(Protocol):
    """Somewhere to keep tables. Every use opens a connection of its own, so that a fork is safe."""

    def changing(self) -> AbstractContextManager[Cursor]:
        """Give a cursor inside a transaction, in tables that are there; kept where it is left well.

        Raises:
            ConductorError: the database cannot be reached or written.
        """
        ...

    def reading(self) -> AbstractContextManager[Cursor]:
        """Give a cursor to read with, in one snapshot.

        Raises:
            ConductorError: the database cannot be reached, or holds no metrics.
        """
        ...


def database(address: str) -> Database:
    """Give the database of an address: `postgresql://...`, or the path of a SQLite file."""
    if address.startswith(_POSTGRES):
        return Postgres(address)
    return Sqlite(Path(address.removeprefix("sqlite:").removeprefix("//")))


class Sqlite:
    """One file in WAL mode that several processes share, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    @contextmanager
    def changing(self) -> Generator[Cursor]:
        """Give a cursor inside a transaction."""
        with self._errors("written"):
            # Created here, because SQLite itself would make it readable to everybody; and only
            # where it is not there: closing a file that another connection of this process has open
            # drops that connection's locks, and another process would write over it.
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=_BUSY)
            try:
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = normal")
                connection.execute("begin immediate")
                with connection:
                    _make(connection.cursor(), "without rowid", "create view if not exists")
                    yield connection.cursor()
            finally:
                connection.close()

    @contextmanager
    def reading(self) -> Generator[Cursor]:
        """Give a cursor to read with."""
        if not self.path.is_file():
            raise ConductorError(
                "there are no metrics here: no such file",
                where=self.path,
                mend="name the file that the policy's `metrics: {path: ...}` names, with --path",
            )
        with self._errors("read"):
            connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None,
                timeout=_BUSY,
            )  # fmt: skip
            try:
                connection.execute("begin")
                cursor = connection.cursor()
                cursor.execute("select 1 from sqlite_master where name = 'metrics_amounts'")
                if not cursor.fetchall():
                    raise _empty(self.path)
                yield cursor
            finally:
                connection.close()

    @contextmanager
    def _errors(self, done: str) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConductorError(
                f"metrics cannot be {done}: {reason}", where=self.path, mend="check the path"
            ) from error


class Postgres:
    """A PostgreSQL database; its address may say `?timeout=0.5`, in seconds."""

    def __init__(self, address: str) -> None:
        whole = urlsplit(address)
        query = dict(parse_qsl(whole.query))
        self._timeout = float(query.pop("timeout", _BUSY))
        self._address = urlunsplit(
            whole._replace(scheme="postgresql", query=urlencode(query, quote_via=quote))
        )

    def __str__(self) -> str:
        return "PostgreSQL"  # an address may hold a password

    @contextmanager
    def changing(self) -> Generator[Cursor]:
        """Give a cursor inside a transaction."""
        with self._cursor("written") as cursor:
            # One writer at a time, as in SQLite: nobody deadlocks, and what one of them prunes is
            # nothing that another has just found there. A write takes milliseconds.
            cursor.execute("select pg_advisory_xact_lock(?)", (_LOCK,))
            if not _there(cursor):
                _make(cursor, "", "create view")
            yield cursor

    @contextmanager
    def reading(self) -> Generator[Cursor]:
        """Give a cursor to read with."""
        with self._cursor("read", "set transaction isolation level repeatable read") as cursor:
            if not _there(cursor):
                raise _empty(str(self))
            yield cursor

    @contextmanager
    def _cursor(self, done: str, first: str = "select 1") -> Generator[Cursor]:
        connect, psycopg_error = _psycopg()
        try:
            limit = max(2, ceil(self._timeout))
            with connect(self._address, connect_timeout=limit) as open_, open_.cursor() as cursor:
                asking = _Asking(cursor)
                asking.execute(first)
                limit_ms = f"{int(self._timeout * 1000)}ms"
                asking.execute("select set_config('lock_timeout', ?, true)", (limit_ms,))
                yield asking
        except psycopg_error as error:
            raise ConductorError(
                f"metrics cannot be {done}: {error}", where="PostgreSQL", mend="check the address"
            ) from error


def _there(cursor: Cursor) -> bool:
    cursor.execute("select 1 where to_regclass('metrics_counts') is not null")
    return bool(cursor.fetchall())


class _Asking:
    """A psycopg cursor that takes `?` for a value, as SQLite does."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, query: str, values: Sequence[object] = (), /) -> Any:
        return self._cursor.execute(_translated(query) if values else query, values or None)

    def executemany(self, query: str, rows: Iterable[Sequence[object]], /) -> Any:
        return self._cursor.executemany(_translated(query), rows)

    def fetchall(self) -> list[Any]:
        return cast("list[Any]", self._cursor.fetchall())


def _translated(query: str) -> str:
    return query.replace("%", "%%").replace("?", "%s")


def _make(cursor: Cursor, rows: str, view: str) -> None:
    for table in TABLES:
        cursor.execute(table.format(rows=rows))
    for name, query in VIEWS:
        cursor.execute(f"{view} {name} as {query}")


def _empty(where: object) -> ConductorError:
    return ConductorError("nothing was counted here yet", where=str(where))


def _psycopg() -> tuple[Callable[..., Any], type[Exception]]:
    try:
        import psycopg
    except ImportError as error:
        raise ConductorError(
            "metrics in PostgreSQL need psycopg", mend="pip install 'conductor-mw[postgres]'"
        ) from error
    return psycopg.connect, psycopg.Error
