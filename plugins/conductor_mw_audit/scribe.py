"""Writes one batch of items after another to the log, whole or not at all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from conductor_mw import Clock, ConductorError, Latch, StoreError

from .entry import Entry, Written

if TYPE_CHECKING:
    from .log import Log

LOG: Final = logging.getLogger("conductor_mw.audit")
_SEAL_AFTER: Final = 60.0
"""Seconds after which records without a checkpoint get one."""
_PRUNE_AFTER: Final = 3600.0


class Unready(ConductorError):
    """What a record is made of cannot be had now; it is tried again."""


class Item(NamedTuple):
    """What waits to be written.

    Attributes:
        make: gives the records; called by the writer's thread.
        run: the id of the run it is about, or an empty string.
        subject: what they are made of.
        latch: opened when they are on the disk, or with the problem that keeps them from it.
    """

    make: Callable[[Any], Iterable[Entry]]
    run: str
    subject: object
    latch: Latch | None = None


@dataclass(slots=True)
class Health:
    """How a writer is doing.

    Attributes:
        written: records that are on the disk.
        lost: items that will never be, because the queue was full or the process ended.
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


class Scribe:
    """Writes batches. Used by one thread at a time; another may take up where one died.

    Attributes:
        batch: the items that are being written; they leave it when they are on the disk.
        health: what is counted.
    """

    def __init__(
        self, open_log: Callable[[], Log], clock: Clock, health: Health, keep: float | None
    ) -> None:
        """Make a scribe.

        Args:
            open_log: opens the log.
            clock: what time it is.
            health: what is counted.
            keep: seconds for which records are kept, or None.
        """
        self.batch: list[Item] = []
        self.health = health
        self.log: Log | None = None
        self._open_log = open_log
        self._clock = clock
        self._keep = keep
        self._dues: list[Written] = []
        self._described = 0
        self._unsealed = 0.0
        self._pruned = 0.0

    @property
    def unwritten(self) -> int:
        """How many records and items of the batch are not on the disk."""
        return len(self._dues) + len(self.batch) - self._described

    def tried(self) -> str:
        """Try to write the batch once; gives why that failed, or an empty text."""
        try:
            if self.log is None:
                self.log = self._open_log()
            self._describe(self.log)
            if self._dues:
                self._append(self.log)
        except ConductorError as error:
            return error.problem
        except Exception as error:  # a fault of ours must not end the thread
            LOG.exception("the audit log's writer failed")
            return f"{type(error).__name__}: {error}"
        return ""

    def tried_one_by_one(self) -> bool:
        """Write records alone: one that no database takes must not hold up the others."""
        log = self.log
        while self._dues and log is not None:
            first, now = self._dues[0], self._clock.now().utc
            try:
                log.append([first], now)
            except ConductorError:
                of, run = first.head.kind, first.head.run or ""
                try:
                    log.append([self._tombstone(run, of, "refused")], now)
                except ConductorError:
                    return False  # the database, not the record
                self.health.tombstones += 1
            self.health.written += 1
            self._dues = self._dues[1:]
        return log is not None and self._described == len(self.batch)

    def withhold(self, runs: Sequence[str], problem: str) -> None:
        """Record that answers were held back, as soon as anything can be recorded."""
        for run in runs:
            now = self._clock.now().utc
            told = Entry(kind="withheld", time=now, run=run or None, data={"because": problem})
            self._dues.append(told.written())

    def done(self) -> None:
        """Let go of a batch that is on the disk, and of whoever waits for it."""
        batch, self.batch = self.batch, []
        self._described = 0
        for item in batch:
            if item.latch is not None:
                item.latch.open()
        if not self._unsealed:
            self._unsealed = time.monotonic()

    def forget(self) -> None:
        """Give the batch up."""
        self.batch, self._dues, self._described = [], [], 0

    def look_after(self) -> None:
        """Do what is due now and then."""
        if self._unsealed and time.monotonic() - self._unsealed > _SEAL_AFTER:
            self.seal()
        now = self._clock.now().utc
        if self._keep is None or self.log is None or now - self._pruned < _PRUNE_AFTER:
            return
        self._pruned = now
        try:
            self.log.prune(now - self._keep, "keep", now)
        except ConductorError as error:
            LOG.error("old records could not be pruned: %s", error)  # noqa: TRY400 - it says it all

    def seal(self) -> None:
        """Make a checkpoint of what has none."""
        self._unsealed = 0.0
        if self.log is None:
            return
        try:
            self.log.checkpoint(self._clock.now().utc)
        except ConductorError as error:
            LOG.error("no checkpoint could be made: %s", error)  # noqa: TRY400 - it says it all

    def close(self) -> None:
        """Let go of the log."""
        log, self.log = self.log, None
        if log is not None:
            with suppress(Exception):  # it is of no use any more, whatever it says
                log.tables.close()

    def _describe(self, log: Log) -> None:
        """Make the records of the batch; what cannot be made leaves a tombstone."""
        for item in self.batch[self._described :]:
            made: list[Written] = []
            try:
                for entry in _entries(item):
                    made.append(log.written(entry))  # noqa: PERF401 - what was made before a fault stays
            except ConductorError:
                raise  # the database cannot be asked for a key now
            except Exception as error:  # whatever it is, it leaves a tombstone
                LOG.exception("a record could not be made")
                of = getattr(item.make, "__name__", "")
                because = error.__cause__ if isinstance(error, _FaultyError) else error
                made.append(self._tombstone(item.run, of, type(because).__name__))
                self.health.tombstones += 1
            self._dues += made
            self._described += 1

    def _tombstone(self, run: str, of: str, because: str) -> Written:
        data = {"of": of, "because": because}
        now = self._clock.now().utc
        return Entry(kind="tombstone", time=now, run=run or None, data=data).written()

    def _append(self, log: Log) -> None:
        log.append(self._dues, self._clock.now().utc)
        self.health.written += len(self._dues)
        self._dues = []


class _FaultyError(Exception):
    """A record cannot be made, now or ever: of a request that nobody can read, for example."""


def _entries(item: Item) -> Iterator[Entry]:
    try:
        yield from item.make(item.subject)
    except (StoreError, Unready):
        raise
    except ConductorError as error:
        # Tried again for ever, it would hold up every other record.
        raise _FaultyError from error
