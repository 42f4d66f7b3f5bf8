"""Post chosen events to an address, signed.

.. code-block:: yaml

    plugins:
      webhook: {url: "http://127.0.0.1:9000/alerts", events: [breaker.opened], secret: "${env:KEY}"}
"""

from __future__ import annotations

from conductor_mw import RegisterLayer, hookimpl

from .options import HookOptions, WebhookOptions

__all__ = ["HookOptions", "WebhookOptions", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("webhook", WebhookOptions, rank=90)
