"""Open the tables of an address: a SQLite file or a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from conductor_mw import ConductorError

from .tables import Tables

SCHEMES: Final = ("sqlite", "postgresql", "postgres")


def open_tables(address: str, *, make: bool = True) -> Tables:
    """Give the tables of an address.

    Args:
        address: `sqlite:PATH` or `postgresql://host/database?schema=name`.
        make: whether to make them where they are not there.

    Raises:
        ConductorError: no log can be opened there.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "sqlite":
        from .sqlite_tables import SqliteTables

        return SqliteTables(Path(rest.removeprefix("//")), make=make)
    if scheme in ("postgresql", "postgres"):
        from .postgres_tables import PostgresTables

        return PostgresTables(address, make=make)
    raise ConductorError(
        f"no audit log can stand in {scheme[:40]!r}",
        mend="Write sqlite:FILE or postgresql://host/database.",
    )
