"""Sockets that are done at a deadline, however slowly the other side drips.

A timeout of an HTTP library counts from one read to the next: a worker that sends a byte a second
would hold a sync caller's thread for ever. Here every read and write gets what is left of the
whole call. httpcore takes such sockets as a network backend, which httpx does not pass on; the
parameters that are not read are httpcore's.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, cast

import httpcore

Options = Iterable[httpcore.SOCKET_OPTION]

ends: Final[ContextVar[float]] = ContextVar("ends")
"""The monotonic second at which the call that this thread or task makes is over."""


def left() -> float:
    """Give the seconds that are left.

    Raises:
        httpcore.ReadTimeout: none are.
    """
    seconds = ends.get() - monotonic()
    if seconds <= 0:
        raise httpcore.ReadTimeout("the deadline passed")
    return seconds


@dataclass(slots=True)
class TimedStream(httpcore.NetworkStream):
    """A socket of a sync caller."""

    stream: httpcore.NetworkStream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what comes before the deadline."""
        del timeout
        return self.stream.read(max_bytes, left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write before the deadline."""
        del timeout
        self.stream.write(buffer, left())

    def close(self) -> None:
        """Close the socket."""
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Encrypt what follows."""
        del timeout
        return TimedStream(self.stream.start_tls(ssl_context, server_hostname, left()))

    def get_extra_info(self, info: str) -> Any:
        """Tell something about the socket."""
        return self.stream.get_extra_info(info)


@dataclass(slots=True)
class AsyncTimedStream(httpcore.AsyncNetworkStream):
    """A socket of an async caller."""

    stream: httpcore.AsyncNetworkStream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore passes it
        """Read what comes before the deadline."""
        del timeout
        return await self.stream.read(max_bytes, left())

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore passes it
        """Write before the deadline."""
        del timeout
        await self.stream.write(buffer, left())

    async def aclose(self) -> None:
        """Close the socket."""
        await self.stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore passes it
    ) -> httpcore.AsyncNetworkStream:
        """Encrypt what follows."""
        del timeout
        return AsyncTimedStream(await self.stream.start_tls(ssl_context, server_hostname, left()))

    def get_extra_info(self, info: str) -> Any:
        """Tell something about the socket."""
        return self.stream.get_extra_info(info)


class TimedBackend(httpcore.NetworkBackend):
    """Opens sockets for sync callers."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Options | None = None,
    ) -> httpcore.NetworkStream:
        """Open a socket before the deadline."""
        del timeout
        opened = self._backend.connect_tcp(host, port, left(), local_address, socket_options)
        return TimedStream(opened)


class AsyncTimedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets for async callers."""

    def __init__(self) -> None:
        # Without anyio httpcore has another class of this name, which refuses to be made.
        self._backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore passes it
        local_address: str | None = None,
        socket_options: Options | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a socket before the deadline."""
        del timeout
        backend = self._backend
        opened = await backend.connect_tcp(host, port, left(), local_address, socket_options)
        return AsyncTimedStream(opened)
