"""Options that the commands share, and how their values are read."""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from conductor_mw import ConductorError

from .records import Wanted

F = TypeVar("F", bound=Callable[..., Any])
_AGO: Final = re.compile(r"(\d{1,9})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def where_option(command: F) -> F:
    """Give a command `--path`: which log it is about."""
    return click.option(
        "--path", default="conductor.db", show_default=True, metavar="PATH",
        help="The log: a file, or postgresql://...",
    )(command)  # fmt: skip


def wanted_options(command: F) -> F:
    """Give a command the options that say which records are looked for."""
    options = (
        click.option("--run", default="", metavar="ID", help="A run's id or its beginning."),
        click.option("--agent", default="", metavar="ID", help="Only what concerns this agent."),
        click.option("--rule", default="", metavar="ID", help="Only what this rule decided."),
        click.option("--tenant", default="", metavar="NAME", help="Only this tenant."),
        click.option(
            "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind; repeatable."
        ),
        click.option(
            "--since", default="", metavar="TIME",
            help="From when: 1h, 7d, or a moment such as 2026-01-31T12:00, UTC.",
        ),
        click.option("--until", default="", metavar="TIME", help="Until when."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def wanted_of(
    *,
    run: str,
    agent: str,
    rule: str,
    tenant: str,
    kinds: tuple[str, ...],
    since: str,
    until: str,
) -> Wanted:
    """Give what `wanted_options` asked for.

    Raises:
        ConductorError: a time is none.
    """
    return Wanted(
        run=run,
        agent=agent,
        rule=rule,
        tenant=tenant,
        kinds=kinds,
        since=moment_of(since, "--since") if since else None,
        until=moment_of(until, "--until") if until else None,
    )


def moment_of(text: str, option: str) -> float:
    """Give the UTC second of a moment, or of a time ago.

    Raises:
        ConductorError: it is neither.

    >>> moment_of("2026-01-31T12:00", "--since")
    1769860800.0
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return time.time() - int(ago.group(1)) * _SECONDS[ago.group(2)]
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConductorError(
            f"{option} {text[:40]!r} is no time", mend="Write 24h, 7d, or 2026-01-31T12:00."
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def login() -> str:
    """Give the name of who uses this terminal, or an empty text."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def written_moment(utc: float) -> str:
    """Write a UTC second as people read it.

    >>> written_moment(1769860800.25)
    '2026-01-31 12:00:00.250'
    """
    return f"{datetime.fromtimestamp(utc, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
