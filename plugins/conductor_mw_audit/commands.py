"""`conductor-mw audit`: look records up, and find out whether anybody changed them."""

from __future__ import annotations

from typing import Final

import click

from conductor_mw.cli.door import Group

from .command_export import export
from .command_forget import forget
from .command_prune import prune
from .command_query import query
from .command_verify import verify
from .command_who_saw import who_saw

COMMANDS: Final = (query, who_saw, verify, export, prune, forget)
"""In the order in which people need them."""


@click.group(
    cls=Group,
    epilog="""
  conductor-mw audit query --tenant acme --since 24h
  conductor-mw audit who-saw --class iban
  conductor-mw audit verify --checkpoints checkpoints.jsonl""",
)
def audit() -> None:
    """Look up what was recorded, and whether anybody changed it.

    The log's key is read from the environment variable AUDIT_KEY. Without it records can be read;
    that nobody changed them is shown as far as that is possible without a secret.

    Exit codes: 0 fine, 1 could not run, 2 something was found that must not be.
    """


for _command in COMMANDS:
    audit.add_command(_command)
