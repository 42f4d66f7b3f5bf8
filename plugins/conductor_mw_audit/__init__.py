"""Record every decision and call so that a change of any record shows.

.. code-block:: yaml

    plugins:
      audit: {path: conductor.db, content: none}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conductor_mw import RegisterLayer, hookimpl

from .options import AuditOptions
from .writer import Unrecorded

if TYPE_CHECKING:
    import click

__all__ = ["AuditOptions", "Unrecorded", "conductor_commands", "conductor_layers"]

RANK = 10


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("audit", AuditOptions, rank=RANK)


@hookimpl
def conductor_commands(group: click.Group) -> None:
    """Offer `conductor-mw audit` and `conductor-mw policies`."""
    from .commands import audit
    from .policy_commands import policies

    group.add_command(audit)
    group.add_command(policies)
