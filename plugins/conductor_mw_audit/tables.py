"""The tables of a log: what is asked of a database, in the SQL that SQLite and PostgreSQL share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from .checkpoint import Checkpoint, Method
from .entry import Head, Stored

TABLES: Final = """
create table if not exists audit_log (
  one integer primary key check (one = 1), id text not null, size bigint not null,
  frontier {bytes} not null, pruned bigint not null, made {real} not null);
create table if not exists audit_records (
  number bigint primary key, kind text not null, time {real} not null, run text, agent text,
  rule text, tenant text, subject text, body text not null, seal {bytes} not null);
create index if not exists audit_records_run on audit_records (run);
create index if not exists audit_records_time on audit_records (time);
create index if not exists audit_records_subject on audit_records (subject)
  where subject is not null;
create table if not exists audit_checkpoints (
  size bigint primary key, time {real} not null, root {bytes} not null, method text not null,
  signature {bytes} not null, frontier {bytes} not null, told integer not null default 0);
create table if not exists audit_keys (
  subject text primary key, wrapped {bytes} not null, time {real} not null);
create table if not exists audit_policies (
  fingerprint text primary key, documents text not null, time {real} not null,
  seal {bytes} not null)
"""
_COLUMNS: Final = "number, kind, time, run, agent, rule, tenant, subject, body, seal"
_CHECKPOINT: Final = "size, time, root, method, signature, frontier"
_AT_ONCE: Final = 2000
_ROWS: Final = 64
_SIGNED: Final[Mapping[str, Method]] = {"hmac": "hmac", "ed25519": "ed25519"}


class State(NamedTuple):
    """How a log stands: its id, how many records it ever had, how many of them were pruned."""

    id: str
    size: int
    frontier: bytes
    pruned: int


class Tables(ABC):
    """A log's tables in one database. One connection, to be used by one thread at a time.

    Every method raises `ConductorError` where the database cannot do it now.

    Attributes:
        address: the address, without secrets.
    """

    address: str

    @abstractmethod
    def ask(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Carry out a statement and give its rows; `?` stands for a value."""

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows, many with one statement.

        One statement means one time that the interpreter is given back and asked for again: row
        by row, a writer's thread beside a busy one would wait for its turn at every row.
        """
        one = f"({', '.join('?' * len(columns.split(',')))})"
        at = 0
        while at < len(rows):
            # Sizes of which there are few, so that the database knows the statements already.
            size = min(_ROWS, 1 << ((len(rows) - at).bit_length() - 1))
            values = [value for row in rows[at : at + size] for value in row]
            self.ask(f"insert into {table} ({columns}) values {', '.join([one] * size)}", values)  # noqa: S608 - only our names
            at += size

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Hold the log for writing: what is done inside is done whole and by nobody else, or not.

        When it ends well, everything is on the disk.
        """

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """Hold one view of the log, whatever is written meanwhile."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    @abstractmethod
    def erase(self, *, compact: bool = False) -> None:
        """Make sure that what was deleted cannot be read from the disk any more.

        Args:
            compact: whether its room is given back as well, which takes a while.
        """

    def state(self) -> State:
        """Give how the log stands."""
        row = self.ask("select id, size, frontier, pruned from audit_log")[0]
        return State(str(row[0]), int(row[1]), bytes(row[2]), int(row[3]))

    def move(self, size: int, frontier: bytes) -> None:
        """Keep how the log stands after records were added."""
        self.ask("update audit_log set size = ?, frontier = ?", (size, frontier))

    def add(self, records: Sequence[Stored]) -> None:
        """Add records."""
        rows = [(one.number, *one.head, one.body, one.seal) for one in records]
        self.insert("audit_records", _COLUMNS, rows)

    def records(
        self, after: int, upto: int, where: str = "", values: Sequence[object] = ()
    ) -> Iterator[Stored]:
        """Give records in the order of their numbers.

        Args:
            after: the number that the first of them is greater than.
            upto: the greatest number.
            where: a further condition in SQL.
            values: its values.
        """
        condition = f" and ({where})" if where else ""
        sql = (
            f"select {_COLUMNS} from audit_records where number > ? and number <= ?"  # noqa: S608 - `where` is ours
            f"{condition} order by number limit {_AT_ONCE}"
        )
        while rows := self.ask(sql, (after, upto, *values)):
            for row in rows:
                yield Stored(row[0], Head(*row[1:8]), row[8], bytes(row[9]))
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1][0]

    def newest(self, most: int, where: str, values: Sequence[object]) -> list[Stored]:
        """Give the newest records, the oldest of them first."""
        condition = f" where {where}" if where else ""
        sql = f"select {_COLUMNS} from audit_records{condition} order by number desc limit ?"  # noqa: S608 - `where` is ours
        rows = self.ask(sql, (*values, most))
        return [Stored(row[0], Head(*row[1:8]), row[8], bytes(row[9])) for row in reversed(rows)]

    def outside(self, first: int, last: int) -> list[int]:
        """Give numbers of records that stand outside the log's numbers."""
        sql = "select number from audit_records where number < ? or number > ? order by number"
        return [row[0] for row in self.ask(f"{sql} limit 100", (first, last))]

    def checkpoints(self, log: str, *, untold: bool = False, after: int = -1) -> list[Checkpoint]:
        """Give the checkpoints, the oldest first.

        Args:
            log: the log's id.
            untold: whether only those that were not yet exported are given.
            after: only those that cover more records than this.
        """
        where = "size > ? and told = 0" if untold else "size > ?"
        sql = f"select {_CHECKPOINT} from audit_checkpoints where {where} order by size"  # noqa: S608 - only names of columns
        rows = self.ask(sql, (after,))
        return [_checkpoint(log, row) for row in rows]

    def last_checkpoint(self, log: str, upto: int | None = None) -> Checkpoint | None:
        """Give the newest checkpoint, or the newest that covers no more than `upto` records."""
        bound = "" if upto is None else " where size <= ?"
        rows = self.ask(
            f"select {_CHECKPOINT} from audit_checkpoints{bound} order by size desc limit 1",  # noqa: S608 - only names of columns
            () if upto is None else (upto,),
        )
        return _checkpoint(log, rows[0]) if rows else None

    def method(self) -> Method:
        """Give how the newest signed checkpoint is signed, or `none`."""
        rows = self.ask(
            "select method from audit_checkpoints where method <> 'none' order by size desc limit 1"
        )
        return _method(rows[0][0]) if rows else "none"

    def add_checkpoint(self, one: Checkpoint) -> None:
        """Keep a checkpoint."""
        self.ask(
            "insert into audit_checkpoints (size, time, root, method, signature, frontier)"
            " values (?, ?, ?, ?, ?, ?)",
            (one.size, one.time, one.root, one.method, one.signature, one.frontier),
        )

    def told(self, sizes: Sequence[int]) -> None:
        """Remember that checkpoints were exported."""
        for size in sizes:
            self.ask("update audit_checkpoints set told = 1 where size = ?", (size,))

    def prune(self, upto: int) -> int:
        """Drop records up to a number; gives how many there were."""
        before: int = self.ask("select count(*) from audit_records where number <= ?", (upto,))[0][
            0
        ]
        self.ask("update audit_log set pruned = ?", (upto,))
        self.ask("delete from audit_records where number <= ?", (upto,))
        return before

    def wrapped_key(self, subject: str) -> bytes | None:
        """Give the wrapped key of a subject, or None where there is none."""
        rows = self.ask("select wrapped from audit_keys where subject = ?", (subject,))
        return bytes(rows[0][0]) if rows else None

    def add_key(self, subject: str, wrapped: bytes, now: float) -> None:
        """Keep the wrapped key of a subject, unless there is one."""
        self.ask(
            "insert into audit_keys (subject, wrapped, time) values (?, ?, ?)"
            " on conflict (subject) do nothing",
            (subject, wrapped, now),
        )

    def drop_key(self, subject: str) -> bool:
        """Forget the key of a subject; gives whether there was one."""
        there = self.wrapped_key(subject) is not None
        self.ask("delete from audit_keys where subject = ?", (subject,))
        return there

    def policies(self) -> list[tuple[str, str, float, bytes]]:
        """Give the archived policies: fingerprint, documents, when, and the seal."""
        rows = self.ask(
            "select fingerprint, documents, time, seal from audit_policies order by time"
        )
        return [(row[0], row[1], row[2], bytes(row[3])) for row in rows]

    def add_policy(self, fingerprint: str, documents: str, now: float, seal: bytes) -> None:
        """Archive a policy, unless it is there."""
        self.ask(
            "insert into audit_policies (fingerprint, documents, time, seal) values (?, ?, ?, ?)"
            " on conflict (fingerprint) do nothing",
            (fingerprint, documents, now, seal),
        )


def _method(found: str) -> Method:
    return _SIGNED.get(found, "none")


def _checkpoint(log: str, row: Any) -> Checkpoint:
    size, time, root, method, signature, frontier = row
    return Checkpoint(
        log=log, size=size, time=time, root=bytes(root), method=_method(method),
        signature=bytes(signature), frontier=bytes(frontier),
    )  # fmt: skip
