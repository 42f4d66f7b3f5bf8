"""Connections that stay open between calls: one pool for threads, one for each event loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any, Final

import httpcore

from .timed import AsyncTimedBackend, TimedBackend

_KEPT: Final = 20

_KEPT_SECONDS: Final = 1.5
"""Shorter than any server keeps a connection, so that none ends just when it is used again."""

_MOST: Final = 1_000

_threads: Final[dict[int, httpcore.ConnectionPool]] = {}
_loops: Final[dict[asyncio.AbstractEventLoop, _Opened]] = {}


def pool() -> httpcore.ConnectionPool:
    """Give the pool of this process; a process that was forked gets its own."""
    found = _threads.get(os.getpid())
    if found is None:
        made = httpcore.ConnectionPool(network_backend=TimedBackend(), **_settings())
        found = _threads.setdefault(os.getpid(), made)
        if found is made:
            atexit.register(made.close)
    return found


async def apool() -> httpcore.AsyncConnectionPool:
    """Give the pool of the running event loop; it is closed when the loop ends."""
    loop = asyncio.get_running_loop()
    found = _loops.get(loop)
    if found is None:
        for other in [one for one in _loops if one.is_closed()]:
            _loops.pop(other, None)
        found = _loops[loop] = _Opened()
        await found.begin()
    return found.pool


class _Opened:
    """A pool of one event loop."""

    def __init__(self) -> None:
        self.pool = httpcore.AsyncConnectionPool(network_backend=AsyncTimedBackend(), **_settings())
        self._open = self._until_the_loop_ends()

    async def begin(self) -> None:
        """Let the loop know: it closes its generators when it ends, and nothing else."""
        await anext(self._open)

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            _loops.pop(loop, None)
            await self.pool.aclose()


def _settings() -> dict[str, Any]:
    return {
        "ssl_context": _trust(),
        "max_connections": _MOST,
        "max_keepalive_connections": _KEPT,
        "keepalive_expiry": _KEPT_SECONDS,
    }


@cache
def _trust() -> ssl.SSLContext:
    # Reading the certificates takes 20 ms: once, and not for every event loop.
    return ssl.create_default_context()
