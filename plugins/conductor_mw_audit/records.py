"""Read a log: find records, open their content, and add what commands do to it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from conductor_mw import ConductorError

from .checkpoint import Signer
from .entry import Entry, Stored
from .keys import Keys
from .log import Log
from .opening import open_tables
from .tables import Tables
from .vault import Vault

KEY: Final = "AUDIT_KEY"
"""The environment variable that holds a log's key, unless a command is told another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records are looked for; what is empty asks for nothing.

    Attributes:
        run: the beginning of a run's id.
        agent: the agent.
        rule: the rule.
        tenant: the tenant.
        subject: the person's pseudonym.
        kinds: the kinds, any of them.
        since: from this UTC second on.
        until: before this UTC second.
    """

    run: str = ""
    agent: str = ""
    rule: str = ""
    tenant: str = ""
    subject: str = ""
    kinds: Sequence[str] = ()
    since: float | None = None
    until: float | None = None

    def condition(self) -> tuple[str, list[object]]:
        """Give the condition in SQL and its values."""
        said: list[str] = []
        values: list[object] = []
        if self.run:
            # A range, because an index serves it: ids are hexadecimal, and so before `g`.
            said.append("run >= ? and run < ?")
            values += [self.run, f"{self.run}g"]
        for name in ("agent", "rule", "tenant", "subject"):
            value = getattr(self, name)
            if value:
                said.append(f"{name} = ?")
                values.append(value)
        if self.kinds:
            said.append(f"kind in ({', '.join('?' * len(self.kinds))})")
            values += self.kinds
        for name, operator in (("since", ">="), ("until", "<")):
            value = getattr(self, name)
            if value is not None:
                said.append(f"time {operator} ?")
                values.append(value)
        return " and ".join(said), values


@dataclass(frozen=True, slots=True)
class Records:
    """A log as commands and reports see it.

    Attributes:
        log: the log.
    """

    log: Log
    _vaults: list[Vault] = field(default_factory=list[Vault], repr=False)

    @property
    def tables(self) -> Tables:
        """The log's tables."""
        return self.log.tables

    @property
    def keys(self) -> Keys:
        """The log's secrets."""
        return self.log.keys

    def find(self, wanted: Wanted = Wanted()) -> Iterator[Stored]:
        """Give the records that are looked for, the oldest first.

        Raises:
            ConductorError: the log cannot be read.
        """
        state = self.tables.state()
        condition, values = wanted.condition()
        yield from self.tables.records(state.pruned, state.size, condition, values)

    def newest(self, most: int, wanted: Wanted = Wanted()) -> list[Stored]:
        """Give the newest records that are looked for, the oldest of them first.

        Raises:
            ConductorError: the log cannot be read.
        """
        return self.tables.newest(most, *wanted.condition())

    def content(self, record: Stored) -> dict[str, Any] | None:
        """Give what people said in a record, or None where nothing was kept or it is forgotten.

        Raises:
            ConductorError: there is no key, or it is the wrong one.
        """
        sealed = record.data.get("content")
        if not isinstance(sealed, str):
            return None
        if not self._vaults:
            self._vaults.append(Vault(self.tables, self.keys))
        return self._vaults[0].open(record.head.subject or "", sealed)

    def add(self, entry: Entry, now: float) -> None:
        """Append a record of what was done to the log, and seal it at once.

        Raises:
            ConductorError: it cannot be written.
        """
        self.log.append([entry.written()], now)
        self.log.checkpoint(now)


@contextmanager
def opened(
    path: str, *, key: str | None = None, public_key: bytes | None = None
) -> Generator[Records, None, None]:
    """Give the records of a log that is there already.

    Args:
        path: a SQLite file, or `postgresql://host/database?schema=name`.
        key: the log's key; `AUDIT_KEY` of the environment where left out.
        public_key: the Ed25519 key that checkpoints are checked with, for who has no key.

    Raises:
        ConductorError: there is no log, or it cannot be opened.
    """
    address = path if path.partition(":")[0] in _SCHEMES else f"sqlite:{Path(path)}"
    keys = Keys.of(os.environ.get(KEY) if key is None else key)
    tables = open_tables(address, make=False)
    try:
        # A log signs as its newest signed checkpoint does.
        method = tables.method()
        if method == "none" and keys.master is not None:
            method = "hmac"
        yield Records(Log(tables, keys, Signer(keys, method, public_key)))
    finally:
        tables.close()


_SCHEMES: Final = frozenset(("sqlite", "postgresql", "postgres"))


def subject_of(records: Records, person: str) -> str:
    """Give the pseudonym under which a log keeps a person.

    Raises:
        ConductorError: there is no key.
    """
    if records.keys.master is None:
        raise ConductorError(
            "records hold pseudonyms, which are made with the log's key",
            mend=f"Set {KEY} to the key that the policy names.",
        )
    return records.keys.pseudonym(person)
