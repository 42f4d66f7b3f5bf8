"""`conductor-mw policies`: which policies ran, what they said, and how to have one back."""

from __future__ import annotations

import time
from pathlib import Path

import click

from conductor_mw import ConductorError
from conductor_mw.cli.door import (
    FOUND,
    Column,
    Command,
    Group,
    format_option,
    harmless,
    load_policy,
    note,
    say,
    say_json,
    table,
)

from .archived_policies import Archived, archive_of, archived_policy, write_back
from .asked import login, where_option, written_moment
from .entry import Entry
from .records import Records, opened

_SHORT = 12


@click.group(
    cls=Group,
    epilog="""
  conductor-mw policies list
  conductor-mw policies rollback 3edc4dbf --policy conductor.yaml""",
)
def policies() -> None:
    """Look at the policies that ran, and take one back.

    The audit archives every policy that answers a request, with the text of all its files.

    Exit codes: 0 fine, 1 could not run, 2 an archived text is not the one that ran.
    """


@policies.command(
    "list",
    cls=Command,
    epilog="""
  conductor-mw policies list --path conductor.db --format json""",
)
@where_option
@format_option("pretty", "json")
@click.pass_context
def list_policies(ctx: click.Context, path: str, form: str) -> None:
    """Give every policy that ran, the oldest first."""
    with opened(path) as records:
        found = archive_of(records)
    if form == "json":
        say_json([one.named() for one in found])
    elif found:
        say(table(_COLUMNS, [_row(one) for one in found]))
    else:
        note("no policy is archived here")
    ctx.exit(FOUND if any(one.intact is False for one in found) else 0)


@policies.command(
    "show",
    cls=Command,
    epilog="""
  conductor-mw policies show 3edc4dbf
  conductor-mw policies show 3edc4dbf --file conductor.yaml > before.yaml""",
)
@where_option
@click.argument("fingerprint")
@click.option("--file", "file", metavar="NAME", help="Only this one of its files, as it was.")
@format_option("pretty", "json")
def show(path: str, fingerprint: str, file: str | None, form: str) -> None:
    """Give the text of a policy that ran.

    The beginning of its fingerprint is enough.
    """
    with opened(path) as records:
        found = archived_policy(records, fingerprint)
    if form == "json":
        say_json({**found.named(), "documents": dict(found.documents)})
        return
    for name, text in found.documents.items():
        if file is None:
            note(f"# {name}")
        if file is None or Path(name).name == Path(file).name:
            say(harmless(text.removesuffix("\n")))


@policies.command(
    "rollback",
    cls=Command,
    epilog="""
  conductor-mw policies rollback 3edc4dbf --policy conductor.yaml
  conductor-mw policies rollback 3edc4dbf --policy conductor.yaml --yes --by ana""",
)
@where_option
@click.argument("fingerprint")
@click.option(
    "--policy", "policy", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="The policy's outermost file, which is written over.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--by", metavar="NAME", help="Who wants it; your login name by default.")
def rollback(path: str, fingerprint: str, policy: Path, yes: bool, by: str | None) -> None:
    """Write a policy that ran into its files again, and record it.

    Apps that reload their policy take it within seconds. What stands in the files now is not kept,
    unless it ran: then it is in the archive too.
    """
    with opened(path) as records:
        found = archived_policy(records, fingerprint)
        _check_ran(records, policy)
        names = ", ".join(Path(name).name for name in found.documents)
        if not yes:
            when = written_moment(found.time)[:19]
            click.confirm(f"Write the policy of {when} UTC into {names}?", abort=True, err=True)
        written = write_back(found, policy)
        now = time.time()
        data = {
            "policy": found.fingerprint,
            "by": by or login(),
            "files": [p.name for p in written],
        }
        records.add(Entry(kind="rolled_back", time=now, data=data), now)
    say(f"{names} as of {written_moment(found.time)[:19]} UTC")
    loaded = load_policy(policy)
    if loaded.fingerprint != found.fingerprint:
        note(
            f"here it means something else: {loaded.fingerprint[:_SHORT]}, because of the "
            "environment, or of plugins of another version"
        )


def _check_ran(records: Records, policy: Path) -> None:
    if not policy.exists():
        return
    try:
        text = policy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConductorError("the file cannot be read", where=policy) from error
    if all(text not in one.documents.values() for one in archive_of(records)):
        note(f"what stands in {policy.name} now never ran, so it is not in the archive")


_COLUMNS = (
    Column("fingerprint", style="name"),
    Column("archived (UTC)"),
    Column("policy", least=8),
    Column("files", least=12),
    Column("", style="bad"),
)


def _row(one: Archived) -> list[str]:
    return [
        one.fingerprint[:_SHORT],
        written_moment(one.time)[:19],
        one.name,
        ", ".join(Path(name).name for name in one.documents),
        "changed" if one.intact is False else "",
    ]
