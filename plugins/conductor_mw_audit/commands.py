"""`conductor-mw audit`: look records up, and find out whether anybody changed them."""

from __future__ import annotations

import click

from conductor_mw.cli import Group


@click.group(
    cls=Group,
    epilog="""
  conductor-mw audit verify --store sqlite:conductor.db""",
)
def audit() -> None:
    """Look up what was recorded, and find out whether anybody changed it."""
