"""`conductor-mw agents`: which agents rest, and who lets them rest or work again."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from conductor_mw import ConductorError, Duration, nearest
from conductor_mw.cli.door import (
    Column,
    Command,
    Group,
    format_option,
    harmless,
    note,
    opened_store,
    say,
    say_json,
    store_options,
    table,
)

if TYPE_CHECKING:
    from .records import Record

F = TypeVar("F", bound=Callable[..., Any])
_COLUMNS: Final = ("agent", "state", "until", "by", "because")
_agent: Final = click.argument("agent", metavar="ID")


@click.group(
    cls=Group,
    epilog="""
  conductor-mw agents list --store sqlite:conductor.db
  conductor-mw agents drain big --store sqlite:conductor.db --for 1h --because maintenance""",
)
def agents() -> None:
    """Show which agents rest; drain or resume one by hand.

    The circuits of a policy with a `breaker` are kept in its store. Running processes see what is
    done here within about a second.
    """


def _by_somebody(command: F) -> F:
    by = click.option("--by", metavar="NAME", help="Who says so; your login name by default.")
    because = click.option("--because", default="", metavar="TEXT", help="Why, for the record.")
    return by(because(store_options(format_option("pretty", "json")(command))))


@agents.command(
    "list",
    cls=Command,
    epilog="""
  conductor-mw agents list --store sqlite:conductor.db
  conductor-mw agents list --policy conductor.yaml --format json""",
)
@store_options
@format_option("pretty", "json")
def list_agents(store: str | None, policy: Path | None, form: str) -> None:
    """List the agents, and which of them rest.

    All agents are shown of the processes that use this store, and who did what to them last.
    """
    from .ledger import Ledger, Page
    from .records import Record

    utc = time.time()
    with opened_store(store, policy) as kept:
        page = Page() if kept is None else Ledger(kept).read(utc)
    records = {**dict.fromkeys(page.known, Record()), **page.records}
    rows = [described(name, record, utc) for name, record in sorted(records.items())]
    if form == "json":
        say_json({"agents": rows})
    elif rows:
        cells = [[str(row[key] or "") for key in _COLUMNS] for row in rows]
        say(table([Column(key) for key in _COLUMNS], cells))
    else:
        note("no process with a breaker has used this store yet")


@agents.command(
    "drain",
    cls=Command,
    epilog="""
  conductor-mw agents drain big --store sqlite:conductor.db
  conductor-mw agents drain big --policy conductor.yaml --for 1h --because "new keys" --by ana""",
)
@_agent
@click.option("--for", "length", metavar="TIME", help="After which it works again, such as 1h.")
@click.option("--anyway", is_flag=True, help="Also where no process has named such an agent yet.")
@_by_somebody
def drain(
    agent: str,
    length: str | None,
    anyway: bool,
    by: str | None,
    because: str,
    store: str | None,
    policy: Path | None,
    form: str,
) -> None:
    """Ask an agent no longer, until it is resumed.

    Calls that are under way go on. Conditions see the agent as open, and whoever calls it gets the
    failure circuit_open, which says who drained it and why.
    """
    from .records import Note

    utc = time.time()
    until = None if length is None else utc + _seconds(length)
    mark = Note(by or _login(), because, utc, until)
    change = _Change(agent, utc, known=not anyway)
    change.write(lambda record: record.with_note(mark), store, policy)
    change.report(form)


@agents.command(
    "resume",
    cls=Command,
    epilog="""
  conductor-mw agents resume big --store sqlite:conductor.db
  conductor-mw agents resume big --policy conductor.yaml --because "new keys work" --by ana""",
)
@_agent
@_by_somebody
def resume(
    agent: str, by: str | None, because: str, store: str | None, policy: Path | None, form: str
) -> None:
    """Ask an agent again, and close its circuit."""
    from .records import Note

    utc = time.time()
    mark = Note(by or _login(), because, utc, resumed=True)
    change = _Change(agent, utc, known=False)
    change.write(lambda record: record.with_note(mark).with_trip(None), store, policy)
    change.report(form)


class _Change:
    """Changes the record of an agent in a store, and says what it is now."""

    def __init__(self, agent: str, utc: float, *, known: bool) -> None:
        self._agent = agent
        self._utc = utc
        self._known = known
        self._after: dict[str, object] = {}

    def write(
        self, change: Callable[[Record], Record], store: str | None, policy: Path | None
    ) -> None:
        """Write it.

        Raises:
            ConductorError: no process has such an agent, or the store is not there.
        """
        from .ledger import Ledger

        with opened_store(store, policy) as kept:
            if kept is None:
                raise ConductorError("the store is not there yet", mend="start the app first")
            ledger = Ledger(kept)
            known = ledger.read(self._utc).known
            if self._known and self._agent not in known:
                raise ConductorError(
                    f"no process that uses this store has an agent {self._agent[:80]!r}",
                    mend=f"{nearest(self._agent, known)} (--anyway drains it all the same)",
                )
            record = ledger.change(self._agent, change, self._utc).records[self._agent]
        self._after = described(self._agent, record, self._utc)

    def report(self, form: str) -> None:
        """Say what the record is now."""
        if form == "json":
            say_json(self._after)
            return
        until = f" until {self._after['until']}" if self._after["until"] else ""
        say(harmless(f"agent {self._agent!r}: {self._after['state']}{until}"))


def described(agent: str, record: Record, utc: float) -> dict[str, object]:
    """Give what is known of an agent, as plain JSON."""
    state, until = "working", None
    drained = record.note is not None and record.note.holds(utc)
    if drained and record.note is not None:
        state, until = "drained", record.note.until
    elif record.trip is not None:
        wait = record.trip.wait(utc)
        state, until = ("open", record.trip.until) if wait else ("half-open", None)
    noted = record.note
    return {
        "agent": agent,
        "state": state,
        "until": None if until is None else _moment(until),
        "times": 0 if record.trip is None else record.trip.times,
        "by": "" if noted is None else noted.by,
        "because": "" if noted is None else noted.because,
        "at": None if noted is None else _moment(noted.at),
    }


def _moment(utc: float) -> str:
    try:
        return datetime.fromtimestamp(utc, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"second {utc:g}"


def _seconds(length: str) -> float:
    adapter: TypeAdapter[float] = TypeAdapter(Duration)
    try:
        return adapter.validate_python(length)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConductorError(f"--for: {message}") from None


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise ConductorError("the system does not say who you are", mend="give --by") from error
