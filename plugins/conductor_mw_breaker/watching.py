"""A daemon thread that brings circuits and store to the same state about once a second."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from typing import Final

from .fleet import Fleet

_LOG: Final = logging.getLogger(__name__)
EVERY: Final = 1.0
_PATIENCE: Final = 2.0


class Watch:
    """Refreshes a fleet until it is closed or nobody holds it any longer."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._start()
        _WATCHES.add(self)

    def close(self) -> None:
        """Tell the store what it does not know yet, and stop."""
        self.fleet.closing = True
        self.fleet.wake.set()
        self._thread.join(_PATIENCE)

    def again(self) -> None:
        """Start the thread anew in a process that was forked: threads do not come along."""
        if not self.fleet.closing:
            self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=_refresh, args=(weakref.ref(self.fleet), self.fleet.wake),
            name="conductor-breaker", daemon=True,
        )  # fmt: skip
        self._thread.start()


def _refresh(watched: weakref.ref[Fleet], wake: threading.Event) -> None:
    while True:
        wake.wait(EVERY)
        wake.clear()
        fleet = watched()
        if fleet is None:
            return
        try:
            fleet.refresh()
        except Exception:  # noqa: BLE001 - what an observer raises must not end the thread
            _LOG.exception("breaker: what was learned of open circuits could not be passed on")
        if fleet.closing:
            return
        del fleet  # so that a conductor that nobody closed can go, and this thread with it


_WATCHES: Final[weakref.WeakSet[Watch]] = weakref.WeakSet()


def _start_again() -> None:
    for watch in tuple(_WATCHES):
        watch.again()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_again)
