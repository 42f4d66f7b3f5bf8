"""Hold requests, tokens and concurrency below what was agreed.

.. code-block:: yaml

    plugins:
      limits: {per: tenant, requests: 60/m, tokens: 100000/m, concurrent: 10, wait: 2s}
"""

from __future__ import annotations

from conductor_mw import RegisterLayer, hookimpl

from .options import LimitsOptions, OneLimit

__all__ = ["LimitsOptions", "OneLimit", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("limits", LimitsOptions, rank=30)
