"""The hooks of the integration: `conductor-mw serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conductor_mw import hookimpl

if TYPE_CHECKING:
    import click

__all__ = ["conductor_commands"]


@hookimpl
def conductor_commands(group: click.Group) -> None:
    """Offer `conductor-mw serve`."""
    from .command import serve

    group.add_command(serve)
