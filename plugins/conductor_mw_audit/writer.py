"""The thread that writes records: takes them from a bounded queue, and loses none of them silently."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from weakref import WeakSet

from conductor_mw import Clock, ConductorError, Latch

from .entry import Entry, Written

if TYPE_CHECKING:
    from .log import Log

LOG: Final = logging.getLogger("conductor_mw.audit")
BATCH: Final = 512
"""Items that are written in one transaction: with the queue, all that a crash can lose."""
LINGER: Final = 0.02
"""Seconds for which the thread lets records gather, so that one flush of the disk serves many."""
_IDLE: Final = 5.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_DEATHS: Final = 5
"""Threads in a row that die without having written anything before none is started at once."""
_SEAL_AFTER: Final = 60.0
"""Seconds after which records without a checkpoint get one."""

_PRUNE_AFTER: Final = 3600.0

WhenFull = Literal["block", "refuse", "drop"]


class Unrecorded(ConductorError):
    """Something was not allowed to happen, because no record of it could be kept."""


class Item(NamedTuple):
    """What waits to be written.

    Attributes:
        make: gives the records; called by the writer's thread.
        run: the id of the run it is about, or an empty string.
        subject: what they are made of.
        latch: opened when they are on the disk, or with the error that keeps them from it.
    """

    make: Callable[[object], Iterable[Entry]]
    run: str
    subject: object
    latch: Latch | None = None


@dataclass(slots=True)
class Health:
    """How a writer is doing.

    Attributes:
        written: records that are on the disk.
        lost: records that will never be, because the queue was full or the process ended.
        tombstones: records of which only that they could not be written stands in the log.
        failures: transactions that failed; their records are tried again.
        deaths: threads that died.
        problem: why nothing can be written now, or an empty string.
    """

    written: int = 0
    lost: int = 0
    tombstones: int = 0
    failures: int = 0
    deaths: int = 0
    problem: str = ""


class Writer:
    """Writes items to a log in a thread of its own, which begins with the first of them.

    Safe from many threads. After a fork the child has an empty queue and its own thread.
    """

    def __init__(
        self,
        open_log: Callable[[], Log],
        clock: Clock,
        *,
        most: int,
        tell: Callable[..., object] = lambda *_, **__: None,
        linger: float = LINGER,
        keep: float | None = None,
    ) -> None:
        """Make a writer.

        Args:
            open_log: opens the log; called by the writer's thread.
            clock: what time it is.
            most: how many items may wait.
            tell: tells an event.
            linger: seconds for which records gather.
            keep: seconds for which records are kept, or None.
        """
        self.health = Health()
        self.most = most
        self._open_log = open_log
        self._clock = clock
        self._tell = tell
        self._linger = linger
        self._keep = keep
        self._pruned = 0.0
        self._begin()
        _WRITERS.add(self)

    def _begin(self) -> None:
        self._queue: deque[Item] = deque()
        self._batch: list[Item] = []
        self._dues: list[Written] = []
        self._dealt = 0
        self._rooms: deque[Latch] = deque()
        self._log: Log | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._rung = threading.Condition()
        self._sleeps = True
        self._closing = False
        self._fruitless = 0
        self._not_before = 0.0
        self._unsealed = 0.0
        self._untold = 0

    @property
    def waiting(self) -> int:
        """How many items wait in the queue."""
        return len(self._queue)

    @property
    def has_room(self) -> bool:
        """Whether the queue takes another item."""
        return len(self._queue) < self.most

    def put(self, item: Item) -> None:
        """Let an item be written, soon; never waits."""
        self._queue.append(item)
        if self._sleeps:
            self._wake()

    def lose(self) -> None:
        """Count an item that is not even put; the first of a row is told at once."""
        self.health.lost += 1
        self._untold += 1
        if self._untold == 1:
            LOG.error("the audit log loses records: its queue of %d is full", self.most)
        if self._sleeps:
            self._wake()

    def vacancy(self) -> Latch:
        """Give a latch that opens when the queue has room."""
        latch = Latch()
        self._rooms.append(latch)
        if self.has_room:
            latch.open()
        return latch

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything that was put is on the disk; gives False if that took too long."""
        until = time.monotonic() + seconds
        while self._queue or self._batch:
            left = until - time.monotonic()
            if left <= 0:
                return False
            if self._sleeps:
                self._wake()
            with self._rung:
                self._rung.wait(min(left, 0.05))
        return True

    def close(self, seconds: float = 10.0) -> None:
        """Write what is left, seal it, and let go of the log.

        Raises:
            ConductorError: not everything could be written in time; what is lost is counted.
        """
        thread = self._thread
        if thread is not None or self._queue:
            whole = self.flush(seconds)
            thread = self._thread
            self._closing = True
            self._ring()
            if thread is not None:
                thread.join(seconds)
            self._closing = False
            if not whole:
                self._give_up()

    def _give_up(self) -> None:
        lost = len(self._dues) or len(self._batch)
        lost += len(self._queue)
        self._queue.clear()
        self._batch, self._dues = [], []
        self.health.lost += lost
        LOG.error("the audit log lost %d records: %s", lost, self.health.problem)
        raise ConductorError(
            f"{lost} records were not written: {self.health.problem or 'it took too long'}",
            where="audit",
        )

    # The thread's side.

    def _wake(self) -> None:
        """Make sure that a thread is at work."""
        if self._thread is not None:
            self._ring()
            return
        with self._starting:
            if self._thread is None and time.monotonic() >= self._not_before:
                self._start()
            elif self._thread is None:
                self._refuse_waiting(self.health.problem)

    def _ring(self) -> None:
        with suppress(RuntimeError):  # somebody else rang already
            self._bell.release()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="conductor-audit", daemon=True)
        self._thread = thread
        self._sleeps = False
        thread.start()

    def _work(self) -> None:
        try:
            while True:
                if not self._batch and not self._take():
                    if self._closing:
                        break
                    continue
                self._write()
            self._seal()
        finally:
            self._ended()

    def _take(self) -> bool:
        """Take the next batch, or wait a while for one."""
        if not self._queue:
            self._sleeps = True
            # Whoever put something before the flag was set did not ring.
            if not self._queue and not self._closing:
                self._bell.acquire(timeout=_IDLE)
            self._sleeps = False
            if not self._queue:
                self._look_after()
                return False
            if self._linger and not self._closing and self._queue[0].latch is None:
                time.sleep(self._linger)
        while self._queue and len(self._batch) < BATCH:
            # Kept in the batch before it leaves the queue, so that a thread that dies loses none.
            self._batch.append(self._queue[0])
            self._queue.popleft()
        self._dues, self._dealt = [], 0
        while self._rooms and self.has_room:
            self._rooms.popleft().open()
        return True

    def _write(self) -> None:
        """Write the batch, however long that takes."""
        pause = _FIRST_PAUSE
        tries = 0
        while not self._tried():
            tries += 1
            if tries > 1 and self._one_by_one():
                break
            if self._closing:
                return
            self._sleeps = True
            self._bell.acquire(timeout=pause)
            self._sleeps = False
            time.sleep(_FIRST_PAUSE)
            pause = min(_LONGEST_PAUSE, pause * 2)
        self._done()

    def _tried(self) -> bool:
        """Try to write the batch once; gives whether it is on the disk."""
        try:
            if self._log is None:
                self._log = self._open_log()
            self._describe(self._log)
            self._append(self._log)
        except ConductorError as error:
            self._failed(error.problem)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
            LOG.exception("the audit log's writer failed")
            self._failed(f"{type(error).__name__}: {error}")
        else:
            return True
        return False

    def _describe(self, log: Log) -> None:
        """Make the records of the batch; what cannot be made leaves a tombstone."""
        for item in self._batch[self._dealt :]:
            try:
                for entry in item.make(item.subject):
                    self._dues.append(log.written(entry))
            except ConductorError:
                raise  # the database cannot be asked for a key now
            except Exception as error:  # noqa: BLE001 - whatever it is, it leaves a tombstone
                LOG.exception("a record could not be made")
                of = getattr(item.make, "__name__", "")
                self._dues.append(self._tombstone(item.run, of, type(error).__name__))
                self.health.tombstones += 1
            self._dealt += 1

    def _tombstone(self, run: str, of: str, because: str) -> Written:
        data = {"of": of, "because": because}
        now = self._clock.now().utc
        return Entry(kind="tombstone", time=now, run=run or None, data=data).written()

    def _append(self, log: Log) -> None:
        log.append(self._dues, self._clock.now().utc)
        self.health.written += len(self._dues)
        self._dues = []

    def _one_by_one(self) -> bool:
        """Write records one at a time: one that no database takes must not hold up the others."""
        log = self._log
        while self._dues and log is not None:
            first = self._dues[0]
            now = self._clock.now().utc
            try:
                log.append([first], now)
            except ConductorError:
                try:
                    log.append([self._tombstone(first.head.run or "", first.head.kind, "refused")], now)
                except ConductorError:
                    return False  # the database, not the record
                self.health.tombstones += 1
            self.health.written += 1
            self._dues = self._dues[1:]
        return log is not None

    def _failed(self, problem: str) -> None:
        """Say that nothing can be written now: whoever waits for a record gets none."""
        health = self.health
        health.failures += 1
        if health.problem != problem:
            LOG.error("the audit log cannot be written: %s", problem)
        health.problem = problem
        for run in self._refuse_waiting(problem):
            now = self._clock.now().utc
            told = Entry(kind="withheld", time=now, run=run or None, data={"because": problem})
            self._dues.append(told.written())

    def _refuse_waiting(self, problem: str) -> list[str]:
        """Tell everybody who waits for a record that there is none; gives their runs."""
        refused: list[str] = []
        for item in (*self._batch, *tuple(self._queue)):
            latch = item.latch
            if latch is not None and not latch.opened:
                latch.open(problem)
                refused.append(item.run)
        return refused

    def _done(self) -> None:
        batch, self._batch = self._batch, []
        for item in batch:
            if item.latch is not None:
                item.latch.open()
        with self._rung:
            self._rung.notify_all()
        health = self.health
        self._fruitless = 0
        if health.problem:
            LOG.warning("the audit log can be written again")
            health.problem = ""
        if self._untold:
            lost, self._untold = self._untold, 0
            self._tell("audit.lost", records=lost, total=health.lost)
            self._remember(lost)
        if not self._unsealed:
            self._unsealed = time.monotonic()
        elif time.monotonic() - self._unsealed > _SEAL_AFTER:
            self._seal()

    def _remember(self, lost: int) -> None:
        def losses(_: object) -> Iterable[Entry]:
            now = self._clock.now().utc
            yield Entry(kind="lost", time=now, data={"records": lost, "total": self.health.lost})

        self._queue.append(Item(losses, "", None))

    def _look_after(self) -> None:
        """Do what is due while nothing is to be written."""
        if self._untold:
            lost, self._untold = self._untold, 0
            self._tell("audit.lost", records=lost, total=self.health.lost)
            self._remember(lost)
        if self._unsealed and time.monotonic() - self._unsealed > _SEAL_AFTER:
            self._seal()
        self._prune()

    def _prune(self) -> None:
        """Drop records that were kept for long enough, at most once in an hour."""
        now = self._clock.now().utc
        if self._keep is None or self._log is None or now - self._pruned < _PRUNE_AFTER:
            return
        self._pruned = now
        try:
            self._log.prune(now - self._keep, "keep", now)
        except ConductorError as error:
            LOG.error("old records could not be pruned: %s", error)  # noqa: TRY400 - its text says it all

    def _seal(self) -> None:
        """Make a checkpoint of what has none."""
        self._unsealed = 0.0
        if self._log is None:
            return
        try:
            self._log.checkpoint(self._clock.now().utc)
        except ConductorError as error:
            LOG.error("no checkpoint could be made: %s", error)  # noqa: TRY400 - its text says it all

    def _ended(self) -> None:
        """Take in that the thread ends: let go of the log, and begin another where it died."""
        log, self._log = self._log, None
        if log is not None:
            with suppress(Exception):  # it is of no use any more, whatever it says
                log.tables.close()
        with self._starting:
            self._thread = None
            self._sleeps = True
            if self._closing:
                return
            self.health.deaths += 1
            self._fruitless += 1
            LOG.error("the audit log's thread died; another takes over")
            if self._fruitless <= _DEATHS:
                self._start()
                return
            self._not_before = time.monotonic() + 1.0
        self._failed("the audit log's thread dies whenever it begins")


_WRITERS: Final[WeakSet[Writer]] = WeakSet()
_LEFT_TO_PARENT: Final[list[object]] = []


def _after_fork() -> None:
    # The parent's thread is not here, and what waits in the queue is the parent's to write. Its
    # connection is neither used nor closed: closing would undo the parent's locks.
    for writer in tuple(_WRITERS):
        _LEFT_TO_PARENT.append(writer._log)  # noqa: SLF001 - a function of this class, in effect
        writer.health = Health()
        writer._begin()  # noqa: SLF001 - a function of this class, in effect


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
