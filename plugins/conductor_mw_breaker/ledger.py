"""The records of every agent in one row of a store, which processes change by compare-and-swap."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Final

from conductor_mw import Store, StoreError

from .records import Note, Record, Trip

TABLE: Final = "breaker"
KEY: Final = "agents"
_FORM: Final = 1
_TRIES: Final = 50
_KEPT: Final = 86_400.0
"""Seconds that a record is kept which says no more than that the agent is asked as usual: longer
than any process needs to see who resumed it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the row said at one moment.

    Attributes:
        writes: how often it was written before; of two pages of one life, the newer has more.
        life: names the row since it was written first; a store may be emptied.
        records: what is known of agents, by id.
        known: the ids of all agents of the processes that use the store.
    """

    writes: int = 0
    life: str = ""
    records: Mapping[str, Record] = field(default_factory=dict[str, Record])
    known: tuple[str, ...] = ()

    def with_record(self, agent: str, change: Callable[[Record], Record], utc: float) -> Page:
        """Give the page with a changed record, without those that nobody needs any longer."""
        record = self.records.get(agent, Record())
        changed = change(record)
        if changed == record:
            return self
        kept = {name: one for name, one in self.records.items() if not _over(one, utc)}
        return replace(self, records={**kept, agent: changed})

    def with_known(self, agents: Collection[str]) -> Page:
        """Give the page with the ids of agents."""
        known = {*self.known, *agents}
        return self if len(known) == len(self.known) else replace(self, known=tuple(sorted(known)))


@dataclass(frozen=True, slots=True)
class Ledger:
    """The row. Every method asks the store, and raises `StoreError` where it cannot be reached.

    Attributes:
        store: where the row is.
    """

    store: Store

    def read(self, utc: float) -> Page:
        """Give what the row says: one round trip."""
        return page_of(self.store.get(TABLE, KEY, now=utc))

    def change(self, agent: str, change: Callable[[Record], Record], utc: float) -> Page:
        """Change the record of an agent; gives the page with the change, whoever else writes.

        Args:
            agent: its id.
            change: gives the new record for the one that is there; called again where another
                process was quicker.
            utc: now.
        """
        return self._write(lambda page: page.with_record(agent, change, utc), utc)

    def introduce(self, agents: Collection[str], utc: float) -> Page:
        """Make the ids of agents known to whoever lists or drains them."""
        return self._write(lambda page: page.with_known(agents), utc)

    def _write(self, change: Callable[[Page], Page], utc: float) -> Page:
        for _ in range(_TRIES):
            row = self.store.get(TABLE, KEY, now=utc)
            before = page_of(row)
            after = change(before)
            if after is before:
                return before
            after = replace(
                after, writes=before.writes + 1, life=before.life or secrets.token_hex(4)
            )
            if self.store.swap(TABLE, KEY, row, row_of(after), now=utc):
                return after
        raise StoreError("too many processes write the record of open circuits at once")


def _over(record: Record, utc: float) -> bool:
    """Whether nobody needs a record any longer."""
    if record.trip is not None:
        return utc > record.trip.until + record.trip.length + _KEPT
    return record.note is None or (
        not record.note.holds(utc) and utc > (record.note.until or record.note.at) + _KEPT
    )


def row_of(page: Page) -> bytes:
    """Give what is written for a page."""
    agents = {name: _written(record) for name, record in sorted(page.records.items())}
    row = {
        "form": _FORM, "writes": page.writes, "life": page.life, "known": page.known,
        "agents": agents,
    }  # fmt: skip
    return json.dumps(row, separators=(",", ":")).encode()


def page_of(row: bytes | None) -> Page:
    """Give the page that was written; an empty one where nothing was.

    Raises:
        StoreError: it is none.
    """
    if row is None:
        return Page()
    try:
        content: Any = json.loads(row)
        if content["form"] != _FORM:
            raise _damaged(f"its form is {str(content['form'])[:20]!r}")
        records = {str(name): _read(one) for name, one in content["agents"].items()}
        known = tuple(str(name) for name in content["known"])
        return Page(int(content["writes"]), str(content["life"]), records, known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(type(error).__name__) from error


def _written(record: Record) -> dict[str, object]:
    written: dict[str, object] = {"epoch": record.epoch}
    if record.trip is not None:
        trip = record.trip
        written["trip"] = {
            "until": trip.until,
            "length": trip.length,
            "times": trip.times,
            "since": trip.since,
            # JSON knows no infinity: null is a probe that answered well.
            "probes": {name: None if end == inf else end for name, end in trip.probes.items()},
        }
    if record.note is not None:
        note = record.note
        written["note"] = {
            "by": note.by, "because": note.because, "at": note.at, "until": note.until,
            "resumed": note.resumed,
        }  # fmt: skip
    return written


def _read(written: Any) -> Record:
    epoch = int(written["epoch"])
    trip, note = written.get("trip"), written.get("note")
    return Record(
        None
        if trip is None
        else Trip(
            epoch,
            float(trip["until"]),
            float(trip["length"]),
            int(trip["times"]),
            float(trip["since"]),
            {str(name): inf if end is None else float(end) for name, end in trip["probes"].items()},
        ),
        None
        if note is None
        else Note(
            str(note["by"]),
            str(note["because"]),
            float(note["at"]),
            None if note["until"] is None else float(note["until"]),
            bool(note["resumed"]),
        ),
        epoch,
    )


def _damaged(why: str) -> StoreError:
    return StoreError(
        f"the record of open circuits is damaged ({why})",
        mend=f"Delete the key {KEY!r} of the table {TABLE!r}; every circuit is closed then.",
    )
