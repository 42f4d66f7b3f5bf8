"""A thread that reports what was spent and gives back what nobody uses, while calls go on."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .book import Book

EVERY: Final = 0.1
_LOG: Final = logging.getLogger("conductor_mw")


class Keeper:
    """Looks after a book ten times a second while something is in hand, and sleeps otherwise."""

    def __init__(self, book: Book) -> None:
        self._book = weakref.ref(book)
        self._awake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def wake(self) -> None:
        """Go on: something is in hand."""
        self._awake.set()
        if self._thread is None and not self._stopped.is_set():
            with self._lock:
                if self._thread is None:
                    arguments = (self._book, self._awake, self._stopped)
                    self._thread = threading.Thread(
                        target=_keep, args=arguments, name="conductor-budget", daemon=True
                    )
                    self._thread.start()

    def stop(self) -> None:
        """End, after the round that is under way."""
        self._stopped.set()
        self._awake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5.0)


def _keep(found: weakref.ref[Book], awake: threading.Event, stopped: threading.Event) -> None:
    # Without a reference to the book between two rounds: a conductor that nobody closed may go.
    while not stopped.is_set():
        if not awake.wait(60.0):
            if found() is None:
                return
            continue
        if stopped.wait(EVERY):
            return
        book = found()
        if book is None:
            return
        try:
            book.tick()
        except Exception:  # noqa: BLE001 - nobody waits for this thread: the log is told, and it goes on
            _LOG.exception("a budget could not be reported to the store")
        if not book.active:
            awake.clear()
            if book.active:  # it came in between
                awake.set()
        del book
