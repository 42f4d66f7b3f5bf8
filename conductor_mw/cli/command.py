"""What our commands have in common: their help ends in examples that can be run as they stand."""

from __future__ import annotations

from typing import Final

import click

_WHOLE: Final = 1_000
"""Letters of a summary: more than any has, because a narrow terminal breaks and never cuts it."""


class Command(click.Command):
    """A command whose `epilog` holds one example a line."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on its own line however long it is."""
        del ctx
        write_examples(self.epilog or "", formatter)


def write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    """Write a block of examples that no width breaks: what is printed can be copied."""
    formatter.write("\nExamples:\n")
    for line in examples.strip().splitlines():
        formatter.write(f"  {line.strip()}\n")


def write_commands(group: click.Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write what stands below a group, each with the whole sentence that sums it up."""
    found = ((name, group.get_command(ctx, name)) for name in group.list_commands(ctx))
    rows = [
        (name, command.get_short_help_str(limit=_WHOLE))
        for name, command in found
        if command is not None and not command.hidden
    ]
    if rows:
        with formatter.section("Commands"):
            formatter.write_dl(rows)
