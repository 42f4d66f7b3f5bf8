"""Where answers lie: in this process, or in a store that several processes share."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from weakref import WeakSet

from conductor_mw import ConductorError, Instant, Io, Store, StoreError

from .kept import Kept, read_kept
from .question import Question, name_of

if TYPE_CHECKING:
    from cachetools import LRUCache

T = TypeVar("T")

TABLE: Final = "cache"
REST: Final = 1.0
"""Seconds for which a store that failed is left alone: a time-out per call is worse than a miss."""


class Shelf(Protocol):
    """Where answers lie.

    Attributes:
        at_hand: whether `glance` and `lay` do everything, without waiting.
    """

    at_hand: bool

    def glance(self, question: Question, moment: float) -> Kept | None:
        """Give an answer that is at hand, no older than the question says.

        Args:
            question: what is asked.
            moment: the monotonic second.
        """
        ...

    def lay(self, question: Question, kept: Kept, moment: float) -> None:
        """Keep an answer at hand for as long as the question says."""
        ...

    async def get(self, question: Question, now: Instant) -> Kept | None:
        """Give an answer that is not at hand. Raises `StoreError`."""
        ...

    async def put(self, question: Question, kept: Kept, now: Instant) -> None:
        """Keep an answer where it is not at hand. Raises `StoreError`."""
        ...

    def find(self, question: Question, now: Instant) -> Kept | None:
        """Give an answer, wherever it is, to a caller who waits for it. Raises `StoreError`."""
        ...

    def hold(self, question: Question, kept: Kept, now: Instant) -> None:
        """Keep an answer while the caller waits. Raises `StoreError`."""
        ...

    def forget(self, partition: str, mark: bytes, now: Instant) -> int:
        """Forget the answers of a partition whose keys begin alike. Raises `StoreError`.

        Returns:
            How many there were.
        """
        ...


class Memory:
    """Answers in this process; what was not used for longest makes room. Safe from many threads."""

    at_hand = True

    def __init__(self) -> None:
        self._most_entries = 0
        self._shelf: LRUCache[bytes, tuple[Kept, float, float]] = _shelf(0)
        self._lock = threading.Lock()
        _MEMORIES.add(self)

    def begin(self) -> None:
        """Begin with nothing kept."""
        self._shelf = _shelf(int(self._shelf.maxsize))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._shelf)

    @property
    def busy(self) -> bool:
        """Whether somebody is at it at this moment."""
        return self._lock.locked()

    @property
    def weight(self) -> int:
        """About how many bytes the answers take."""
        return int(self._shelf.currsize)

    def resize(self, most_entries: int, most_bytes: int) -> None:
        """Set the bounds; what does not fit any more is forgotten."""
        with self._lock:
            self._most_entries = most_entries
            if most_bytes != self._shelf.maxsize:
                before, self._shelf = self._shelf, _shelf(most_bytes)
                for key, row in before.items():
                    self._put(key, row)
            self._trim()

    def glance(self, question: Question, moment: float) -> Kept | None:
        """Give an answer that is no older than the question says."""
        with self._lock:
            row = self._shelf.get(question.key)
            if row is None:
                return None
            kept, since, until = row
            if moment >= until:
                del self._shelf[question.key]
                return None
        return kept if moment < since + question.ttl else None

    def lay(self, question: Question, kept: Kept, moment: float) -> None:
        """Keep an answer for as long as the question says."""
        with self._lock:
            self._put(question.key, (kept, moment, moment + question.ttl))
            self._trim()

    async def get(self, question: Question, now: Instant) -> Kept | None:
        """Give the same as `glance`."""
        return self.glance(question, now.monotonic)

    async def put(self, question: Question, kept: Kept, now: Instant) -> None:
        """Do the same as `lay`."""
        self.lay(question, kept, now.monotonic)

    def find(self, question: Question, now: Instant) -> Kept | None:
        """Give the same as `glance`."""
        return self.glance(question, now.monotonic)

    def hold(self, question: Question, kept: Kept, now: Instant) -> None:
        """Do the same as `lay`."""
        self.lay(question, kept, now.monotonic)

    def forget(self, partition: str, mark: bytes, now: Instant) -> int:
        """Forget the answers whose keys begin so."""
        del partition, now  # the mark stands for the partition as well
        with self._lock:
            keys = [key for key in self._shelf if key.startswith(mark)]
            for key in keys:
                del self._shelf[key]
        return len(keys)

    def _put(self, key: bytes, row: tuple[Kept, float, float]) -> None:
        with suppress(ValueError):  # it alone is larger than everything may be
            self._shelf[key] = row

    def _trim(self) -> None:
        while len(self._shelf) > self._most_entries:
            self._shelf.popitem()


_MEMORIES: Final[WeakSet[Memory]] = WeakSet()


def _after_fork() -> None:
    # A thread of the parent may have held the lock, and may have been in the middle of a change.
    for memory in tuple(_MEMORIES):
        if memory.busy:
            memory.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _shelf(most_bytes: int) -> LRUCache[bytes, tuple[Kept, float, float]]:
    try:
        from cachetools import LRUCache
    except ImportError as error:
        raise ConductorError(
            "the cache needs cachetools to keep answers in memory",
            mend="pip install 'conductor-mw[cache]', or write `store:` below `cache:`.",
        ) from error
    return LRUCache(most_bytes, getsizeof=_weight)


def _weight(row: tuple[Kept, float, float]) -> int:
    return row[0].weight


class Shared:
    """Answers in a store that others share, under names that tell nothing of what was asked.

    After an error the store is left alone for a second: nothing is found and nothing is kept,
    without an error and without a wait.
    """

    at_hand = False

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open = open_store
        self._down_until = float("-inf")

    def glance(self, question: Question, moment: float) -> None:
        """Give nothing: whoever asks the store waits for it."""

    def lay(self, question: Question, kept: Kept, moment: float) -> None:
        """Keep nothing: whoever tells the store waits for it."""

    async def get(self, question: Question, now: Instant) -> Kept | None:
        """Give an answer that is no older than the question says. Raises `StoreError`."""
        if now.monotonic < self._down_until:
            return None
        io: Io[Kept | None] = Io(lambda: self.find(question, now))
        return await io

    async def put(self, question: Question, kept: Kept, now: Instant) -> None:
        """Keep an answer for as long as the question says. Raises `StoreError`."""
        if now.monotonic < self._down_until:
            return
        io: Io[None] = Io(lambda: self.hold(question, kept, now))
        await io

    def find(self, question: Question, now: Instant) -> Kept | None:
        """Give the same as `get`."""
        if now.monotonic < self._down_until:
            return None
        entry = self._do(lambda store: store.get(TABLE, question.name, now=now.utc), now)
        kept = None if entry is None else read_kept(entry, question.key)
        return kept if kept is not None and now.utc < kept.made + question.ttl else None

    def hold(self, question: Question, kept: Kept, now: Instant) -> None:
        """Do the same as `put`."""
        if now.monotonic < self._down_until:
            return
        entry, expires = kept.to_bytes(question.key), now.utc + question.ttl
        self._do(
            lambda store: store.put(TABLE, question.name, entry, now=now.utc, expires=expires), now
        )

    def forget(self, partition: str, mark: bytes, now: Instant) -> int:
        """Forget the answers of a partition whose keys begin so. Raises `StoreError`."""

        def forget(store: Store) -> int:
            forgotten = 0
            prefix = name_of(partition, mark)
            for key in store.keys(TABLE, now=now.utc, prefix=prefix):
                store.delete(TABLE, key)
                forgotten += 1
            return forgotten

        return self._do(forget, now)

    def _do(self, work: Callable[[Store], T], now: Instant) -> T:
        try:
            return work(self._open())
        except StoreError:
            self._down_until = now.monotonic + REST
            raise
