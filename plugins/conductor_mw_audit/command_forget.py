"""`conductor-mw audit forget`: let nobody read any more what a person said."""

from __future__ import annotations

import time

import click

from conductor_mw.cli.door import FOUND, Command, format_option, note, say, say_json

from .asked import login, where_option
from .entry import Entry


@click.command(
    "forget",
    cls=Command,
    epilog="""
  conductor-mw audit forget ana@example.com --by privacy-desk""",
)
@where_option
@click.argument("person")
@click.option("--by", metavar="NAME", help="Who wants it; your login name by default.")
@format_option("pretty", "json")
@click.pass_context
def forget(ctx: click.Context, path: str, person: str, by: str | None, form: str) -> None:
    """Delete the key of what a person said, and record it.

    The records themselves stay, so that the log still verifies: they hold a pseudonym, lengths and
    commitments. What was encrypted can be read by nobody any more, whatever copies of it there are.

    Exit codes: 0 forgotten, 1 could not run, 2 there was nothing to forget.
    """
    from .records import opened, subject_of

    with opened(path) as records:
        subject = subject_of(records, person)
        with records.tables.writing():
            there = records.tables.drop_key(subject)
        if there:
            now = time.time()
            said = {"by": by or login()}
            records.add(Entry(kind="forgotten", time=now, subject=subject, data=said), now)
            records.tables.erase(compact=True)
    if form == "json":
        say_json({"subject": subject, "forgotten": there})
    elif there:
        say(f"what {subject} said can be read by nobody any more")
    else:
        note("no content of this person is kept")
    ctx.exit(0 if there else FOUND)
