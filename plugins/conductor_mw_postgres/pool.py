"""A few open connections that threads use in turns; what broke is replaced."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

import psycopg

from .connection import Connection


class Pool:
    """Connections to one server, opened when they are needed.

    A connection that the server has left is noticed before it is used, so that a restart of the
    server costs nobody an error afterwards.
    """

    def __init__(self, connect: Callable[[], Connection], most: int, timeout: float) -> None:
        """Open nothing yet.

        Args:
            connect: opens one more.
            most: how many are open at most.
            timeout: seconds that a thread waits for one that others use.
        """
        self._connect = connect
        self._most = most
        self._timeout = timeout
        self._begin()

    @contextmanager
    def connection(self) -> Generator[Connection, None, None]:
        """Give a connection that nobody else uses meanwhile.

        Raises:
            psycopg.OperationalError: none could be had in time.
        """
        if self._process != os.getpid():
            # A forked child must not speak on its parent's connections, nor wait for its locks.
            self._begin()
        if not self._free.acquire(timeout=self._timeout):
            raise psycopg.OperationalError(
                f"all {self._most} connections are in use for {self._timeout:g} s"
            )
        try:
            connection = self._idle_one() or self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the connections; one that is in use is closed when it comes back."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        self._free = BoundedSemaphore(self._most)
        self._idle: list[Connection] = []
        self._closed = False

    def _idle_one(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        if connection.usable:
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    return
        connection.close()
