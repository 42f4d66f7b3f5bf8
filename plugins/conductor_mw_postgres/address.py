"""What an address such as `postgresql://user@127.0.0.1:5432/db?timeout=0.5` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from conductor_mw import ConductorError, nearest

TIMEOUT: Final = 0.5
CONNECTIONS: Final = 8

_OURS: Final = ("connections", "timeout")
_SHAPE: Final = "postgresql://user:password@host:5432/database?timeout=0.5"


@dataclass(frozen=True, slots=True)
class Address:
    """A server and how to speak to it.

    Attributes:
        told: what libpq is told.
        shown: the address for messages, without user and password.
        timeout: seconds for connecting, and again for each statement.
        connections: how many are open at most.
    """

    told: str
    shown: str
    timeout: float = TIMEOUT
    connections: int = CONNECTIONS

    @classmethod
    def read(cls, text: str) -> Address:
        """Read an address; options that are not ours are libpq's.

        >>> Address.read("postgresql://app:secret@10.0.0.7/state?timeout=0.2").shown
        'postgresql://10.0.0.7:5432/state'

        Raises:
            ConductorError: it is none, or has an option that is not known.
        """
        try:
            parts = urlsplit(text)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            ours = {name: options.pop(name) for name in _OURS if name in options}
            query = urlencode(options, quote_via=quote)
            unknown = [name for name in options if name not in _theirs()]
            bare = urlunsplit(parts._replace(query="" if unknown else query))
            told = conninfo_to_dict(bare)
        except (ValueError, psycopg.ProgrammingError):
            # Without the cause: it may quote a piece of the password.
            raise ConductorError("this is no address of PostgreSQL", mend=_SHAPE) from None
        host = told.get("host") or told.get("hostaddr") or ""
        shown = f"postgresql://{host}:{told.get('port') or 5432}/{told.get('dbname') or ''}"
        for name in unknown:
            mend = nearest(name, (*_OURS, *_theirs()))
            raise ConductorError(f"no option {name!r} of PostgreSQL", where=shown, mend=mend)
        try:
            timeout = float(ours.get("timeout", TIMEOUT))
            connections = int(ours.get("connections", CONNECTIONS))
        except ValueError as error:
            raise ConductorError(f"no number: {error}", where=shown, mend=_SHAPE) from error
        if not 0 < timeout <= 60 or not 0 < connections <= 1000:
            raise ConductorError(
                "timeout is above 0 and at most 60, connections 1 to 1000", where=shown, mend=_SHAPE
            )
        # The server gives up first: then it is known that nothing was changed.
        told["options"] = (
            f"-c statement_timeout={max(1, round(timeout * 800))}"
            " -c default_transaction_isolation=read\\ committed"
            f" {told.get('options') or ''}"
        )
        told["client_encoding"] = "UTF8"
        told.setdefault("application_name", "conductor")
        return cls(make_conninfo("", **told), shown, timeout, connections)


def _theirs() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
