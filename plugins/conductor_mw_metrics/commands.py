"""`conductor-mw stats`."""

from __future__ import annotations

import click


def add_stats(group: click.Group) -> None:
    """Add the command."""
    del group
