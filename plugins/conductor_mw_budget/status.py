"""How a budget stands, for apps, pages and tests."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from conductor_mw import Money

if TYPE_CHECKING:
    from .account import Account
    from .counted import Counted


class Status(NamedTuple):
    """How one budget stands for one key in its period, as far as this process knows.

    Attributes:
        budget: the budget's name.
        key: whose it is, as people may see it.
        spent: what was charged.
        held: what this process holds for calls under way.
        left: what is neither spent nor in anybody's hands.
        dollars: how much may be spent.
        reset: the moment at which the next period begins, or None where there is none.
    """

    budget: str
    key: str
    spent: Money
    held: Money
    left: Money
    dollars: Money
    reset: datetime | None

    @classmethod
    def of(cls, budget: Counted, account: Account) -> Status:
        """Give how a budget stands."""
        told = 0 if account.lease is None else account.lease.spent
        return cls(
            budget.id,
            account.who,
            Money(account.spent + told),
            Money(account.held),
            Money(max(0, budget.cap.nano - spent_and_held(account))),
            Money(budget.cap.nano),
            reset_of(account),
        )


def spent_and_held(account: Account) -> int:
    """Give what is spent or held of an account, by anybody, as far as this process knows."""
    if account.lease is None:
        return account.spent + account.held
    return account.lease.seen - max(0, account.free)


def reset_of(account: Account) -> datetime | None:
    """Give the moment at which an account's period is over, or None where it never is."""
    return None if math.isinf(account.end) else datetime.fromtimestamp(account.end, UTC)
