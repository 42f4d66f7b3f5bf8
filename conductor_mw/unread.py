"""Streams that somebody began to read: what to do with those that nobody closes.

Python's collector closes the generators of a stream that hangs in a circle of references in no
order, so that a layer would be ended before it is known how its attempt ended: nobody would be
charged. And it does so wherever it happens to run, also while a layer holds a lock that the layer's
own end needs. So streams are kept alive here, and closed elsewhere once nobody can read them.
"""

from __future__ import annotations

import _thread
import gc
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

from .drivers.background import tell_fault
from .drivers.sync import THREADS
from .parts import Part

Unread: TypeAlias = Generator[Any, Any, Any] | AsyncGenerator[Part, None]
_UNREAD: Final[set[Unread]] = set()


class _Collector:
    """Knows whether the collector is at work."""

    at_work = False

    def __call__(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        del info
        self.at_work = phase == "start"


_COLLECTOR: Final = _Collector()
gc.callbacks.append(_COLLECTOR)


def begun(parts: Unread) -> None:
    """Keep the parts of a stream alive until they are over or nobody can read them."""
    _UNREAD.add(parts)


def over(parts: Unread) -> None:
    """Keep them no longer: they are read, or closed, or their event loop closes them."""
    _UNREAD.discard(parts)


def dropped(parts: Generator[Any, Any, Any]) -> None:
    """Close the parts of a stream that nobody can read any more."""
    if parts not in _UNREAD or sys.is_finalizing():
        return
    if _COLLECTOR.at_work:
        # Not by `threading`, which takes locks of its own that whoever was interrupted may hold.
        with suppress(RuntimeError):
            _thread.start_new_thread(_closing, (parts,))
        return
    _UNREAD.discard(parts)
    parts.close()


def _closing(parts: Generator[Any, Any, Any]) -> None:
    threading.Thread(target=_close, args=(parts,), name=THREADS, daemon=True).start()


def _close(parts: Generator[Any, Any, Any]) -> None:
    _UNREAD.discard(parts)
    try:
        parts.close()
    except Exception as error:  # noqa: BLE001 - nobody waits for it: told as what runs behind a call
        tell_fault(error)
