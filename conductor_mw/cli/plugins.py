"""`conductor-mw plugins`: what is installed, and what does it offer?"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from . import console
from .arguments import format_option
from .command import Command

if TYPE_CHECKING:
    from conductor_mw.plugins import Installed


@click.command(
    cls=Command,
    epilog="""
  conductor-mw plugins
  conductor-mw plugins --format json""",
)
@format_option("pretty", "json")
def plugins(form: str) -> None:
    """List the plugins and what each one offers to a policy.

    A plugin that cannot load is listed with its problem and the mend.
    """
    from conductor_mw.plugins import installed

    found = installed().listing()
    if form == "json":
        console.say_json([asdict(one) for one in found])
        return
    columns = (
        console.Column("plugin", style="name"),
        console.Column("version", style="quiet"),
        console.Column("from", style="quiet"),
        console.Column("offers", least=24),
    )
    left = [max(len(text) for text in texts) for texts in _left(found)]
    room = max(console.width() - sum(left) - 6, 24)
    rows = [row for one in found for row in _rows(one, room)]
    console.say(console.table(columns, rows))
    for one in found:
        if one.problem:
            console.say()
            said = console.harmless(f"{one.name}: {one.problem}")
            console.say(f"{console.paint(said, 'bad')}\n  {console.harmless(one.mend)}")


def _left(found: Sequence[Installed]) -> Iterator[Sequence[str]]:
    yield ["plugin", *(one.name for one in found)]
    yield ["version", *(one.version for one in found)]
    yield ["from", *(one.distribution for one in found)]


def _rows(one: Installed, room: int) -> list[tuple[str, str, str, str]]:
    """Give a paragraph for each sort of offer: a plugin may offer dozens of signals."""
    sorts: dict[str, list[str]] = {}
    for offer in one.offers:
        sort, _, name = offer.rpartition(" ")
        sorts.setdefault(sort, []).append(name)
    said = [
        line
        for sort, names in sorts.items()
        for line in textwrap.wrap(
            f"{sort}: {', '.join(names)}", room, subsequent_indent="  ", break_on_hyphens=False
        )
    ] or ["cannot load" if one.problem else "nothing that a policy names"]
    first = (one.name, one.version, one.distribution, said[0])
    return [first, *(("", "", "", more) for more in said[1:])]
