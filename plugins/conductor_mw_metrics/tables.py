"""The tables: what stands in them, and how rows are written and read, in SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

from .ledger import Block
from .tally import MEASURES, Series, Tally, Where

TABLES: Final = (
    """create table if not exists metrics_series (
  id bigint primary key, level text not null, agent text not null, rule text not null,
  target text not null, policy text not null, labels text not null)""",
    """create table if not exists metrics_buckets (
  minute bigint not null, series bigint not null, measure smallint not null,
  bucket integer not null,
  count bigint not null, primary key (minute, series, measure, bucket)) {rows}""",
    """create table if not exists metrics_amounts (
  minute bigint not null, series bigint not null, name text not null, amount bigint not null,
  primary key (minute, series, name)) {rows}""",
    """create table if not exists metrics_writers (
  writer text primary key, batch bigint not null, utc double precision not null)""",
)
"""Numbers stand below the id of a series, which is a hash of its dimensions: every process finds
the same one without asking. A measure is its place in `MEASURES`."""

_NAMED: Final = "s.level, s.agent, s.rule, s.target, s.policy, s.labels"
_LOWEST: Final = (
    "case when b.bucket < 128 then b.bucket else (b.bucket - 64 * (b.bucket / 64 - 1))"
    " << cast(b.bucket / 64 - 1 as integer) end"
)

VIEWS: Final = (
    (
        "metrics_latency",
        (
            f"select b.minute, {_NAMED}, b.bucket, {_LOWEST} as microseconds, b.count"  # noqa: S608 - nothing from outside
            " from metrics_buckets b join metrics_series s on s.id = b.series"
            " where b.measure = 0"
        ),
    ),
    (
        "metrics_counts",
        (
            f"select a.minute, {_NAMED}, a.name, a.amount"  # noqa: S608 - nothing from outside
            " from metrics_amounts a join metrics_series s on s.id = a.series"
        ),
    ),
)
"""The same for people and dashboards: every number beside the names it belongs to."""

_SERIES: Final = "insert into metrics_series values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
_BUCKET: Final = (
    "insert into metrics_buckets values (?, ?, ?, ?, ?) on conflict (minute, series, measure,"
    " bucket) do update set count = metrics_buckets.count + excluded.count"
)
_AMOUNT: Final = (
    "insert into metrics_amounts values (?, ?, ?, ?) on conflict (minute, series, name)"
    " do update set amount = metrics_amounts.amount + excluded.amount"
)
_WRITER: Final = (
    "insert into metrics_writers values (?, ?, ?) on conflict (writer)"
    " do update set batch = excluded.batch, utc = excluded.utc"
)


HOUR: Final = 60
"""Minutes."""

_SUMMED: Final = (
    ("metrics_buckets", "series, measure, bucket", "count"),
    ("metrics_amounts", "series, name", "amount"),
)


class Cursor(Protocol):
    """What we need of a database cursor, SQLite's or psycopg's."""

    def execute(self, query: Any, values: Sequence[object] = (), /) -> Any:
        """Run one statement."""
        ...

    def executemany(self, query: Any, rows: Iterable[Sequence[object]], /) -> Any:
        """Run one statement for every row."""
        ...

    def fetchall(self) -> list[Any]:
        """Give the rows found."""
        ...


def series_id(series: Series) -> int:
    """Give the id of a series: 47 bits of a hash, which SQLite keeps in 6 bytes.

    Of 10,000 series, two have the same one with a chance of one in three million.
    """
    named = json.dumps(_named(series), ensure_ascii=False).encode()
    return int.from_bytes(hashlib.sha256(named).digest()[:6], "big") >> 1


def written(cursor: Cursor, writer: str) -> int:
    """Give the number of the last batch of a writer that stands in the tables."""
    cursor.execute("select batch from metrics_writers where writer = ?", (writer,))
    found = cursor.fetchall()
    return int(found[0][0]) if found else 0


def write(cursor: Cursor, blocks: Sequence[Block], *, writer: str, batch: int, utc: float) -> None:
    """Add blocks to what stands in the tables, and say which batch it was.

    Rows are written in one order by everybody, so that two writers never wait for each other.
    """
    named: dict[int, Sequence[str]] = {}
    buckets: dict[tuple[int, int, int, int], int] = {}
    amounts: dict[tuple[int, int, str], int] = {}
    for block in blocks:
        for series, tally in block.tallies.items():
            at = (block.minute, series_id(series))
            named[at[1]] = _named(series)
            for name, amount in tally.amounts().items():
                amounts[*at, name] = amounts.get((*at, name), 0) + amount
            for measure, counted in enumerate(tally.histograms.values()):
                for bucket, count in counted.items():
                    key = (*at, measure, bucket)
                    buckets[key] = buckets.get(key, 0) + count
    cursor.executemany(_SERIES, [(id_, *names) for id_, names in sorted(named.items())])
    cursor.executemany(_AMOUNT, [(*key, amount) for key, amount in sorted(amounts.items())])
    cursor.executemany(_BUCKET, [(*key, count) for key, count in sorted(buckets.items())])
    cursor.execute(_WRITER, (writer, batch, utc))


def prune(cursor: Cursor, *, before: int, utc: float) -> None:
    """Drop the minutes before one, the series that nothing belongs to, and writers long silent."""
    cursor.execute("delete from metrics_buckets where minute < ?", (before,))
    cursor.execute("delete from metrics_amounts where minute < ?", (before,))
    cursor.execute("delete from metrics_writers where utc < ?", (min(before * 60.0, utc - 86400),))
    cursor.execute(
        "delete from metrics_series where not exists"
        " (select 1 from metrics_amounts a where a.series = metrics_series.id)"
        " and not exists (select 1 from metrics_buckets b where b.series = metrics_series.id)"
    )


def sum_up(cursor: Cursor, *, before: int) -> None:
    """Put the minutes before one together into hours; they take a fraction of the room."""
    before -= before % HOUR
    for table, key, number in _SUMMED:
        # What stands at the beginning of an hour is its sum already, or its first minute: both
        # are added to, so it does not matter which.
        cursor.execute(
            f"insert into {table} select minute - minute % {HOUR}, {key}, sum({number})"  # noqa: S608 - our own names
            f" from {table} where minute < ? and minute % {HOUR} <> 0"
            f" group by minute - minute % {HOUR}, {key}"
            f" on conflict (minute, {key}) do update"
            f" set {number} = {table}.{number} + excluded.{number}",
            (before,),
        )
        cursor.execute(
            f"delete from {table} where minute < ? and minute % {HOUR} <> 0",  # noqa: S608 - our own names
            (before,),
        )


def read(cursor: Cursor, since: int, until: int) -> dict[Series, Tally]:
    """Give what every series came to from one minute to before another; the adding is SQL's."""
    found: dict[Series, Tally] = {}
    known = _known(cursor)
    cursor.execute(
        "select series, name, sum(amount) from metrics_amounts where minute >= ? and minute < ?"
        " group by series, name",
        (since, until),
    )
    for series, name, amount in cursor.fetchall():
        found.setdefault(known[series], Tally()).count(name, int(amount))
    cursor.execute(
        "select series, measure, bucket, sum(count) from metrics_buckets"
        " where minute >= ? and minute < ? group by series, measure, bucket",
        (since, until),
    )
    for series, measure, bucket, count in cursor.fetchall():
        if measure < len(MEASURES):  # a later version may count more
            buckets = found.setdefault(known[series], Tally()).histograms[MEASURES[measure]]
            buckets[bucket] = buckets.get(bucket, 0) + int(count)
    return found


def read_times(
    cursor: Cursor, since: int, until: int, pieces: int
) -> dict[Series, dict[int, dict[int, int]]]:
    """Give the latency of every series in equal pieces of time, by the piece's number.

    The pieces lie between the first and the last minute in which anything was counted.
    """
    found: dict[Series, dict[int, dict[int, int]]] = {}
    cursor.execute(
        "select min(minute), max(minute) from metrics_amounts where minute >= ? and minute < ?",
        (since, until),
    )
    ((first, last),) = cursor.fetchall()
    if first is None:
        return found
    known = _known(cursor)
    piece = f"(minute - {int(first)}) * {int(pieces)} / {int(last - first + 1)}"
    cursor.execute(
        f"select series, {piece}, bucket, sum(count) from metrics_buckets"  # noqa: S608 - whole numbers only
        " where minute >= ? and minute < ? and measure = 0"
        f" group by series, {piece}, bucket",
        (since, until),
    )
    for series, at, bucket, count in cursor.fetchall():
        course = found.setdefault(known[series], {})
        course.setdefault(int(at), {})[bucket] = int(count)
    return found


def _known(cursor: Cursor) -> dict[int, Series]:
    cursor.execute("select id, level, agent, rule, target, policy, labels from metrics_series")
    return {id_: _series(names) for id_, *names in cursor.fetchall()}


def _named(series: Series) -> Sequence[str]:
    where = series.where
    labels = json.dumps(dict(where.labels), ensure_ascii=False, separators=(",", ":"))
    return (series.level, series.agent, where.rule, where.target, where.policy, labels)


def _series(names: Sequence[str]) -> Series:
    _, agent, rule, target, policy, labels = names
    found = cast("Mapping[str, str]", json.loads(labels))
    return Series(agent, Where(rule, target, policy, tuple(found.items())))
