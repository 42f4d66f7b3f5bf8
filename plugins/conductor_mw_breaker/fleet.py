"""The circuits of this process, and what it shares with others through a store."""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import threading
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from conductor_mw import Clock, StoreError

from .circuit import Circuit
from .ledger import Ledger, Page
from .records import Note, Record

_LOG: Final = logging.getLogger(__name__)


_NOBODY: Final = Note("")
News: TypeAlias = tuple[str, str, Note | None]


class Tell(Protocol):
    """Tells an event outside a run."""

    def __call__(self, name: str, /, *, run: str = "", **data: object) -> None:
        """Tell it."""
        ...


class Fleet:
    """The circuits of all agents. One for each conductor; it outlives reloads of the policy.

    Where the policy names a store that others share, a circuit is decided about here, and the store
    is told of it behind the call. It is asked on a call's way only while an agent is probed.

    Args:
        clock: what time it is.
        ledger: the shared records, or None where this process is alone.

    Attributes:
        down: whether the store could not be reached when it was asked last.
        tell: tells an event; that of the policy that was loaded last.
        wake: set where there is something to tell the store.
        closing: whether the conductor is being closed.
    """

    def __init__(self, clock: Clock, ledger: Ledger | None, tell: Tell) -> None:
        self.clock = clock
        self.ledger = ledger
        self.tell = tell
        self.down = False
        self.closing = False
        self.wake = threading.Event()
        self._circuits: dict[str, Circuit] = {}
        self._newest = Page()
        self._turn = threading.Lock()
        self._pages = threading.Lock()
        self._names = itertools.count()
        self._self = secrets.token_hex(4)

    def time(self) -> float:
        """Give the second by which circuits open: UTC where others read it, else monotonic."""
        now = self.clock.now()
        return now.monotonic if self.ledger is None else now.utc

    def name(self) -> str:
        """Give a name that no other probe has, in no process."""
        return f"{self._self}-{os.getpid():x}-{next(self._names):x}"

    def circuit(self, agent: str) -> Circuit:
        """Give the circuit of an agent."""
        return self._circuits.setdefault(agent, Circuit(agent))

    def change_here(self, circuit: Circuit, change: Callable[[Record], Record]) -> bool:
        """Change a record in this process at once; the store is told behind the call.

        Returns:
            whether that changed anything.
        """
        with circuit.lock:
            before = circuit.record
            news = self._take(circuit, change(before))
            changed = circuit.record != before
            if changed and self.ledger is not None:
                circuit.unwritten = True
        if changed and self.ledger is not None and not self.down:
            self.wake.set()
        self._pass_on(news)
        return changed

    def change(self, circuit: Circuit, change: Callable[[Record], Record]) -> None:
        """Change a record for everybody; in this process only where the store is away. It blocks.

        Where the store is away it is not asked again here: whoever waits for an answer would wait
        for its time-out.
        """
        if self.ledger is None or self.down:
            self.change_here(circuit, change)
            return
        utc = self.clock.now().utc
        try:
            page = self.ledger.change(circuit.agent, change, utc)
        except StoreError as error:
            self._lost(error)
            self.change_here(circuit, change)
        else:
            self._adopt(page)

    def refresh(self) -> None:
        """Bring this process and the store to the same state. It blocks; one at a time does it."""
        if self.ledger is None:
            return
        with self._turn:
            utc = self.clock.now().utc
            try:
                for circuit in self._list():
                    if circuit.unwritten:
                        self._write(circuit, self.ledger, utc)
                page = self.ledger.read(utc)
                if not self._circuits.keys() <= set(page.known):
                    page = self.ledger.introduce(tuple(self._circuits), utc)
                self._adopt(page)
            except StoreError as error:
                self._lost(error)
                return
            if self.down:
                self.down = False
                _LOG.warning("breaker: the store answers again")

    def lapse(self, circuit: Circuit) -> None:
        """Let an agent work again whose time of rest is over."""
        with circuit.lock:
            news = self._take(circuit, circuit.record)
        self._pass_on(news)

    def _write(self, circuit: Circuit, ledger: Ledger, utc: float) -> None:
        with circuit.lock:
            own = circuit.record
            circuit.unwritten = False
        try:
            ledger.change(circuit.agent, lambda theirs: theirs.merged(own), utc)
        except StoreError:
            circuit.unwritten = True
            raise

    def _adopt(self, page: Page) -> None:
        news: list[News] = []
        with self._pages:
            # A page that was read before another one was written must not bring back the old state.
            if page.life == self._newest.life and page.writes < self._newest.writes:
                return
            self._newest = page
            for circuit in self._list():
                with circuit.lock:
                    if not circuit.unwritten:
                        record = page.records.get(circuit.agent, Record())
                        news += self._take(circuit, record)
        self._pass_on(news)

    def _take(self, circuit: Circuit, record: Record) -> list[News]:
        """Let a record hold, with the circuit's lock held; gives what is to be told without it."""
        now = self.clock.now()
        before, rested = circuit.record.note, circuit.rests
        circuit.take(record, now.monotonic, now.utc)
        note = record.note
        if circuit.rests and (not rested or note != before):
            return [("breaker.drained", circuit.agent, note)]
        if rested and not circuit.rests:
            return [("breaker.resumed", circuit.agent, note)]
        return []

    def _pass_on(self, news: list[News]) -> None:
        for name, agent, note in news:
            told = note or _NOBODY
            self.tell(
                name, agent=agent, by=told.by, because=told.because, at=told.at, until=told.until
            )

    def _lost(self, error: StoreError) -> None:
        if not self.down:
            self.down = True
            _LOG.warning(
                "breaker: the store is away, this process decides alone: %s", error.problem
            )

    def _list(self) -> list[Circuit]:
        return list(self._circuits.values())
