"""The audit's writer: nothing is lost silently, whatever breaks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conductor_mw_audit import Unrecorded
from conductor_mw_audit.entry import Entry
from conductor_mw_audit.log import Log
from conductor_mw_audit.scribe import Item
from conductor_mw_audit.writer import BATCH, Writer

from conductor_mw import Conductor, ConductorError, Event, Latch, Plugins, SystemClock, hookimpl
from conductor_mw.testing import STREAMS, WAYS, Scripted, Way, ask, read_one

from .audit_kit import NOON, conductor, found, log_at, records_at, ticking, writer_of

ONE = "agents: [{id: a}]\nrouting: {default: a}\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Give the address of an empty log in a file."""
    return f"sqlite:{tmp_path / 'audit.db'}"


def item(number: int, latch: Latch | None = None) -> Item:
    def call(subject: int) -> Iterable[Entry]:
        yield Entry(kind="call", time=NOON, run=f"r{subject}", data={"number": subject})

    return Item(call, f"r{number}", number, latch)


def numbers(address: str) -> list[int]:
    return [one["number"] for one in records_at(address, "call")]


@pytest.fixture
def writer(file: str) -> Iterator[Writer]:
    """Give a writer of a log in a file."""
    made = Writer(lambda: log_at(file), SystemClock(), most=1000, linger=0.0)
    yield made
    made.close()


def test_the_thread_begins_with_the_first_item_and_writes_everything_in_order(
    writer: Writer, file: str
) -> None:
    before = threading.active_count()
    opened = writer.scribe.log

    for number in range(2 * BATCH):
        writer.put(item(number))
    assert writer.flush()

    assert opened is None
    assert threading.active_count() == before + 1
    assert numbers(file) == list(range(2 * BATCH))
    assert writer.health.written == 2 * BATCH
    assert (writer.health.lost, writer.health.deaths) == (0, 0)


def test_a_closed_writer_seals_what_it_wrote_and_begins_anew_with_a_later_item(
    writer: Writer, file: str
) -> None:
    writer.put(item(1))
    writer.close()
    log = log_at(file)
    sealed = [one.size for one in log.tables.checkpoints(log.tables.state().id)]
    log.tables.close()

    writer.put(item(2))
    assert writer.flush()

    assert sealed == [1]
    assert numbers(file) == [1, 2]


def bad(_: object) -> Iterable[Entry]:
    yield Entry(kind="call", time=NOON, data={"number": 1})
    yield Entry(kind="call", time=NOON, data={"bytes": b"raw"})


def test_what_cannot_be_serialised_leaves_a_tombstone_and_holds_nobody_up(
    writer: Writer, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    latch = Latch()

    writer.put(item(0))
    writer.put(Item(bad, "the-run", None, latch))
    writer.put(item(2))
    assert writer.flush()

    assert numbers(file) == [0, 1, 2]
    (tombstone,) = records_at(file, "tombstone")
    assert (tombstone["of"], tombstone["because"]) == ("bad", "TypeError")
    assert tombstone["run"] == "the-run"
    assert writer.health.tombstones == 1
    assert (latch.opened, latch.value) == (True, None)
    assert "a record could not be made" in caplog.text


def huge(_: object) -> Iterable[Entry]:
    yield Entry(kind="call", time=NOON, data={"text": "x" * 2_000_000})


def test_what_is_too_large_leaves_a_tombstone(writer: Writer, file: str) -> None:
    writer.put(Item(huge, "r", None))
    assert writer.flush()

    assert [one["of"] for one in records_at(file, "tombstone")] == ["huge"]


def test_signs_that_no_database_takes_are_replaced(writer: Writer, file: str) -> None:
    def odd(_: object) -> Iterable[Entry]:
        yield Entry(
            kind="call", time=NOON, tenant="a\x00b\ud800", data={"number": 5, "x": "\ud800"}
        )

    writer.put(Item(odd, "r", None))
    assert writer.flush()

    (record,) = records_at(file, "call")
    assert record["tenant"] == "a\ufffdb?"
    assert found(file) == []


def deadly(_: object) -> Iterable[Entry]:
    raise SystemExit("killed")
    yield


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_replaced_and_nothing_is_lost(
    writer: Writer, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    died: list[int] = []

    def once(subject: int) -> Iterable[Entry]:
        if not died:
            died.append(1)
            raise SystemExit("killed")
        yield Entry(kind="call", time=NOON, data={"number": subject})

    for number in range(3):
        writer.put(item(number))
    writer.put(Item(once, "r3", 3))
    writer.put(item(4))
    assert writer.flush()

    assert sorted(set(numbers(file))) == [0, 1, 2, 3, 4]
    assert writer.health.deaths == 1
    assert "thread died" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_where_every_thread_dies_nobody_waits_in_vain_and_nothing_succeeds_silently(
    file: str,
) -> None:
    writer = Writer(lambda: log_at(file), SystemClock(), most=1000, linger=0.0)
    latch = Latch()

    writer.put(Item(deadly, "r", None, latch))
    until = time.monotonic() + 10
    while not latch.opened and time.monotonic() < until:
        time.sleep(0.01)
    second = Latch()
    writer.put(item(1, second))

    assert "dies" in str(latch.value)
    assert second.opened
    assert "dies" in str(second.value)
    assert writer.health.problem
    with pytest.raises(ConductorError, match="records were not written"):
        writer.close(0.2)
    assert writer.health.lost >= 2


def full_disk(address: str, pages: int) -> Callable[[], Log]:
    """Give what opens a log whose file may grow by so many pages only."""

    def opened() -> Log:
        log = log_at(address)
        size = log.tables.ask("pragma page_count")[0][0]
        log.tables.ask(f"pragma max_page_count = {size + pages}")
        return log

    return opened


def room_made(writer: Writer) -> None:
    """Let the file of a writer grow again."""
    log = writer.scribe.log
    assert log is not None
    connected: Any = log.tables
    connected._connected.execute("pragma max_page_count = 1000000")


def test_on_a_full_disk_records_wait_and_are_written_once_there_is_room(
    file: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def tell(name: str, **_: object) -> None:
        told.append(name)

    writer = Writer(
        full_disk(file, 3), SystemClock(), most=10_000, linger=0.0,
        tell=tell,
    )  # fmt: skip

    for number in range(1000):
        writer.put(item(number))
    assert not writer.flush(0.5)
    problem = writer.health.problem
    room_made(writer)
    assert writer.flush()

    assert "full" in problem
    assert told == ["audit.failed"]
    assert numbers(file) == list(range(1000))
    assert (writer.health.lost, writer.health.problem) == (0, "")
    assert "can be written again" in caplog.text
    writer.close()
    assert found(file) == []


def test_what_a_writer_gives_up_when_it_closes_is_counted(file: str) -> None:
    writer = Writer(full_disk(file, 1), SystemClock(), most=10_000, linger=0.0)
    for number in range(1000):
        writer.put(item(number))

    with pytest.raises(ConductorError, match=r"records were not written: .*full"):
        writer.close(0.5)

    assert writer.health.lost + len(numbers(file)) == 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_writes_its_own_records_and_none_of_its_parents(file: str) -> None:
    go_on = threading.Event()

    def slow_log() -> Log:
        go_on.wait(10)
        return log_at(file)

    writer = Writer(slow_log, SystemClock(), most=1000, linger=0.0)
    for number in range(5):
        writer.put(item(number))

    child = os.fork()
    if child == 0:
        code = 1
        try:
            go_on.set()
            empty = writer.waiting == 0
            writer.put(item(100))
            code = 0 if writer.flush() and empty else 2
            writer.close()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    go_on.set()
    assert writer.flush()
    writer.close()

    assert os.waitstatus_to_exitcode(status) == 0
    assert sorted(numbers(file)) == [0, 1, 2, 3, 4, 100]
    assert found(file) == []


# What the caller sees.


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    """Give each way to ask."""
    way: Way = request.param
    return way


def broken(c: Conductor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be written from now on."""

    def refuse() -> Log:
        raise ConductorError("the disk is full")

    writer_of(c).close()
    monkeypatch.setattr(writer_of(c).scribe, "_open_log", refuse)


def test_before_answer_no_answer_comes_without_its_record(
    file: str, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    agent = Scripted("An answer.")
    c = conductor(file, ONE, "mode: before_answer", agents={"a": agent})
    ask(c, "hello", way=way)
    broken(c, monkeypatch)

    with pytest.raises(Unrecorded, match=r"held back.*the disk is full"):
        ask(c, "hello", way=way)

    monkeypatch.undo()
    assert writer_of(c).flush()
    assert ask(c, "hello", way=way).text == "An answer."
    c.close()
    assert len(records_at(file, "decision")) == 3
    assert len(records_at(file, "withheld")) == 1


@pytest.mark.parametrize("stream", STREAMS)
def test_before_answer_not_even_the_first_part_comes_without_its_record(
    file: str, monkeypatch: pytest.MonkeyPatch, stream: Way
) -> None:
    c = conductor(file, ONE, "mode: before_answer", agents={"a": Scripted("one ", "two")})
    ask(c, "hello", way=stream)
    broken(c, monkeypatch)

    with pytest.raises(Unrecorded):
        read_one(c, "hello", way=stream)

    monkeypatch.undo()
    assert writer_of(c).flush()
    c.close()


def test_before_answer_the_first_part_comes_once_its_beginning_is_recorded(file: str) -> None:
    c = conductor(file, ONE, "mode: before_answer", agents={"a": Scripted("one ", "two")})

    with c.stream("hello") as parts:
        first = next(parts)
        begun = records_at(file, "begun")
        rest = list(parts)
        ended = records_at(file, "decision")
    c.close()

    assert first.text == "one "
    assert [one["agent"] for one in begun] == ["a"]
    assert "".join(part.text for part in rest) == "two"
    assert len(ended) == 1


def test_behind_answers_go_on_while_nothing_can_be_written(
    file: str, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    c = conductor(file, ONE, agents={"a": Scripted("An answer.")})
    ask(c, "hello", way=way)
    broken(c, monkeypatch)

    assert ask(c, "hello", way=way).text == "An answer."

    monkeypatch.undo()
    assert writer_of(c).flush()
    c.close()
    assert len(records_at(file, "decision")) == 2


def test_behind_what_finds_the_queue_full_is_lost_counted_and_told(
    file: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    c = conductor(file, ONE, "queue: 4", agents={"a": Scripted("An answer.")})
    c.call("hello")
    broken(c, monkeypatch)

    for _ in range(10):
        c.call("hello")  # two records each
    lost = writer_of(c).health.lost
    monkeypatch.undo()
    assert writer_of(c).flush()
    c.call("hello")
    c.close()

    # At most what one batch and the queue hold is kept.
    assert lost >= 20 - 4 - BATCH
    assert lost + len(records_at(file, "decision")) + len(records_at(file, "call")) == 24
    assert sum(one["records"] for one in records_at(file, "lost")) == lost > 0
    assert "loses records" in caplog.text


@pytest.mark.parametrize("mode", ["behind", "before_answer"])
def test_refusing_no_request_begins_while_the_queue_is_full(
    file: str, monkeypatch: pytest.MonkeyPatch, way: Way, mode: str
) -> None:
    agent = Scripted("An answer.")
    options = f"queue: 1, when_full: refuse, mode: {mode}"
    c = conductor(file, ONE, options, agents={"a": agent})
    broken(c, monkeypatch)
    fill(c)
    asked = len(agent.asked)

    with pytest.raises(Unrecorded, match="queue of 1 records is full"):
        ask(c, "hello", way=way)

    assert len(agent.asked) == asked
    monkeypatch.undo()
    assert writer_of(c).flush()
    assert ask(c, "hello", way=way).text == "An answer."
    c.close()


def fill(c: Conductor) -> None:
    """Fill the queue: the first item goes into the batch that cannot be written."""
    writer = writer_of(c)
    writer.put(item(1))
    until = time.monotonic() + 10
    while not writer.scribe.batch and time.monotonic() < until:
        time.sleep(0.01)
    writer.put(item(2))
    assert not writer.has_room


def test_blocking_a_request_waits_until_there_is_room(
    file: str, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    options = "queue: 1, when_full: block"
    c = conductor(file, ONE, options, agents={"a": Scripted("An answer.")}, clock=None)
    broken(c, monkeypatch)
    fill(c)
    timer = threading.Timer(0.1, monkeypatch.undo)
    timer.start()

    assert ask(c, "hello", way=way).text == "An answer."

    timer.join()
    c.close()
    assert writer_of(c).health.lost == 0
    assert len(records_at(file, "decision")) == 1


def test_blocking_ends_with_the_requests_own_deadline(
    file: str, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    options = "queue: 1, when_full: block"
    c = conductor(file, ONE, options, agents={"a": Scripted("An answer.")}, clock=None)
    broken(c, monkeypatch)
    fill(c)

    with pytest.raises((Unrecorded, TimeoutError)):
        ask(c, "hello", way=way, deadline=0.1)

    monkeypatch.undo()
    c.close()


def test_a_loss_is_told_to_whoever_listens(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []

    class Listener:
        @hookimpl
        def conductor_event(self, event: Event) -> None:
            heard.append(event)

    plugins = Plugins.installed()
    plugins.add(Listener(), "listener")
    c = conductor(file, ONE, "queue: 1", agents={"a": Scripted("x")}, plugins=plugins)
    broken(c, monkeypatch)

    for _ in range(5):
        c.call("hello")
    monkeypatch.undo()
    writer_of(c).flush()
    c.close()

    lost = [one for one in heard if one.name == "audit.lost"]
    assert sum(int(str(one.data["records"])) for one in lost) == writer_of(c).health.lost > 0
    assert "audit.failed" in {one.name for one in heard}


def test_records_are_pruned_once_they_were_kept_for_long_enough(file: str) -> None:
    clock = ticking()
    c = conductor(
        file, ONE, "keep: 30d, checkpoint_every: 1", agents={"a": Scripted("x")}, clock=clock
    )
    c.call("old")
    assert writer_of(c).flush()
    old = records_at(file, "decision")[0]["run"]

    clock.advance(40 * 86400)
    c.call("new")
    c.close()

    assert old not in {one["run"] for one in records_at(file, "decision")}
    assert len(records_at(file, "pruned")) == 1
    assert found(file, key=None) == []


def test_conductors_in_many_threads_leave_every_record(file: str) -> None:
    c = conductor(file, ONE, agents={"a": Scripted("x")}, clock=None)

    def work() -> None:
        for _ in range(20):
            c.call("hello")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    c.close()

    assert len({one["run"] for one in records_at(file, "decision")}) == 80
    assert len(records_at(file, "call")) == 80
