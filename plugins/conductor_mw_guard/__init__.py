"""Find personal data, secrets and injections, and limit what a request may be.

.. code-block:: yaml

    plugins:
      guard: {pii: [email, phone, iban, card], redact: true}
"""

from __future__ import annotations

from conductor_mw import RegisterLayer, RegisterSignal, hookimpl

from .options import GuardOptions
from .signals import guard_signals

__all__ = ["GuardOptions", "conductor_layers", "conductor_signals"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("guard", GuardOptions, rank=15)


@hookimpl
def conductor_signals(register: RegisterSignal) -> None:
    """Offer the signals, over the usual kinds; a policy that names the layer may choose others."""
    for signal in guard_signals():
        register(signal)
