"""What an address such as `redis://127.0.0.1:6379/0?timeout=0.5` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from conductor_mw import ConductorError, nearest

TIMEOUT: Final = 0.5
CONNECTIONS: Final = 32
PREFIX: Final = "conductor"

_OURS: Final = ("connections", "prefix", "timeout")
_SHAPE: Final = "redis://user:password@host:6379/0?timeout=0.5"


@dataclass(frozen=True, slots=True)
class Address:
    """A server and how to speak to it.

    Attributes:
        url: the address without our own options, as redis-py reads it.
        shown: the address for messages, without user and password.
        timeout: seconds for connecting, and again for each answer.
        connections: how many are open at most.
        prefix: what the name of every key begins with.
    """

    url: str
    shown: str
    timeout: float = TIMEOUT
    connections: int = CONNECTIONS
    prefix: str = PREFIX

    @classmethod
    def read(cls, text: str) -> Address:
        """Read an address.

        >>> Address.read("redis://:secret@10.0.0.7/2?timeout=0.2").shown
        'redis://10.0.0.7:6379/2'

        Raises:
            ConductorError: it is none, or has an option that is not known.
        """
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "127.0.0.1", parts.port or 6379
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except ValueError:
            # Without the cause: it may quote a piece of the password.
            raise ConductorError("this is no address of Redis", mend=_SHAPE) from None
        shown = f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"
        if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
            raise ConductorError("the path is no database number", where=shown, mend=_SHAPE)
        ours = {name: options.pop(name) for name in _OURS if name in options}
        for name in options:
            if name != "db" and not name.startswith("ssl_"):
                mend = nearest(name, (*_OURS, "db"))
                raise ConductorError(f"no option {name!r} of Redis", where=shown, mend=mend)
        try:
            timeout = float(ours.get("timeout", TIMEOUT))
            connections = int(ours.get("connections", CONNECTIONS))
        except ValueError as error:
            raise ConductorError(f"no number: {error}", where=shown, mend=_SHAPE) from error
        if not 0 < timeout <= 60 or not 0 < connections <= 1000:
            raise ConductorError(
                "timeout is above 0 and at most 60, connections 1 to 1000", where=shown, mend=_SHAPE
            )
        return cls(
            urlunsplit(parts._replace(query=urlencode(options))),
            shown,
            timeout,
            connections,
            ours.get("prefix", PREFIX),
        )
