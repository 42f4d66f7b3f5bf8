"""Score a sampled share of answers off the path, and tell when they get worse.

.. code-block:: yaml

    plugins:
      quality: {share: 0.05, score: {judge: grader}, dollars: 1, every: day, alert_below: 0.7}
"""

from __future__ import annotations

from conductor_mw import RegisterLayer, hookimpl

from .options import QualityOptions
from .windows import Level

__all__ = ["Level", "QualityOptions", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("quality", QualityOptions, rank=12)
