"""Work that nobody waits for: how much of it is under way, and waiting for it after all."""

from __future__ import annotations

import logging
import threading
from typing import Final

MOST: Final = 32
"""Pieces of work under way at once in one conductor; more are not begun."""
_LOG: Final = logging.getLogger("conductor_mw")


class Background:
    """Counts the work of one conductor that nobody waits for. Safe from many threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._under_way = 0
        self._changed = threading.Condition()

    def enter(self) -> bool:
        """Count a piece of work that begins, or give False where there are too many."""
        with self._changed:
            if self._under_way >= self._most:
                return False
            self._under_way += 1
            return True

    def leave(self) -> None:
        """Count a piece of work that ended."""
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is under way; gives False if `seconds` passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._under_way == 0, seconds)


def tell_fault(error: BaseException) -> None:
    """Write an error that reaches nobody else to the log."""
    _LOG.error("work in the background failed: %r", error, exc_info=error)
