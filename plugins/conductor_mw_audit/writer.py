"""The thread that writes records from a bounded queue, and loses none of them silently."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal
from weakref import WeakSet

from conductor_mw import Clock, ConductorError, Latch

from .entry import Entry
from .scribe import LOG, Health, Item, Scribe

if TYPE_CHECKING:
    from .log import Log

BATCH: Final = 512
"""Items that are written in one transaction: with the queue, all that a crash can lose."""
LINGER: Final = 0.02
"""Seconds for which the thread lets records gather, so that one flush of the disk serves many."""
_IDLE: Final = 5.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_DEATHS: Final = 5
"""Threads in a row that die without having written anything before none is started at once."""

WhenFull = Literal["block", "refuse", "drop"]


class Unrecorded(ConductorError):
    """Something was not allowed to happen, because no record of it could be kept."""


class Writer:
    """Writes items to a log in a thread of its own, which begins with the first of them.

    Safe from many threads. After a fork the child has an empty queue and its own thread.

    Attributes:
        most: how many items may wait.
        health: how it is doing.
        scribe: what the thread writes with; nobody else uses it.
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
        self.most = most
        self._open_log = open_log
        self._clock = clock
        self._tell = tell
        self._linger = linger
        self._keep = keep
        self.begin()
        _WRITERS.add(self)

    def begin(self) -> None:
        """Begin with an empty queue and without a thread."""
        self.health = Health()
        self.scribe = Scribe(self._open_log, self._clock, self.health, self._keep)
        self._queue: deque[Item] = deque()
        self._rooms: deque[Latch] = deque()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._wrote = threading.Condition()
        self._sleeps = True
        self._closing = False
        self._fruitless = 0
        self._not_before = 0.0
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
        if self._sleeps or item.latch is not None:
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
        while self._queue or self.scribe.batch:
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._wake()
            with self._wrote:
                self._wrote.wait(min(left, 0.05))
        return True

    def close(self, seconds: float = 10.0) -> None:
        """Write what is left, seal it, and let go of the log; a later item begins anew.

        Args:
            seconds: how long nothing at all may be written before it gives up.

        Raises:
            ConductorError: not everything could be written; what is lost is counted.
        """
        if self._thread is None and not self._queue:
            return
        written = self.health.written
        while not self.flush(seconds) and written != self.health.written:
            written = self.health.written  # a long queue takes its time
        thread, self._closing = self._thread, True
        self._ring()
        if thread is not None:
            thread.join(seconds)
        self._closing = False
        if self._queue or self.scribe.batch:
            self._give_up()

    def _give_up(self) -> None:
        lost = self.scribe.unwritten + len(self._queue)
        self._queue.clear()
        self.scribe.forget()
        self.health.lost += lost
        problem = self.health.problem or "it took too long"
        LOG.error("the audit log lost %d records: %s", lost, problem)
        raise ConductorError(f"{lost} records were not written: {problem}", where="audit")

    def _wake(self) -> None:
        """Make sure that a thread is at work."""
        if self._thread is not None:
            self._ring()
            return
        with self._starting:
            if self._thread is not None:
                return
            if time.monotonic() >= self._not_before:
                self._start()
                return
        self._refuse_waiting(self.health.problem)

    def _ring(self) -> None:
        with suppress(RuntimeError):  # somebody else rang already
            self._bell.release()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="conductor-audit", daemon=True)
        self._thread, self._sleeps = thread, False
        thread.start()

    # From here on: the thread's side.

    def _work(self) -> None:
        try:
            while self.scribe.batch or self._take() or not self._closing:
                if self.scribe.batch:
                    self._write()
                    if self._closing and self.scribe.batch:
                        break
            self.scribe.seal()
        finally:
            self._ended()

    def _take(self) -> bool:
        """Take the next batch, or wait a while for one."""
        queue, batch = self._queue, self.scribe.batch
        if not queue:
            self._sleeps = True
            # Whoever put something before the flag was set did not ring.
            if not queue and not self._closing:
                self._bell.acquire(timeout=_IDLE)
            self._sleeps = False
            if not queue:
                self._tell_losses()
                self.scribe.look_after()
                return False
            if self._linger and not self._closing and queue[-1].latch is None:
                self._bell.acquire(timeout=self._linger)  # whoever waits for a record rings
        while queue and len(batch) < BATCH:
            # Kept in the batch before it leaves the queue, so that a thread that dies loses none.
            batch.append(queue[0])
            queue.popleft()
        while self._rooms and self.has_room:
            self._rooms.popleft().open()
        return True

    def _write(self) -> None:
        """Write the batch, however long that takes."""
        pause, tries = _FIRST_PAUSE, 0
        while problem := self.scribe.tried():
            self._failed(problem)
            tries += 1
            if tries > 1 and self.scribe.tried_one_by_one():
                break
            if self._closing:
                return
            self._sleeps = True
            self._bell.acquire(timeout=pause)
            self._sleeps = False
            time.sleep(_FIRST_PAUSE)
            pause = min(_LONGEST_PAUSE, pause * 2)
        self.scribe.done()
        self._fruitless = 0
        if self.health.problem:
            LOG.warning("the audit log can be written again")
            self.health.problem = ""
        with self._wrote:
            self._wrote.notify_all()
        self._tell_losses()
        self.scribe.look_after()

    def _failed(self, problem: str) -> None:
        """Say that nothing can be written now: whoever waits for a record gets none."""
        health = self.health
        health.failures += 1
        if not health.problem:
            LOG.error("the audit log cannot be written: %s", problem)
            self._tell("audit.failed", problem=problem)
        health.problem = problem
        self.scribe.withhold(self._refuse_waiting(problem), problem)

    def _refuse_waiting(self, problem: str) -> list[str]:
        """Tell everybody who waits for a record that there is none; gives their runs."""
        refused: list[str] = []
        for item in (*self.scribe.batch, *tuple(self._queue)):
            latch = item.latch
            if latch is not None and not latch.opened:
                latch.open(problem)
                refused.append(item.run)
        return refused

    def _tell_losses(self) -> None:
        if not self._untold:
            return
        lost, self._untold = self._untold, 0
        self._tell("audit.lost", records=lost, total=self.health.lost)

        def losses(lost: int) -> Iterable[Entry]:
            now = self._clock.now().utc
            yield Entry(kind="lost", time=now, data={"records": lost, "total": self.health.lost})

        self._queue.append(Item(losses, "", lost))

    def _ended(self) -> None:
        """Take in that the thread ends: let go of the log, and begin another where it died."""
        self.scribe.close()
        with self._starting:
            self._thread, self._sleeps = None, True
            if self._closing:
                return
            self.health.deaths += 1
            self._fruitless += 1
            if self._fruitless <= _DEATHS:
                LOG.error("the audit log's thread died; another takes over")
                self._start()
                return
            self._not_before = time.monotonic() + 1.0
        self._failed("the audit log's thread dies whenever it begins")


_WRITERS: Final[WeakSet[Writer]] = WeakSet()
_LEFT_TO_PARENT: Final[list[Scribe]] = []


def _after_fork() -> None:
    # The parent's thread is not here, and what waits in the queue is the parent's to write. Its
    # connection is neither used nor closed: closing would undo the parent's locks.
    for writer in tuple(_WRITERS):
        _LEFT_TO_PARENT.append(writer.scribe)
        writer.begin()


def _at_exit() -> None:
    for writer in tuple(_WRITERS):
        # Counted and logged; and nothing begins a thread any more where the interpreter ends.
        with suppress(ConductorError, RuntimeError):
            writer.close(5.0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
