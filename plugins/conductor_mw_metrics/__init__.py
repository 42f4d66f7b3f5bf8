"""Count what agents do, and show it in the terminal, Prometheus and OpenTelemetry.

.. code-block:: yaml

    plugins:
      metrics: {path: conductor.db, labels: [tenant]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conductor_mw import Conductor, ConductorError, RegisterLayer, hookimpl

from .layer import Metrics
from .options import MetricsOptions

if TYPE_CHECKING:
    import click

    from .prometheus import Collector

__all__ = ["Metrics", "MetricsOptions", "collector", "conductor_commands", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer: outermost, so that it sees what every other one does."""
    register("metrics", MetricsOptions, rank=5)


@hookimpl
def conductor_commands(group: click.Group) -> None:
    """Offer `conductor-mw stats`."""
    from .commands import add_stats

    add_stats(group)


def collector(conductor: Conductor) -> Collector:
    """Give a prometheus-client collector of what a conductor counted, for a registry of your own.

    Example:
        registry = CollectorRegistry()
        registry.register(conductor_mw_metrics.collector(conductor))

    Raises:
        ConductorError: its policy has no layer `metrics`, or prometheus-client is not installed.
    """
    from .prometheus import collector_of

    layer = conductor.layer("metrics")
    if not isinstance(layer, Metrics):
        raise ConductorError(f"the layer 'metrics' is a {type(layer).__name__}")
    return collector_of(layer)
