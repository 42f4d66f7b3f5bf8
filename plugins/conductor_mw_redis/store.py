"""`redis://HOST:PORT/DB` keeps state in Redis, where any number of machines share it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from math import ceil, inf
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from conductor_mw import ConductorError, Move, StoreError

from . import scripts
from .address import Address

_LARGEST: Final = 9 * 10**15
_LONGEST: Final = 10**18
_SECOND: Final = 10**9
_GRACE_MS: Final = 60_000
"""How long Redis keeps a row after its expiry, for callers whose clocks are behind."""
_LONGEST_MS: Final = 10 * 365 * 24 * 3600 * 1000
_BATCH: Final = 1000
_HEAD: Final = 31
"""Longer than an expiry and its semicolon: enough of a row to say whether it is alive."""
_LITERALLY: Final = str.maketrans({sign: f"\\{sign}" for sign in r"*?[]^\-"})


class RedisStore:
    """A store in Redis: one trip for each change, decided by Lua within the server.

    The keys of a table share a hash tag, `conductor:{table}:key`, so that a Redis Cluster keeps
    them on one node and the clocks of several keys move together.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        # Typed as Any: redis-py leaves the types of its options and answers open.
        self._client: Any = _client(address)
        self._swap: Any = self._client.register_script(scripts.SWAP)
        self._add: Any = self._client.register_script(scripts.ADD)
        self._take: Any = self._client.register_script(scripts.TAKE)
        self._advance: Any = self._client.register_script(scripts.ADVANCE)

    @classmethod
    def open(cls, address: str) -> RedisStore:
        """Give the store of an address; nothing is connected before it is used."""
        return cls(Address.read(address))

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        """Give the value, or None where there is none or it has expired."""
        with self._reached():
            row: bytes | None = self._client.get(self._name(table, key))
        if row is None:
            return None
        expires, _, value = row.partition(b";")
        return None if expires and float(expires) <= now else value

    def put(
        self, table: str, key: str, value: bytes, *, now: float, expires: float | None = None
    ) -> None:
        """Keep a value, until the UTC second `expires` or for ever."""
        until, lasts = _until(now, expires)
        with self._reached():
            self._client.set(self._name(table, key), b"%b;%b" % (until, value), px=lasts)

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
        until, lasts = _until(now, expires)
        absent = int(before is None)
        return bool(
            self._run(
                self._swap,
                [self._name(table, key)],
                (repr(now), absent, before or b"", after, until, lasts or b""),
            )
        )

    def add(
        self, table: str, key: str, amount: int, *, now: float, expires: float | None = None
    ) -> int:
        """Add to a whole number, from 0 where there is none, and give the sum."""
        until, lasts = _until(now, expires)
        told = self._run(
            self._add,
            [self._name(table, key)],
            (repr(now), _bounded(amount), _LARGEST, until, lasts or b""),
        )
        return _number(told)

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
        until, lasts = _until(now, expires)
        told = self._run(
            self._take,
            [self._name(table, key)],
            (repr(now), _bounded(amount), _bounded(most), until, lasts or b""),
        )
        return _number(told)

    def advance(self, table: str, moves: Sequence[Move], *, now: float) -> float:
        """Move the clocks of several keys forward, all or none; 0.0, or the seconds to wait."""
        if not moves:
            return 0.0
        arguments: list[object] = [
            repr(now),
            *divmod(round(now * _SECOND), _SECOND),
            _GRACE_MS,
            _LONGEST_MS,
        ]
        for _, cost, burst in moves:
            if not (-_LONGEST <= cost <= _LONGEST and 0 <= burst <= _LONGEST):
                raise ConductorError(
                    f"a clock cannot be moved by {cost} of {burst} ns: beyond 1e18"
                )
            sign = "-" if cost < 0 else "+" if cost else "0"
            arguments += [sign, *divmod(cost, _SECOND), *divmod(burst, _SECOND)]
        names = [self._name(table, move.key) for move in moves]
        behind = _number(self._run(self._advance, names, arguments))
        if behind and any(cost > burst for _, cost, burst in moves):
            return inf
        return -(-behind // 1_000) / 1e6

    def delete(self, table: str, key: str) -> None:
        """Forget a value."""
        with self._reached():
            self._client.delete(self._name(table, key))

    def keys(self, table: str, *, now: float, prefix: str = "") -> tuple[str, ...]:
        """Give the keys of a table that have not expired, sorted.

        Redis is walked through in small steps (SCAN): it goes on serving, but looks at every key
        of its database.
        """
        begin = self._name(table, "")
        literal = self._name(table, prefix).decode("utf-8", "surrogatepass").translate(_LITERALLY)
        pattern = literal.encode("utf-8", "surrogatepass") + b"*"
        found: set[str] = set()
        with self._reached():
            names: list[bytes] = list({*self._client.scan_iter(match=pattern, count=_BATCH)})
            for at in range(0, len(names), _BATCH):
                batch = names[at : at + _BATCH]
                pipeline = self._client.pipeline(transaction=False)
                for name in batch:
                    pipeline.getrange(name, 0, _HEAD)
                heads: list[bytes] = pipeline.execute()
                for name, head in zip(batch, heads, strict=True):
                    expires, alive, _ = head.partition(b";")
                    if alive and (not expires or float(expires) > now):
                        found.add(name[len(begin) :].decode("utf-8", "surrogatepass"))
        return tuple(sorted(found))

    def close(self) -> None:
        """Close the connections."""
        # A client closes only a pool that it made itself.
        self._client.connection_pool.disconnect()

    def _name(self, table: str, key: str) -> bytes:
        text = f"{self._address.prefix}:{{{table}}}:{key}"
        return text.encode("utf-8", "surrogatepass")

    def _run(
        self, script: Callable[..., Any], names: list[bytes], arguments: Iterable[object]
    ) -> Any:
        with self._reached():
            return script(keys=names, args=arguments)

    @contextmanager
    def _reached(self) -> Generator[None, None, None]:
        try:
            yield
        except redis.AuthenticationError as error:
            raise StoreError(
                f"Redis lets nobody in: {error}",
                where=self._address.shown,
                mend="Look at the user and the password of the address.",
            ) from error
        except redis.RedisError as error:
            raise StoreError(
                f"Redis does not answer as it should: {error}",
                where=self._address.shown,
                mend="Look whether Redis runs there; what happens until then says `store_down`.",
            ) from error


def _client(address: Address) -> Any:
    # Nothing is tried twice: a change that was made unseen would be made again.
    pool: Any = redis.BlockingConnectionPool
    return redis.Redis(
        connection_pool=pool.from_url(
            address.url,
            max_connections=address.connections,
            timeout=address.timeout,
            socket_timeout=address.timeout,
            socket_connect_timeout=address.timeout,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )
    )


def _until(now: float, expires: float | None) -> tuple[bytes, int | None]:
    """Give the expiry as it is kept, and for how many milliseconds Redis keeps the row."""
    if expires is None:
        return b"", None
    lasts = min(max(0.0, expires - now) * 1000 + _GRACE_MS, _LONGEST_MS)
    return repr(float(expires)).encode(), ceil(lasts)


def _number(told: bytes) -> int:
    if told == b"text":
        raise ConductorError("a store was to count where it holds no whole number")
    if told == b"beyond":
        raise _too_far("further")
    return int(told)


def _bounded(number: int) -> int:
    if not -_LARGEST <= number <= _LARGEST:
        raise _too_far(f"to {number}")
    return number


def _too_far(how: str) -> ConductorError:
    return ConductorError(f"a store cannot count {how}: beyond 9e15", mend="Count in larger units.")
