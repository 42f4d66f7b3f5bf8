"""The counters in memory: one dictionary a minute, and what they came to so far."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .tally import Place, Series, Tally


@dataclass(frozen=True, slots=True)
class Block:
    """What one minute came to.

    Attributes:
        minute: minutes since 1970, UTC.
        tallies: the counters by series.
    """

    minute: int
    tallies: Mapping[Series, Tally]


Live = dict[Place, dict[str, Tally]]
"""Counters under way, by place and agent; a request has no agent."""


class Ledger:
    """Counts under one lock. Whoever counts holds the lock and asks for a tally.

    Attributes:
        lock: held while a tally is changed.
        overflows: how often a value of a label became `(other)`.
    """

    def __init__(self, began: Callable[[], None] = lambda: None) -> None:
        """Begin with nothing.

        Args:
            began: called, with the lock held, when something is counted after a silence.
        """
        self.lock = threading.Lock()
        self._began = began
        self._empty()
        _AFTER_FORK.add(self)

    def _empty(self) -> None:
        self.overflows = 0
        self._minute = -1
        self._current: Live = {}
        self._waiting: list[tuple[int, Live]] = []
        self._adding = threading.Lock()
        self._added: dict[Series, Tally] = {}
        self._to_add: list[Live] = []

    def tally(self, place: Place, agent: str, minute: int) -> Tally:
        """Give the counters of an agent, or of requests, in a minute; the lock must be held.

        What ends late counts in the minute that has begun meanwhile.
        """
        if minute > self._minute:
            self._turn()
            self._minute = minute
        found = self._current.get(place)
        if found is None:
            if not self._current:
                self._began()
            found = self._current[place] = {}
        tally = found.get(agent)
        if tally is None:
            tally = found[agent] = Tally()
        return tally

    def overflowed(self) -> None:
        """Count a value of a label that became `(other)`."""
        with self.lock:
            self.overflows += 1

    def take(self) -> list[Block]:
        """Give every minute that was not given before, and forget it."""
        with self._adding:
            with self.lock:
                self._turn()
                taken, self._waiting = self._waiting, []
                to_add, self._to_add = self._to_add, []
            for live in to_add:  # outside the lock: nobody who counts waits for it
                _add(self._added, live)
        return [Block(minute, _add({}, live)) for minute, live in taken]

    def totals(self) -> dict[Series, Tally]:
        """Give what every series came to since the process began; it never goes down."""
        found: dict[Series, Tally] = {}
        with self._adding:
            with self.lock:
                for live in (*self._to_add, self._current):
                    _add(found, live)
            for series, tally in self._added.items():
                found.setdefault(series, Tally()).add(tally)
        return found

    def forget(self) -> None:
        """Begin with nothing: in a child process, whose parent writes what was counted so far."""
        self.lock = threading.Lock()  # the thread that held the old one is not here
        self._empty()

    def _turn(self) -> None:
        if self._current:
            self._waiting.append((self._minute, self._current))
            self._to_add.append(self._current)
            self._current = {}


def _add(into: dict[Series, Tally], live: Live) -> dict[Series, Tally]:
    for place, tallies in live.items():
        for agent, tally in tallies.items():
            into.setdefault(Series(agent, place.where), Tally()).add(tally)
    return into


_AFTER_FORK: Final[weakref.WeakSet[Ledger]] = weakref.WeakSet()


def _forget_all() -> None:
    for ledger in tuple(_AFTER_FORK):
        ledger.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
