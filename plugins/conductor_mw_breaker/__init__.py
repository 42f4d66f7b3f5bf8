"""Stop asking an agent that fails, and find out carefully when it works again.

.. code-block:: yaml

    plugins:
      breaker: {error_rate: 0.5, min_calls: 10, open_for: 30s}
"""

from __future__ import annotations

from conductor_mw import RegisterLayer, hookimpl

from .options import BreakerOptions, OwnBreaker

__all__ = ["BreakerOptions", "OwnBreaker", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("breaker", BreakerOptions, rank=50, own=OwnBreaker)
