"""`conductor-mw audit query`: what happened, to whom, and why?"""

from __future__ import annotations

from typing import Any, Final, cast

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
    """Give the newest records that are asked for, the oldest first.

    JSON gives them whole. There `number` is the record's; the number of a call is its `attempt`.
    """
    from .records import opened

    wanted = wanted_of(**asked)
    with opened(path) as records:
        found = records.newest(limit, wanted) if limit else list(records.find(wanted))
    if form == "json":
        say_json([_plain(one) for one in found])
    elif found:
        say(table(_COLUMNS, [_row(one) for one in found]))
    else:
        note("there is no such record")


def _plain(record: Stored) -> dict[str, Any]:
    data = dict(record.data)
    if "number" in data:
        data["attempt"] = data.pop("number")
    return {"number": record.number, **data}


_SHORT_RUN: Final = 8
"""Letters of a run's id that are shown; `--run` takes them."""

_COLUMNS: Final = (
    Column("number", right=True, style="quiet"),
    Column("time (UTC)", least=10, tail=True),
    Column("kind", style="name"),
    Column("run"),
    Column("agent", least=8),
    Column("rule", least=6),
    Column("tenant", least=6),
    Column("what", least=12),
)


def _row(record: Stored) -> list[str]:
    head = record.head
    return [
        str(record.number),
        written_moment(head.time)[:19],
        head.kind,
        (head.run or "")[:_SHORT_RUN],
        head.agent or "",
        head.rule or "",
        head.tenant or "",
        _said(record.data),
    ]


def _said(data: dict[str, Any]) -> str:
    """Give in a few words what a record says."""
    said: list[str] = []
    failed = data.get("failed")
    if isinstance(failed, list) and failed:
        said.append(str(failed[0] or failed[-1]))  # pyright: ignore[reportUnknownArgumentType] - JSON of a record
    for name in ("target", "finish", "by", "verdict", "because", "of"):
        value = data.get(name)
        if isinstance(value, str) and value:
            said.append(value)
    tokens = data.get("tokens")
    if isinstance(tokens, list):
        said.append(f"{tokens[0]}+{tokens[1]} tokens")
    cost = data.get("cost_nano")
    if isinstance(cost, int):
        said.append(f"${cost / 1e9:.6f}".rstrip("0").rstrip("."))
    more = data.get("data")
    if isinstance(more, dict):
        said += [
            f"{key}={value}"
            for key, value in cast("dict[str, object]", more).items()
            if value not in ("", None) and not isinstance(value, dict)
        ]
    return ", ".join(said)
