"""`conductor-mw audit export`: records as lines that other tools read."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from conductor_mw import ConductorError
from conductor_mw.cli.door import Command, harmless

from .asked import wanted_of, wanted_options, where_option
from .entry import HEAD, Stored
from .evaluation import COLUMNS, evaluation
from .parquet import write_parquet

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would carry out."""


@click.command(
    "export",
    cls=Command,
    epilog="""
  conductor-mw audit export --since 30d --out records.jsonl
  conductor-mw audit export --kind call --format csv --out calls.csv
  conductor-mw audit export --for evaluation --since 30d --out outcomes.jsonl""",
)
@where_option
@wanted_options
@click.option(
    "--format", "form", type=click.Choice(("jsonl", "csv", "parquet")), default="jsonl",
    show_default=True, help="How to write.",
)  # fmt: skip
@click.option(
    "--for", "purpose", type=click.Choice(("records", "evaluation")), default="records",
    show_default=True, help="What a row is: a record, or a request with all that was said of it.",
)  # fmt: skip
@click.option("--content", is_flag=True, help="With --for evaluation: decrypt what people said.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="OUT", help="Write to this file."
)
def export(
    path: str, form: str, out: Path | None, purpose: str, content: bool, **asked: Any
) -> None:
    """Write records, one a line, the oldest first.

    A line of jsonl is a record exactly as the tree's leaf was made of it, with its number and seal
    beside it. A row of csv and parquet holds what records are looked up by, and the whole record.

    With `--for evaluation` a row is a request: its signals, what decided, every attempt, its cost,
    and the feedback, verdicts and scores that came since, for learning, replay and other tools.
    """
    from .records import opened

    wanted = wanted_of(**asked)
    if content and purpose != "evaluation":
        raise ConductorError("records go out as they are", mend="Add --for evaluation.")
    if form == "parquet" and out is None:
        raise ConductorError("Parquet is not for a terminal", mend="Add --out FILE.")
    with opened(path) as records:
        if purpose == "evaluation":
            rows: Iterator[Mapping[str, Any]] = evaluation(records, wanted, content=content)
        else:
            rows = (_plain(one) for one in records.find(wanted))
        columns = COLUMNS if purpose == "evaluation" else ("number", *HEAD, "record")
        if form == "parquet" and out is not None:
            _write(out, ())  # so that it is its owner's alone
            write_parquet(out, columns, rows)
            return
        if form == "csv":
            lines = _csv(columns, rows)
        elif purpose == "evaluation":
            lines = (json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        else:
            lines = _jsonl(records.find(wanted))
        if out is None:
            for line in lines:
                sys.stdout.write(harmless(line))
        else:
            _write(out, lines)


def _jsonl(found: Iterable[Stored]) -> Iterator[str]:
    for one in found:
        # The body goes out byte for byte, so that its hash can be worked out again.
        said = json.dumps({"number": one.number, "seal": one.seal.hex()}, separators=(",", ":"))
        yield f'{said[:-1]},"record":{one.body}}}\n'


def _plain(one: Stored) -> dict[str, Any]:
    return {"number": one.number, **dict(zip(HEAD, one.head, strict=True)), "record": one.body}


def _csv(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    names = list(columns)
    yield _row(names)
    for row in rows:
        yield _row([row.get(name) for name in names])


def _row(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULAS):
        return f"'{cell}"
    if isinstance(cell, dict | list):
        return json.dumps(cell, separators=(",", ":"))
    return "" if cell is None else cell


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        # Its owner's alone: what people said may stand in it.
        file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(file, "w", encoding="utf-8", newline="") as out:
            out.writelines(lines)
    except OSError as error:
        raise ConductorError(
            f"the file cannot be written: {error.strerror or error}", where=path
        ) from error
