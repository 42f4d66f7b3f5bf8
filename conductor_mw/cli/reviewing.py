"""Find the store and the gate that `conductor-mw review` is about."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conductor_mw.clock import SystemClock
from conductor_mw.errors import ConductorError
from conductor_mw.gates import Gate, Gates

from .shared_state import opened_store

_NAMED: Final = 8


@contextmanager
def opened(store: str | None, policy: Path | None) -> Generator[Gates | None, None, None]:
    """Give the gates of a store, or None where its file is not there yet.

    Raises:
        ConductorError: no store is named, or another process could not see into it.
    """
    with opened_store(store, policy) as kept:
        yield None if kept is None else Gates(kept)


def picked(gates: Gates, prefix: str) -> Gate | None:
    """Give the only gate whose id begins with `prefix`, or None where there is none.

    Raises:
        ConductorError: several begin with it, or the record is damaged.
    """
    moment = now()
    ids = gates.ids(moment, prefix)
    if len(ids) > 1:
        named = "\n  ".join([*ids[:_NAMED], *(["..."] if len(ids) > _NAMED else [])])
        raise ConductorError(f"{len(ids)} gates begin with {prefix[:80]!r}", mend=named)
    return gates.get(ids[0], moment) if ids else None


def now() -> float:
    """Give the UTC second."""
    return SystemClock().now().utc
