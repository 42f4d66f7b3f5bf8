"""Answer from memory what was answered before, for the same tenant only.

.. code-block:: yaml

    signals:
      tenant: {from: metadata.tenant, type: string}
    plugins:
      cache: {ttl: 1h, scope: tenant}
"""

from __future__ import annotations

from conductor_mw import RegisterLayer, hookimpl

from .options import CacheOptions, OwnCache

__all__ = ["CacheOptions", "OwnCache", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("cache", CacheOptions, rank=20, own=OwnCache)
