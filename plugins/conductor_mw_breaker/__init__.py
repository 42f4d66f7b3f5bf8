"""Stop asking an agent that fails, and find out carefully when it works again.

.. code-block:: yaml

    plugins:
      breaker: {error_rate: 0.5, min_calls: 10, open_for: 30s}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conductor_mw import RegisterLayer, hookimpl

from .options import BreakerOptions, OwnBreaker

if TYPE_CHECKING:
    import click

__all__ = ["BreakerOptions", "OwnBreaker", "conductor_commands", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("breaker", BreakerOptions, rank=50, own=OwnBreaker)


@hookimpl
def conductor_commands(group: click.Group) -> None:
    """Offer `conductor-mw agents`."""
    from .commands import agents

    group.add_command(agents)
