"""`conductor-mw audit prune`: drop old records, so that what is left can still be verified."""

from __future__ import annotations

import time

import click

from conductor_mw.cli.door import Command, format_option, note, say, say_json

from .asked import login, moment_of, where_option, written_moment


@click.command(
    "prune",
    cls=Command,
    epilog="""
  conductor-mw audit prune --before 180d
  conductor-mw audit prune --before 2026-01-31T00:00 --by ana""",
)
@where_option
@click.option(
    "--before", required=True, metavar="TIME",
    help="Records that began before: 180d (ago), or a moment such as 2026-01-31T12:00, UTC.",
)  # fmt: skip
@click.option("--by", metavar="NAME", help="Who wants it; your login name by default.")
@format_option("pretty", "json")
def prune(path: str, before: str, by: str | None, form: str) -> None:
    """Drop old records in whole sealed segments, and record it.

    A segment ends at a checkpoint, and goes when all its records are old. Its checkpoint stays, so
    that `audit verify` still vouches for what is left.
    """
    from .records import opened

    moment = moment_of(before, "--before")
    with opened(path) as records:
        gone, upto = records.log.prune(moment, by or login(), time.time(), compact=True)
    if form == "json":
        say_json({"records": gone, "upto": upto, "before": moment})
    elif gone:
        say(f"{gone:,} record{' is' if gone == 1 else 's are'} gone, up to number {upto:,}")
    else:
        note(f"no sealed segment is older than {written_moment(moment)} UTC")
