"""Answer from memory what was answered before, for the same tenant only.

.. code-block:: yaml

    signals:
      tenant: {from: metadata.tenant, type: string}
    plugins:
      cache: {ttl: 1h, scope: tenant}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conductor_mw import RegisterLayer, hookimpl

from .options import CacheOptions, OwnCache

if TYPE_CHECKING:
    import click

__all__ = ["CacheOptions", "OwnCache", "conductor_commands", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("cache", CacheOptions, rank=20, own=OwnCache)


@hookimpl
def conductor_commands(group: click.Group) -> None:
    """Offer `conductor-mw cache`."""
    from .commands import cache

    group.add_command(cache)
