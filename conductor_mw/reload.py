"""Notice that a policy's files changed, at the price of one `stat` now and then."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from .clock import Clock
from .errors import ConductorError

Seen = tuple[tuple[int, int, int] | None, ...]


class Watch:
    """Says when a policy's files are worth loading again.

    Attributes:
        sources: the files the policy was read from; another set after a reload.
        error: why the newest version is not at work, or None.
    """

    def __init__(self, every: float | None, sources: Sequence[str], clock: Clock) -> None:
        self._every = every
        self._clock = clock
        self._sources = tuple(sources)
        self._seen = _look(self._sources)
        self._next = clock.monotonic() + (every or 0.0)
        self._lock = threading.Lock()
        self.error: ConductorError | None = None

    @property
    def sources(self) -> Sequence[str]:
        """The files that are looked at."""
        return self._sources

    @sources.setter
    def sources(self, sources: Sequence[str]) -> None:
        self._sources = tuple(sources)

    def due(self) -> bool:
        """Whether the files changed since the last look; True for one caller only."""
        if self._every is None or self._clock.monotonic() < self._next:
            return False
        if not self._lock.acquire(blocking=False):
            return False  # another thread is looking; this one decides with what there is
        try:
            if self._clock.monotonic() < self._next:
                return False
            self._next = self._clock.monotonic() + self._every
            seen = _look(self._sources)
            # After a failure every look tries again: what was wrong may stand in a file that this
            # watch does not know yet, for example in one that the new version includes.
            changed, self._seen = seen != self._seen or self.error is not None, seen
            return changed
        finally:
            self._lock.release()


def _look(sources: Sequence[str]) -> Seen:
    return tuple(_state(source) for source in sources)


def _state(source: str) -> tuple[int, int, int] | None:
    try:
        found = Path(source).stat()  # follows links: a mounted ConfigMap changes by swapping one
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
