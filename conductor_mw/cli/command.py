"""What our commands have in common: their help ends in examples that can be run as they stand."""

from __future__ import annotations

import click


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
