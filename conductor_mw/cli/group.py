"""`conductor-mw` itself: finds commands, and turns every error into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final, NoReturn

import click

from conductor_mw.errors import ConductorError, PluginError, PolicyError, nearest

from . import console
from .command import write_commands, write_examples

COMMANDS: Final = (
    "init", "check", "explain", "graph", "schema", "run", "review", "worker", "plugins",
)  # fmt: skip
"""Our commands in the order in which people meet them; one file each."""

LATER: Final = ("serve", "stats", "audit", "policies", "agents", "cache")
"""Commands of the plugins we ship, in the order in which people meet them: after all of ours but
the last."""

COULD_NOT_RUN: Final = 1
INTERRUPTED: Final = 130
TRACEBACK: Final = "CONDUCTOR_TRACEBACK"

_EXAMPLES: Final = """
  conductor-mw check conductor.yaml
  conductor-mw explain conductor.yaml "When do you open?"
  conductor-mw run conductor.yaml requests.jsonl"""


class Commands(click.Group):
    """A group that imports a command when it is asked for, and plugins' when they are needed."""

    _asked_plugins = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order in which people meet them; those of strangers before last."""
        self._ask_plugins()
        others = sorted(set(super().list_commands(ctx)) - {*COMMANDS, *LATER})
        shipped = (name for name in LATER if name in self.commands)
        return [*COMMANDS[:-1], *shipped, *others, COMMANDS[-1]]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give the command of that name, or None."""
        if cmd_name in COMMANDS:
            command: click.Command = getattr(import_module(f"{__package__}.{cmd_name}"), cmd_name)
            return command
        self._ask_plugins()
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for.

        Raises:
            ConductorError: there is none; the mend names the one that was probably meant.
        """
        if self.get_command(ctx, args[0]) is None:
            raise ConductorError(
                f"no command {args[0][:80]!r}", mend=nearest(args[0], self.list_commands(ctx))
            )
        return super().resolve_command(ctx, args)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Take in a plugin's command.

        Raises:
            PluginError: the name is taken.
        """
        name = name or cmd.name or ""
        if name in COMMANDS or name in self.commands:
            raise PluginError(
                f"the command {name!r} is offered twice", mend="Uninstall one of the plugins."
            )
        super().add_command(cmd, name)

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> NoReturn:
        """Run a command and leave with its exit code; no error shows a traceback."""
        options["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # A terminal that knows no such letter gets a question mark, not an error.
                stream.reconfigure(errors="replace")
        try:
            result = super().main(args, *more, **options)
        except Exception as error:  # told in one line, and the exit code says that it failed
            if os.environ.get(TRACEBACK):
                raise
            sys.exit(_told(error))
        sys.exit(result if isinstance(result, int) else 0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, none cut."""
        write_commands(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        del ctx
        write_examples(self.epilog or "", formatter)

    def _ask_plugins(self) -> None:
        if self._asked_plugins:
            return
        from conductor_mw import plugins

        before = dict(self.commands)
        try:
            plugins.installed().add_commands(self)
        except BaseException:
            # Who asks again in this process meets the same error, and not half of the commands.
            self.commands = before
            raise
        self._asked_plugins = True


@click.group(cls=Commands, epilog=_EXAMPLES)
@click.version_option(package_name="conductor-mw", prog_name="conductor-mw")
def main() -> None:
    """Check, explain, draw and run the routing policy of an LLM app.

    Exit codes: 0 fine, 1 could not run, 2 found something.
    """


def _told(error: Exception) -> int:
    """Say what went wrong on stderr; gives the exit code."""
    if isinstance(error, click.Abort):
        console.note("interrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        _tell_usage(error)
        return COULD_NOT_RUN
    if isinstance(error, PolicyError):
        for finding in error.findings:
            console.note(str(finding))
        return COULD_NOT_RUN
    if isinstance(error, ConductorError):
        console.note(str(error))
        return COULD_NOT_RUN
    if isinstance(error, OSError):
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        console.note(f"{where}the system refused: {error.strerror or error}")
        if where:
            console.note("  check its path and permissions")
        return COULD_NOT_RUN
    problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    console.note(f"conductor-mw failed: {problem}")
    console.note(f"  set {TRACEBACK}=1 to see where, and please report it")
    return COULD_NOT_RUN


def _tell_usage(error: click.ClickException) -> None:
    """Say what is wrong with the arguments, and where to read about them."""
    console.note(error.format_message())
    ctx = getattr(error, "ctx", None)
    if isinstance(ctx, click.Context):
        console.note(f"  {ctx.get_usage()}")
        console.note(f"  see: {ctx.command_path} --help")
