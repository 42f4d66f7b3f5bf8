"""The metrics in SQLite and PostgreSQL: what was counted arrives once, whatever happens."""

from __future__ import annotations

import gc
import logging
import sqlite3
import stat
import threading
import weakref
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conductor_mw_metrics import tables
from conductor_mw_metrics.databases import Sqlite, database
from conductor_mw_metrics.figures import FIGURES
from conductor_mw_metrics.histogram import percentile
from conductor_mw_metrics.ledger import Ledger
from conductor_mw_metrics.reading import Recorded, Span
from conductor_mw_metrics.tally import Place, Series, Tally, Where
from conductor_mw_metrics.writer import MOST_WAITING, Writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_mw import ConductorError, Usage
from conductor_mw.testing import Scripted, VirtualClock

from .metrics_kit import (
    FOR_EVER,
    MINUTE,
    NOON,
    closed,
    conductor,
    counting,
    layer,
    plain,
    recorded,
    request,
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty database of each kind, one after another."""
    if request.param == "sqlite":
        return str(tmp_path / "conductor.db")
    found: str = request.getfixturevalue("postgres_address")
    return found


def test_what_stands_in_the_tables_is_what_was_counted(address: str) -> None:
    with closed(counting(address)) as one:
        for tenant in ("acme", "bolt", "acme"):
            one.call("good morning", metadata={"tenant": tenant})
        one.call("hi", metadata={"tenant": 'it\'s "quoted" ünd %s ?'})
        layer(one).flush()

        assert plain(recorded(address)) == plain(layer(one).ledger.totals())


def test_minutes_are_told_apart(address: str) -> None:
    clock = VirtualClock(utc=NOON)
    with closed(counting(address, clock)) as one:
        for _ in range(3):
            one.call("good morning")
            clock.advance(60)

    for minute in range(3):
        found = Recorded(recorded(address, MINUTE + minute, MINUTE + minute + 1), Span(0, 1))
        assert found.all().calls == 1
    assert recorded(address, MINUTE + 3) == {}


def test_nothing_is_written_twice(address: str) -> None:
    one = counting(address)
    one.call("good morning")
    for _ in range(3):
        layer(one).flush()
    one.call("good morning")
    layer(one).flush()
    one.close()

    assert plain(recorded(address)) == plain(layer(one).ledger.totals())
    assert layer(one).writer.flushes == 2


def test_closing_writes_the_rest(address: str) -> None:
    one = counting(address)
    one.call("good morning")
    one.close()

    assert Recorded(recorded(address), Span(0, 1)).all().calls == 1


def test_a_thread_writes_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    one = conductor(options=f"path: {path}, flush: 10ms", a=Scripted("hello"), b=Scripted("hi"))
    with closed(one):
        one.call("good morning")
        waiting, found = threading.Event(), 0
        for _ in range(1000):
            if layer(one).writer.flushes:
                found = Recorded(recorded(path), Span(0, 1)).all().calls
            if found:
                break
            waiting.wait(0.01)

        assert found == 1


def test_a_conductor_that_nobody_holds_is_written_and_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    one = counting(str(path))
    one.call("good morning")
    thread = layer(one).writer.thread
    assert thread is not None
    work = weakref.ref(layer(one).ledger)
    del one
    gc.collect()
    thread.join(30)

    assert not thread.is_alive()
    del thread
    gc.collect()
    assert work() is None
    assert Recorded(recorded(path), Span(0, 1)).all().calls == 1


def test_several_conductors_add_up(address: str) -> None:
    several = [counting(address) for _ in range(3)]
    for one in several:
        one.call("good morning", metadata={"tenant": "acme"})
        one.close()

    found = Recorded(recorded(address), Span(0, 1))
    assert found.all().calls == 3
    assert len(found.tallies) == 2  # one series of the agent, one of requests


def test_what_cannot_be_written_is_kept_and_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    one = counting(str(folder / "conductor.db"))
    for expected in (1, 2):
        one.call("good morning")
        with pytest.raises(ConductorError, match="metrics cannot be written"):
            layer(one).flush()
        assert layer(one).writer.failures == expected
    folder.mkdir()
    one.call("good morning")
    with caplog.at_level(logging.WARNING):
        one.close()

    assert caplog.messages == []
    assert plain(recorded(folder / "conductor.db")) == plain(layer(one).ledger.totals())
    assert request(one)["calls"] == 3


def test_a_closing_that_cannot_write_says_so_and_raises_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = counting(str(tmp_path / "gone" / "conductor.db"))
    one.call("good morning")
    with caplog.at_level(logging.WARNING):
        one.close()

    (said,) = caplog.messages
    assert "metrics cannot be written" in said


def test_a_batch_that_arrived_before_the_line_broke_is_not_written_again(tmp_path: Path) -> None:
    class Breaking(Sqlite):
        broken = True

        def changing(self) -> Any:
            return _Breaking(super().changing(), self)

    class _Breaking:
        def __init__(self, inner: Any, of: Breaking) -> None:
            self._inner, self._of = inner, of

        def __enter__(self) -> Any:
            return self._inner.__enter__()

        def __exit__(self, *error: object) -> None:
            self._inner.__exit__(*error)
            if self._of.broken:  # it is committed, and nobody heard of that
                self._of.broken = False
                raise ConductorError("the line broke")

    path = tmp_path / "conductor.db"
    writer = Writer(Breaking(path), VirtualClock(utc=NOON), every=1e6, keep=1e6)
    with writer.ledger.lock:
        writer.ledger.tally(PLACE, "a", MINUTE).ended(1.0, None, None, 5)
    with pytest.raises(ConductorError, match="the line broke"):
        writer.flush()
    writer.flush()
    writer.close()

    (tally,) = recorded(path).values()
    assert tally["calls"] == 1


def test_after_a_day_without_a_database_the_oldest_minutes_are_dropped_and_counted(
    tmp_path: Path,
) -> None:
    writer = Writer(Sqlite(tmp_path / "no" / "x.db"), VirtualClock(), every=1e6, keep=1e9)
    for minute in range(MOST_WAITING + 3):
        with writer.ledger.lock:
            writer.ledger.tally(PLACE, "", minute).ended(1.0, None, None, 5)
    for _ in range(2):
        with pytest.raises(ConductorError):
            writer.flush()

    assert writer.lost == 3


PLACE = Place(Where("(default)", "a", "f" * 64, ()))


def test_old_minutes_are_dropped_and_with_them_what_nothing_belongs_to(address: str) -> None:
    clock = VirtualClock(utc=NOON)
    for tenant in ("acme", "bolt"):
        one = conductor(
            options=f"path: '{address}', {FOR_EVER}, keep: 1h, labels: [metadata.tenant]",
            clock=clock, a=Scripted("hello"), b=Scripted("hi"),
        )  # fmt: skip
        one.call("good morning", metadata={"tenant": tenant})
        one.close()
        clock.advance(7200)

    found = Recorded(recorded(address), Span(0, 1))
    assert found.values("metadata_tenant") == ("bolt",)
    with database(address).reading() as cursor:
        cursor.execute("select count(*) from metrics_series")
        assert cursor.fetchall()[0][0] == 2


def test_after_two_days_minutes_become_hours_that_come_to_the_same(address: str) -> None:
    clock = VirtualClock(utc=NOON // 3600 * 3600)
    one = counting(address, clock)
    for _ in range(3):
        for minutes in (0, 1, 59):
            clock.advance(minutes * 60)
            one.call("good morning")
            layer(one).flush()
    before = plain(recorded(address))
    hours = {minute for minute in minutes_of(address) if minute % 60 == 0}
    assert minutes_of(address) != hours
    clock.advance(2 * 86400 + 4 * 3600)
    for _ in range(2):  # summing up what is summed up already changes nothing
        one.call("hi")
        layer(one).flush()
        clock.advance(3600)
    one.close()

    found = recorded(address)
    assert {s: t for s, t in plain(found).items() if s.where.rule == "(default)"} == before
    recent = max(minutes_of(address)) - 60
    assert {minute % 60 for minute in minutes_of(address) if minute < recent} == {0}


def minutes_of(address: str) -> set[int]:
    with database(address).reading() as cursor:
        cursor.execute(
            "select minute from metrics_amounts union select minute from metrics_buckets"
        )
        return {int(minute) for (minute,) in cursor.fetchall()}


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    one = counting(str(path))
    one.call("good morning")
    layer(one).flush()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    one.close()


def test_people_can_ask_in_plain_sql(tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    with closed(counting(str(path))) as one:
        for _ in range(4):
            one.call("good morning")

    with closing(sqlite3.connect(path)) as connection:
        counts = connection.execute(
            "select agent, sum(amount) from metrics_counts where name = 'calls' group by agent"
        ).fetchall()
        ((microseconds, count),) = connection.execute(
            "select microseconds, sum(count) from metrics_latency where level = 'request'"
            " group by bucket"
        ).fetchall()
    assert counts == [("", 4), ("a", 4)]
    assert count == 4
    assert microseconds <= 250_000 < microseconds * 65 / 64


ENDED = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["", "a", "b"]),
    st.floats(0, 1e4),
    st.none() | st.integers(0, 10**12),
    st.none() | st.sampled_from(["timeout", "fault"]),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ENDED, max_size=40), st.sets(st.integers(0, 40), max_size=3))
def test_sql_adds_up_to_what_was_counted(
    tmp_path_factory: pytest.TempPathFactory, ended: Sequence[Any], flushes: set[int]
) -> None:
    path = tmp_path_factory.mktemp("metrics") / "conductor.db"
    writer = Writer(Sqlite(path), VirtualClock(utc=NOON), every=1e6, keep=1e9)
    alone: dict[str, list[float]] = {}
    for number, (minute, agent, seconds, nano, error) in enumerate(ended):
        with writer.ledger.lock:
            tally = writer.ledger.tally(PLACE, agent, MINUTE + minute)
            tally.ended(seconds, None, Usage(1, 2), nano)
            if error:
                tally.fell(error)
        alone.setdefault(agent, []).append(seconds)
        if number in flushes:
            writer.flush()
    writer.close()

    if ended:
        found = recorded(path)
        assert plain(found) == plain(writer.ledger.totals())
        for agent, seconds in alone.items():
            tally = found[Series(agent, PLACE.where)]
            assert tally["calls"] == len(seconds)
            exact = sorted(int(one * 1e6) for one in seconds)[-(-len(seconds) // 2) - 1]
            half = percentile(tally.latency, 0.5)
            assert half is not None
            assert abs(half - exact) <= exact / 128


def test_threads_that_count_at_once_lose_nothing() -> None:
    ledger = Ledger()

    def count() -> None:
        for number in range(3000):
            with ledger.lock:
                ledger.tally(PLACE, "a", number // 500).ended(0.001, None, None, 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    blocks = [block for _ in range(50) for block in ledger.take()]
    for thread in threads:
        thread.join()
    blocks += ledger.take()

    assert sum(tally["calls"] for block in blocks for tally in block.tallies.values()) == 12_000
    assert ledger.totals()[Series("a", PLACE.where)]["calls"] == 12_000


def test_the_ids_of_series_do_not_change() -> None:
    where = Where("vip", "a", "f" * 64, (("tenant", "acme"),))

    assert tables.series_id(Series("a", where)) == 72002736392995


def test_every_figure_of_nothing_is_nothing() -> None:
    empty = Recorded({}, Span(0, 1)).all()

    assert {
        name: figure.value(empty) for name, figure in FIGURES.items() if figure.value(empty)
    } == {}
    assert Tally().amounts() == {}


@pytest.mark.parametrize("kind", ["missing", "empty", "other"])
def test_where_nothing_was_counted_the_error_says_so(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    if kind == "empty":
        path.touch()
    elif kind == "other":
        path.write_text("this is no database, but long enough to be looked at" * 9)

    with pytest.raises(ConductorError) as refused:
        recorded(path)

    said = {"missing": "no such file", "empty": "nothing was counted", "other": "not a database"}
    assert said[kind] in str(refused.value)
    assert str(path) in str(refused.value)
