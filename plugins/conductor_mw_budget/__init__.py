"""Reserve what a call may cost before it is made, and settle what it did cost.

.. code-block:: yaml

    plugins:
      budget: {per: tenant, dollars: 20, every: day, alert_at: [0.8, 0.95]}

Several budgets hold at once, all or none of them:

.. code-block:: yaml

    plugins:
      budget:
        budgets:
          - {id: team, per: metadata.team, dollars: 5, every: hour}
          - {dollars: 0.10, every: request}
          - {per: tenant, agents: [large], dollars: 100, every: month}
"""

from __future__ import annotations

from conductor_mw import RegisterLayer, hookimpl

from .options import BudgetEntry, BudgetOptions
from .refusals import BudgetExhausted

__all__ = ["BudgetEntry", "BudgetExhausted", "BudgetOptions", "conductor_layers"]


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("budget", BudgetOptions, rank=40)
