"""The stores that come with the core, offered like a stranger's."""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterStore, hookimpl

from .memory import MemoryStore
from .sqlite import SqliteStore


@hookimpl
def conductor_stores(register: RegisterStore) -> None:
    """Offer the core's stores."""
    register("memory", MemoryStore.open)
    register("sqlite", SqliteStore.open)
