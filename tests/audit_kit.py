"""Logs and conductors that the audit's tests share."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from conductor_mw_audit.checkpoint import Checkpoint, Signer, read_lines
from conductor_mw_audit.entry import Entry
from conductor_mw_audit.keys import Keys
from conductor_mw_audit.layer import Recorder
from conductor_mw_audit.log import Log
from conductor_mw_audit.opening import open_tables
from conductor_mw_audit.verdict import Verdict
from conductor_mw_audit.verify import verify
from conductor_mw_audit.writer import Writer

from conductor_mw import Conductor
from conductor_mw.testing import VirtualClock

KEY = "0123456789abcdef" * 4
NOON = 1_780_000_000.0


def log_at(address: str, *, key: str | None = KEY, every: int = 1000, to: str = "") -> Log:
    """Give a log at an address, made where it is not there."""
    keys = Keys.of(key)
    signer = Signer(keys, "none" if key is None else "hmac")
    return Log(open_tables(address), keys, signer, every, to)


def entries(count: int, first: int = 0) -> list[Any]:
    """Give so many records, each different."""
    return [
        Entry(
            kind="call", time=NOON + one, run=f"{one:016x}", agent="small", rule="cheap",
            tenant="acme", data={"number": one},
        ).written()
        for one in range(first, first + count)
    ]  # fmt: skip


def verdict_of(
    address: str, outside: Sequence[Checkpoint] | None = None, *, key: str | None = KEY
) -> Verdict:
    """Give what `audit verify` finds."""
    log = log_at(address, key=key)
    try:
        return verify(log.tables, log.keys, log.signer, outside)
    finally:
        log.tables.close()


def found(address: str, outside: Sequence[Checkpoint] | None = None, **more: Any) -> list[str]:
    """Give what `audit verify` finds, as people read it."""
    return [str(one) for one in verdict_of(address, outside, **more).findings]


def checkpoints_in(path: Path) -> list[Checkpoint]:
    """Give the checkpoints of a file."""
    return list(read_lines(path.read_text().splitlines(), str(path)))


def records_at(address: str, kind: str = "") -> list[dict[str, Any]]:
    """Give the records of a log, or those of one kind."""
    log = log_at(address)
    try:
        state = log.tables.state()
        stored = log.tables.records(0, state.size)
        return [one.data for one in stored if not kind or one.head.kind == kind]
    finally:
        log.tables.close()


def tampered(path: Path, *statements: str) -> None:
    """Change a file as somebody would who may do everything with it."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("select name from sqlite_master where type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"drop trigger {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def conductor(address: str, text: str = "", options: str = "", **more: Any) -> Conductor:
    """Give a conductor whose policy audits to an address."""
    where = f"path: {address[7:]}" if address.startswith("sqlite:") else f"to: {address!r}"
    text = text or "agents: [{id: a}]\nrouting: {default: a}\n"
    more.setdefault("clock", ticking())
    more.setdefault("seed", 7)
    return Conductor.from_text(
        text + f"plugins: {{audit: {{{where}{', ' if options else ''}{options}}}}}\n", **more
    )


def ticking() -> VirtualClock:
    """Give a clock that has moved already, as every real one has."""
    clock = VirtualClock(utc=NOON - 1)
    clock.advance(1)
    return clock


def writer_of(one: Conductor) -> Writer:
    """Give the writer of a conductor's audit layer."""
    layer = one.layer("audit")
    assert isinstance(layer, Recorder)
    return layer.writer


def schema_in(address: str) -> str:
    """Give the address of a log in the schema that a test may use alone."""
    schema = re.search(r"search_path=(\w+)", unquote(address))
    assert schema is not None
    return f"{address}&schema={schema.group(1)}"
