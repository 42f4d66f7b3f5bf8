"""What the commands of plugins may use, so that they look and behave like ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from conductor_mw.durations import seconds
from conductor_mw.errors import ConductorError, Finding, nearest

from .arguments import format_option, out_option, policy_file, write_text
from .command import Command, write_commands, write_examples
from .console import (
    Column,
    Style,
    aside,
    colour,
    fit,
    harmless,
    is_terminal,
    note,
    paint,
    say,
    say_json,
    table,
    width,
)
from .progress import progress
from .shared_state import opened_store, store_options

if TYPE_CHECKING:
    from conductor_mw.policy import Policy

FOUND = 2
"""The exit code of a command that found something."""


def load_policy(path: Path) -> Policy:
    """Give the compiled policy of a file; what only the app can give counts as given.

    Raises:
        ConductorError: it cannot be read, or not be used as written.
    """
    from conductor_mw.workbench.load import load

    return load(path)


def check_policy(policy: Policy) -> tuple[Finding, ...]:
    """Give what `conductor-mw check` says about a policy that compiles."""
    from conductor_mw.workbench.check import check

    return check(policy)


class Group(click.Group):
    """Commands below one word, in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order in which they were added."""
        del ctx
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for.

        Raises:
            ConductorError: there is none; the mend names the one that was probably meant.
        """
        if self.get_command(ctx, args[0]) is None:
            raise ConductorError(
                f"no command {args[0][:80]!r} below {ctx.command_path!r}",
                mend=nearest(args[0], self.commands),
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, none cut."""
        write_commands(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, one a line, as they stand in `epilog`."""
        del ctx
        write_examples(self.epilog or "", formatter)


__all__ = [
    "FOUND",
    "Column",
    "Command",
    "Group",
    "Style",
    "aside",
    "check_policy",
    "colour",
    "fit",
    "format_option",
    "harmless",
    "is_terminal",
    "load_policy",
    "note",
    "opened_store",
    "out_option",
    "paint",
    "policy_file",
    "progress",
    "say",
    "say_json",
    "seconds",
    "store_options",
    "table",
    "width",
    "write_text",
]
