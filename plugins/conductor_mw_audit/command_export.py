"""`conductor-mw audit export`: records as lines that other tools read."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from conductor_mw import ConductorError
from conductor_mw.cli.door import Command, harmless

from .asked import wanted_of, wanted_options, where_option
from .entry import HEAD, Stored

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would carry out."""


@click.command(
    "export",
    cls=Command,
    epilog="""
  conductor-mw audit export --since 30d --out records.jsonl
  conductor-mw audit export --kind call --format csv --out calls.csv""",
)
@where_option
@wanted_options
@click.option(
    "--format", "form", type=click.Choice(("jsonl", "csv")), default="jsonl", show_default=True,
    help="How to write.",
)  # fmt: skip
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="OUT", help="Write to this file."
)
def export(path: str, form: str, out: Path | None, **asked: Any) -> None:
    """Write the records that are asked for, one a line, the oldest first.

    A line of jsonl is a record exactly as the tree's leaf was made of it, with its number and seal
    beside it. A row of csv holds what records are looked up by, and the whole record.
    """
    from .records import opened

    wanted = wanted_of(**asked)
    with opened(path) as records:
        lines = _csv(records.find(wanted)) if form == "csv" else _jsonl(records.find(wanted))
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


def _csv(found: Iterable[Stored]) -> Iterator[str]:
    yield _row(["number", *HEAD, "record"])
    for one in found:
        yield _row([one.number, *one.head, one.body])


def _row(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULAS):
        return f"'{cell}"
    return "" if cell is None else cell


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as out:
            out.writelines(lines)
    except OSError as error:
        raise ConductorError(
            f"the file cannot be written: {error.strerror or error}", where=path
        ) from error
