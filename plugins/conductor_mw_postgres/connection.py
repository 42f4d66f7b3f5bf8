"""One connection to PostgreSQL that never makes its caller wait longer than it was told.

psycopg's own connections wait for an answer as long as it takes, and at least 2 seconds for a
connection. So this speaks to libpq itself, through `psycopg.pq`, and watches the clock.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg import errors, pq

Row = tuple[bytes | None, ...]

_READ: Final = 1
_WRITE: Final = 2
_FINE: Final = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})
_MOVING: Final[dict[int, int]] = {
    pq.PollingStatus.READING: _READ,
    pq.PollingStatus.WRITING: _WRITE,
}


class Connection:
    """A connection in autocommit: each statement is a transaction of its own."""

    def __init__(self, told: str, timeout: float) -> None:
        """Connect.

        Args:
            told: what libpq is to know, as `make_conninfo` gives it.
            timeout: seconds for connecting, and again for each statement.

        Raises:
            psycopg.OperationalError: nobody is there, or lets nobody in, or not in time.
        """
        self._timeout = timeout
        self._amid = False
        self._server = pq.PGconn.connect_start(told.encode())
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        self._server.nonblocking = 1

    @property
    def usable(self) -> bool:
        """Whether the next statement has a chance: nothing is half done, nobody hung up."""
        if self._amid or self._server.status != pq.ConnStatus.OK:
            return False
        try:
            # Reads what is there and waits for nothing; a server that went away is noticed here.
            self._server.consume_input()
        except psycopg.OperationalError:
            return False
        return self._server.status == pq.ConnStatus.OK

    def ask(self, statement: bytes, *values: str | bytes | None) -> list[Row]:
        """Give the rows of a statement: columns of text or bytes, as bytes.

        Args:
            statement: with `$1`, `$2` for the values.
            values: bytes for text or bytes columns, str for everything that is written as text.

        Raises:
            psycopg.Error: as the server says; OperationalError where it says nothing in time.
        """
        parameters = [value.encode() if isinstance(value, str) else value for value in values]
        formats = [pq.Format(not isinstance(value, str)) for value in values]
        return self._result(
            lambda: self._server.send_query_params(
                statement, parameters, param_formats=formats, result_format=pq.Format.BINARY
            )
        )

    def command(self, statements: bytes, timeout: float) -> None:
        """Carry out several statements in one transaction, within some seconds of their own.

        Raises:
            psycopg.Error: as the server says; OperationalError where it says nothing in time.
        """
        self._result(lambda: self._server.send_query(statements), timeout)

    def close(self) -> None:
        """Hang up."""
        self._server.finish()

    def _connect(self) -> None:
        deadline = time.monotonic() + self._timeout
        while (status := self._server.connect_poll()) != pq.PollingStatus.OK:
            if status not in _MOVING:
                raise psycopg.OperationalError(self._server.get_error_message())
            self._wait(_MOVING[status], deadline)

    def _result(self, send: Callable[[], None], timeout: float | None = None) -> list[Row]:
        timeout = timeout or self._timeout
        deadline = time.monotonic() + timeout
        self._amid = True
        send()
        while self._server.flush():
            self._wait(_READ | _WRITE, deadline)
            self._server.consume_input()
        rows: list[Row] = []
        problem: psycopg.Error | None = None
        while True:
            while self._server.is_busy():
                self._wait(_READ, deadline)
                self._server.consume_input()
            result = self._server.get_result()
            if result is None:
                break
            if result.status in _FINE:
                columns = range(result.nfields)
                rows = [
                    tuple(result.get_value(row, column) for column in columns)
                    for row in range(result.ntuples)
                ]
            else:
                problem = problem or _problem(result)
        self._amid = False
        if problem:
            raise problem
        return rows

    def _wait(self, what: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not _ready(self._server.socket, what, left):
            raise psycopg.OperationalError(f"no answer within {self._timeout:g} s")


def _ready(file: int, what: int, seconds: float) -> bool:
    if hasattr(select, "poll"):  # `select` knows no file above 1023
        poll = select.poll()
        poll.register(
            file, (select.POLLIN if what & _READ else 0) | (select.POLLOUT if what & _WRITE else 0)
        )
        return bool(poll.poll(seconds * 1000))
    files = [file]
    return any(
        select.select(files if what & _READ else [], files if what & _WRITE else [], [], seconds)
    )


def _problem(result: pq.abc.PGresult) -> psycopg.Error:
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    try:
        sort: type[psycopg.Error] = errors.lookup(state)
    except KeyError:
        sort = psycopg.DatabaseError
    return sort(result.get_error_message())
