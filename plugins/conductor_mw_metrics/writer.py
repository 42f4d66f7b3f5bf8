"""The thread that writes what was counted, and what it does when nothing can be written."""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from conductor_mw import Clock, ConductorError

from . import tables
from .databases import Database
from .ledger import Block, Ledger

_LOG: Final = logging.getLogger("conductor_mw.metrics")
_PRUNE_EVERY: Final = 3600.0
MOST_WAITING: Final = 1440
"""The most minutes that wait to be written: a day. Older ones are dropped and counted."""

MINUTES_FOR: Final = 2 * 86400.0
"""Seconds for which minutes are kept apart; afterwards they are summed up into hours."""

_LAST_WAIT: Final = 10.0
"""Seconds for which closing waits until the rest is written."""


class Writer:
    """Writes a ledger into a database every so often, from a thread of its own.

    The thread begins with the first call that is counted, and ends with `close`, with the process
    (which waits for the rest to be written), or when nobody holds the writer any longer.

    Attributes:
        ledger: what is written.
    """

    def __init__(
        self, database: Database | None, clock: Clock, *, every: float, keep: float
    ) -> None:
        """Begin with nothing; no thread yet.

        Args:
            database: where the tables stand; None keeps only the totals, in memory.
            clock: what time it is, for dropping what is old.
            every: seconds between two writes.
            keep: seconds for which rows are kept.
        """
        self._work = _Work(database, clock, every, keep)
        self.ledger = self._work.ledger
        # Not at the end of the process: that is `atexit`'s, which may wait. A garbage collector
        # may not, it might run in the very thread that writes.
        weakref.finalize(self, self._work.let_go).atexit = False
        atexit.register(self._work.close)

    @property
    def thread(self) -> threading.Thread | None:
        """The thread that writes, or None before the first call."""
        return self._work.thread

    @property
    def flushes(self) -> int:
        """How many batches were written."""
        return self._work.flushes

    @property
    def lost(self) -> int:
        """Requests whose minutes were dropped, because nothing could be written for a day."""
        return self._work.lost

    @property
    def failures(self) -> int:
        """How often writing failed; each was tried again."""
        return self._work.failures

    def flush(self) -> None:
        """Write everything that was counted so far.

        Raises:
            ConductorError: it cannot be written now; it is kept and tried again.
        """
        self._work.flush()

    def close(self) -> None:
        """Write the rest, and end the thread. What ends later is not counted any more."""
        atexit.unregister(self._work.close)
        self._work.close()


@dataclass(slots=True)
class _Batch:
    """Blocks on their way into the tables; it keeps its number until it is known to be there."""

    number: int
    blocks: Sequence[Block]


class _Work:
    """What the thread does. Apart from the writer, so that a writer nobody holds is let go of.

    Every batch has a number, which is written with it: what failed is written again, unless the
    number shows that it arrived all the same. So nothing is counted twice, and nothing is lost
    while the process lives, up to a day without a database.
    """

    def __init__(self, database: Database | None, clock: Clock, every: float, keep: float) -> None:
        self.ledger = Ledger(self._begin)
        self.stop = threading.Event()
        self.flushes = 0
        self.failures = 0
        self.lost = 0
        self._database = database
        self._clock = clock
        self._every = every
        self._keep = keep
        self._closed = False
        self._be_new()

    def _be_new(self) -> None:
        """Be another writer than the parent process, which has our threads and our past."""
        self._process = os.getpid()
        self._name = secrets.token_hex(8)
        self._writing = threading.Lock()
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None
        self._numbered = 0
        self._batch: _Batch | None = None
        self._waiting: list[Block] = []
        self._pruned: float | None = None

    def _begin(self) -> None:
        """Begin the thread where there is none: at the first call, and after a fork."""
        if self._process != os.getpid():
            self._be_new()
        if self.thread is None and not self._closed:
            self.thread = threading.Thread(None, self._run, "conductor-metrics", daemon=True)
            self.thread.start()

    def _run(self) -> None:
        while not self.stop.wait(self._every):
            self._try()
        self._try()
        if not self._closed:  # nobody holds the writer any longer, and everything is written
            atexit.unregister(self.close)

    def _try(self) -> None:
        try:
            self.flush()
        except ConductorError as error:
            _LOG.warning("%s", error)

    def flush(self) -> None:
        if self._process != os.getpid():
            self._be_new()
        with self._writing:
            # Taken also while nothing can be written: what was taken needs little room.
            self._waiting += self.ledger.take()
            if self._database is None:
                self._waiting.clear()
                return
            self._drop()
            if self._batch is not None:
                self._write(self._batch, self._database)
            if self._waiting:
                self._numbered += 1
                self._batch = _Batch(self._numbered, self._waiting)
                self._waiting = []
                self._write(self._batch, self._database)

    def _drop(self) -> None:
        while len(self._waiting) > MOST_WAITING:
            dropped = self._waiting.pop(0).tallies
            self.lost += sum(tally["calls"] for one, tally in dropped.items() if not one.agent)

    def _write(self, batch: _Batch, database: Database) -> None:
        now = self._clock.now().utc
        try:
            with database.changing() as cursor:
                if tables.written(cursor, self._name) < batch.number:
                    tables.write(
                        cursor, batch.blocks, writer=self._name, batch=batch.number, utc=now
                    )
                if self._pruned is None or now - self._pruned >= _PRUNE_EVERY:
                    tables.prune(cursor, before=int((now - self._keep) // 60), utc=now)
                    tables.sum_up(cursor, before=int((now - MINUTES_FOR) // 60))
                    self._pruned = now
        except ConductorError:
            self.failures += 1
            raise
        self._batch = None
        self.flushes += 1

    def let_go(self) -> None:
        self.stop.set()
        if self.thread is None:  # nothing was ever counted
            atexit.unregister(self.close)

    def close(self) -> None:
        self._closed = True
        self.stop.set()
        thread = self.thread
        if thread is not None and self._process == os.getpid():
            thread.join(_LAST_WAIT)
        else:
            self._try()
