"""`postgresql://HOST:PORT/DB` keeps state in PostgreSQL, where any number of machines share it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from math import inf
from typing import Final, cast

import psycopg
from psycopg import errors

from conductor_mw import ConductorError, Move, StoreError

from . import statements
from .address import Address
from .connection import Connection, Row
from .pool import Pool

_LARGEST: Final = 9 * 10**15
_LONGEST: Final = 10**18
_SECOND: Final = 10**9
_SWEEP_EVERY: Final = 256
_GRACE: Final = 60.0
"""Seconds that an expired row is kept, for callers whose clocks are behind."""
_MAKING: Final = 30.0
"""Seconds for making the table, where many processes start at the same moment."""


class PostgresStore:
    """A store in the table `conductor_state`: one statement for each change.

    The table and its functions are made on first use, where they are not there.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool = Pool(self._connect, address.connections, address.timeout)
        self._made = False
        self._writes = 0

    @classmethod
    def open(cls, address: str) -> PostgresStore:
        """Give the store of an address; nothing is connected before it is used."""
        return cls(Address.read(address))

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        """Give the value, or None where there is none or it has expired."""
        rows = self._ask(statements.GET, table.encode(), _digest(_bytes(key)), repr(now))
        return rows[0][0] if rows else None

    def put(
        self, table: str, key: str, value: bytes, *, now: float, expires: float | None = None
    ) -> None:
        """Keep a value, until the UTC second `expires` or for ever."""
        self._ask(statements.PUT, *_row(table, key), value, _until(expires))
        self._sweep(now)

    def swap(
        self,
        table: str,
        key: str,
        before: bytes | None,
        after: bytes,
        *,
        now: float,
        expires: float | None = None,
    ) -> bool:
        """Put `after` only if the value is `before` still; gives whether it was."""
        sort, digest, name = _row(table, key)
        if before is None:
            swapped = self._ask(
                statements.SWAP_NOTHING, sort, digest, name, after, _until(expires), repr(now)
            )
        else:
            swapped = self._ask(
                statements.SWAP, sort, digest, after, _until(expires), before, repr(now)
            )
        self._sweep(now)
        return bool(swapped)

    def add(
        self, table: str, key: str, amount: int, *, now: float, expires: float | None = None
    ) -> int:
        """Add to a whole number, from 0 where there is none, and give the sum."""
        return self._count(table, key, amount, None, now, expires)[0]

    def take(
        self,
        table: str,
        key: str,
        amount: int,
        most: int,
        *,
        now: float,
        expires: float | None = None,
    ) -> int:
        """Add as much of `amount` as fits below `most`, and give how much that was."""
        return self._count(table, key, amount, _bounded(most), now, expires)[1]

    def advance(self, table: str, moves: Sequence[Move], *, now: float) -> float:
        """Move the clocks of several keys forward, all or none; 0.0, or the seconds to wait."""
        if not moves:
            return 0.0
        for _, cost, burst in moves:
            if not (-_LONGEST <= cost <= _LONGEST and 0 <= burst <= _LONGEST):
                raise ConductorError(
                    f"a clock cannot be moved by {cost} of {burst} ns: beyond 1e18"
                )
        names = [_bytes(move.key) for move in moves]
        rows = self._ask(
            statements.ADVANCE,
            table.encode(),
            _array(f'"\\\\x{_digest(name).hex()}"' for name in names),
            _array(f'"\\\\x{name.hex()}"' for name in names),
            _array(str(move.cost) for move in moves),
            _array(str(move.burst) for move in moves),
            str(round(now * _SECOND)),
            repr(now),
        )
        self._sweep(now)
        behind = int(rows[0][0] or b"0")
        if behind and any(cost > burst for _, cost, burst in moves):
            return inf
        return -(-behind // 1_000) / 1e6

    def delete(self, table: str, key: str) -> None:
        """Forget a value."""
        self._ask(statements.DELETE, table.encode(), _digest(_bytes(key)))

    def keys(self, table: str, *, now: float, prefix: str = "") -> tuple[str, ...]:
        """Give the keys of a table that have not expired, sorted."""
        begin = _bytes(prefix)
        rows = self._ask(statements.KEYS, table.encode(), repr(now), str(len(begin)), begin)
        found = (cast("bytes", row[0]).decode("utf-8", "surrogatepass") for row in rows)
        return tuple(sorted(found))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _count(
        self,
        table: str,
        key: str,
        amount: int,
        most: int | None,
        now: float,
        expires: float | None,
    ) -> tuple[int, int]:
        rows = self._ask(
            statements.COUNT,
            *_row(table, key),
            str(_bounded(amount)),
            None if most is None else str(most),
            repr(now),
            _until(expires),
        )
        self._sweep(now)
        total, added = rows[0]
        return int(total or b"0"), int(added or b"0")

    def _ask(self, statement: bytes, *values: str | bytes | None) -> list[Row]:
        with self._reached(), self._pool.connection() as connection:
            return connection.ask(statement, *values)

    def _sweep(self, now: float) -> None:
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 0:
            # The write before it was made; who comes next will hear that the server is gone.
            with suppress(StoreError):
                self._ask(statements.SWEEP, repr(now - _GRACE))

    def _connect(self) -> Connection:
        connection = Connection(self._address.told, self._address.timeout)
        if not self._made:
            try:
                if connection.ask(statements.THERE) != [(b"true",)]:
                    connection.command(statements.TABLE, _MAKING)
            except BaseException:
                connection.close()
                raise
            self._made = True
        return connection

    @contextmanager
    def _reached(self) -> Generator[None, None, None]:
        try:
            yield
        except (errors.InvalidTextRepresentation, errors.CharacterNotInRepertoire) as error:
            raise ConductorError("a store was to count where it holds no whole number") from error
        except errors.NumericValueOutOfRange as error:
            raise _too_far("further") from error
        except psycopg.Error as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise StoreError(
                f"PostgreSQL does not answer as it should: {first}",
                where=self._address.shown,
                mend="Look whether PostgreSQL runs there and lets this user make and change"
                " the table conductor_state; what happens until then says `store_down`.",
            ) from error


def _row(table: str, key: str) -> tuple[bytes, bytes, bytes]:
    name = _bytes(key)
    return table.encode(), _digest(name), name


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _digest(name: bytes) -> bytes:
    return blake2b(name, digest_size=16).digest()


def _array(elements: Iterable[str]) -> str:
    return f"{{{','.join(elements)}}}"


def _until(expires: float | None) -> str | None:
    return None if expires is None else repr(float(expires))


def _bounded(number: int) -> int:
    if not -_LARGEST <= number <= _LARGEST:
        raise _too_far(f"to {number}")
    return number


def _too_far(how: str) -> ConductorError:
    return ConductorError(f"a store cannot count {how}: beyond 9e15", mend="Count in larger units.")
