"""What every command prints with: cleaned text, colour only where a terminal wants it, tables."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from unicodedata import category

import click

from conductor_mw.workbench.graph.lettering import cells, clean, ending, shorten

Style = Literal["", "name", "good", "bad", "warn", "value", "quiet", "head"]

_STYLES: Final[dict[Style, dict[str, Any]]] = {
    "": {},
    "name": {"bold": True},
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "warn": {"fg": "yellow"},
    "value": {"fg": "cyan"},
    "quiet": {"dim": True},
    "head": {"bold": True},
}
_WIDTH: Final = 100
_NARROWEST: Final = 40
_GAP: Final = "  "
_STEERS: Final = frozenset({"Cc", "Cs", "Cf"})


def say(text: str = "") -> None:
    """Print on stdout; what a stranger wrote must be cleaned already."""
    click.echo(text, color=colour())


def note(text: str) -> None:
    """Print on stderr; whatever could steer a terminal is replaced."""
    click.echo(harmless(text), err=True, color=colour())


def aside(text: str) -> None:
    """Print on stderr, painted; what a stranger wrote must be cleaned already."""
    click.echo(text, err=True, color=colour())


def say_json(value: object) -> None:
    """Print plain JSON on stdout."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    if harmless(text) != text:  # JSON can say in ASCII what would steer a terminal
        text = json.dumps(value, indent=2).replace("\x7f", "\\u007f")
    click.echo(text, color=False)


def harmless(text: str) -> str:
    r"""Give text of several lines in which nothing can steer a terminal.

    >>> harmless("a\x1b[31m\nb")
    'a\ufffd[31m\nb'
    """
    return "".join(
        letter if letter in "\n\t" or category(letter) not in _STEERS else "\ufffd"
        for letter in text
    )


def colour() -> bool | None:
    """Whether to paint: no, yes, or as the stream at hand says."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def paints(*, err: bool = False) -> bool:
    """Whether text on this stream will be painted."""
    asked = colour()
    return is_terminal(err=err) if asked is None else asked


def is_terminal(*, err: bool = False) -> bool:
    """Whether a person looks at this stream."""
    stream = sys.stderr if err else sys.stdout
    return stream.isatty()


def width() -> int:
    """Give the columns of the terminal; 100 where there is none."""
    return max(shutil.get_terminal_size((_WIDTH, 24)).columns, _NARROWEST)


def paint(text: str, style: Style) -> str:
    """Give text in a style; it is stripped where the stream takes no colours."""
    return click.style(text, **_STYLES[style]) if style and text.strip() else text


def measure(text: str) -> int:
    """Count the columns that a text takes once it is cleaned."""
    return cells(clean(text))


def fit(text: str, room: int) -> str:
    """Give text in exactly `room` columns, cut or filled up."""
    shown = shorten(text, room)
    return shown + " " * (room - cells(shown))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        head: its heading; where all are empty, no heading is printed.
        right: numbers stand at the right.
        style: how its cells are painted.
        least: the columns it keeps when the table is too wide; 0 where it never shrinks.
        tail: whether a cell that is cut keeps its end, as a path should, and not its beginning.
    """

    head: str = ""
    right: bool = False
    style: Style = ""
    least: int = 0
    tail: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """Give the lines of a table that fits the terminal.

    A row that is empty becomes a line across. Cells are cleaned: a policy's names and a user's
    words cannot steer the terminal.
    """
    cleaned = [[clean(cell) for cell in row] for row in rows]
    filled = [row for row in cleaned if row]
    heads = [column.head for column in columns]
    rooms = [
        max((cells(row[at]) for row in [*filled, heads]), default=0) for at in range(len(columns))
    ]
    rooms = _fit(columns, rooms, width() - indent)
    across = " " * indent + paint("─" * (sum(rooms) + len(_GAP) * (len(rooms) - 1)), "quiet")
    lines: list[str] = []
    if any(heads):
        lines.append(_line(columns, rooms, heads, indent, "quiet"))
    lines += [_line(columns, rooms, row, indent, None) if row else across for row in cleaned]
    return "\n".join(lines)


def _fit(columns: Sequence[Column], rooms: list[int], most: int) -> list[int]:
    """Take room from the widest column that can give some, until the table fits."""
    over = sum(rooms) + len(_GAP) * (len(rooms) - 1) - most
    while over > 0:
        spare = [
            (room, at)
            for at, (column, room) in enumerate(zip(columns, rooms, strict=True))
            if column.least and room > column.least
        ]
        if not spare:
            break
        _, at = max(spare)
        rooms[at] -= 1
        over -= 1
    return rooms


def _line(
    columns: Sequence[Column],
    rooms: Sequence[int],
    row: Sequence[str],
    indent: int,
    style: Style | None,
) -> str:
    parts: list[str] = []
    for column, room, cell in zip(columns, rooms, row, strict=True):
        shown = ending(cell, room) if column.tail else shorten(cell, room)
        blank = " " * (room - cells(shown))
        painted = paint(shown, column.style if style is None else style)
        parts.append(blank + painted if column.right else painted + blank)
    while parts and not click.unstyle(parts[-1]).strip():
        parts.pop()
    return (" " * indent + _GAP.join(parts)).rstrip()
