"""`conductor-mw audit query`: what happened, to whom, and why?"""

from __future__ import annotations

from typing import Any

import click

from conductor_mw.cli.door import Column, Command, format_option, note, say, say_json, table

from .asked import wanted_of, wanted_options, where_option, written_moment
from .entry import Stored


@click.command(
    "query",
    cls=Command,
    epilog="""
  conductor-mw audit query --since 24h --tenant acme
  conductor-mw audit query --run 3edc4dbfefbc93c9 --format json
  conductor-mw audit query --kind refusal --kind gate --limit 0""",
)
@where_option
@wanted_options
@click.option(
    "--limit", default=50, show_default=True, metavar="N", type=click.IntRange(min=0),
    help="The newest so many; 0 for all of them.",
)  # fmt: skip
@format_option("pretty", "json")
def query(path: str, limit: int, form: str, **asked: Any) -> None:
    """Give the newest records that are asked for, the oldest first."""
    from .records import opened

    wanted = wanted_of(**asked)
    with opened(path) as records:
        found = records.newest(limit, wanted) if limit else list(records.find(wanted))
    if form == "json":
        say_json([{"number": one.number, **one.data} for one in found])
    elif found:
        say(table(_COLUMNS, [_row(one) for one in found]))
    else:
        note("there is no such record")


_COLUMNS = (
    Column("number", right=True, style="quiet"),
    Column("time (UTC)"),
    Column("kind", style="name"),
    Column("run", least=8),
    Column("agent", least=8),
    Column("rule", least=6),
    Column("tenant", least=6),
    Column("what", least=20),
)


def _row(record: Stored) -> list[str]:
    head = record.head
    return [
        str(record.number),
        written_moment(head.time),
        head.kind,
        head.run or "",
        head.agent or "",
        head.rule or "",
        head.tenant or "",
        _said(record.data),
    ]


def _said(data: dict[str, Any]) -> str:
    """Give in a few words what a record says."""
    said: list[str] = []
    for name in ("target", "finish", "by", "verdict", "because", "of"):
        value = data.get(name)
        if isinstance(value, str) and value:
            said.append(value)
    failed = data.get("failed")
    if isinstance(failed, list) and failed:
        said.append(str(failed[0] or failed[-1]))  # pyright: ignore[reportUnknownArgumentType] - JSON of a record
    tokens = data.get("tokens")
    if isinstance(tokens, list):
        said.append(f"{tokens[0]}+{tokens[1]} tokens")
    cost = data.get("cost_nano")
    if isinstance(cost, int):
        said.append(f"${cost / 1e9:.6f}".rstrip("0").rstrip("."))
    more = data.get("data")
    if isinstance(more, dict):
        said += [f"{key}={value}" for key, value in more.items() if not isinstance(value, dict)]  # pyright: ignore[reportUnknownVariableType] - JSON of a record
    return ", ".join(said)
