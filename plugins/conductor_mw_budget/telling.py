"""Tell what happens to budgets: as events, and in the log `conductor_mw`."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from conductor_mw import Money

if TYPE_CHECKING:
    from conductor_mw import Attempted, Setting, StoreError

    from .account import Account, Hold
    from .counted import Counted
    from .lease import Notice

_LOG: Final = logging.getLogger("conductor_mw")
_QUIET: Final = 60.0


class Teller:
    """Tells alerts, exhausted budgets, overdrafts and full charges.

    Args:
        setting: whom to tell.
        ids: the budgets' names for people, by their names among accounts.
    """

    def __init__(self, setting: Setting, ids: Mapping[str, str]) -> None:
        self._setting = setting
        self._ids = ids
        self._silent_until = -math.inf

    async def settled(
        self, attempt: Attempted, hold: Hold, budgets: Sequence[Counted], charge: int, *, full: bool
    ) -> None:
        """Tell what a settled call brought about."""
        run, path, number = attempt.run, attempt.path, attempt.number
        if full:
            outcome = attempt.outcome
            _LOG.debug("agent %r: charged in full, %s", attempt.agent.id, Money(charge))
            await run.tell(
                "budget.charged_in_full",
                path,
                number,
                agent=attempt.agent.id,
                dollars=charge / 1e9,
                finish=outcome.finish if outcome else "",
            )
        for account, budget in zip(hold.accounts, budgets, strict=True):
            if account.lease is not None:
                continue  # the store knows what all processes spent: it is told from there
            for share in budget.cap.crossed(account.told, account.spent):
                account.told = share
                data = _alert(budget.id, account, share, account.spent, budget.cap.nano)
                await run.tell("budget.alert", path, number, **data)
        if charge > hold.amount:
            over = Money(charge - hold.amount)
            _LOG.warning(
                "agent %r cost %s more than the %s that were held for it",
                attempt.agent.id, over, Money(hold.amount),
            )  # fmt: skip
            await run.tell(
                "budget.overdraft",
                path,
                number,
                agent=attempt.agent.id,
                dollars=over.dollars,
                held=hold.amount / 1e9,
            )

    async def exhausted(self, attempt: Attempted, account: Account, budget: Counted) -> None:
        """Tell that nothing is left, once a period."""
        if account.exhausted:
            return
        account.exhausted = True
        data = _exhausted(budget.id, account, account.spent, budget.cap.nano)
        await attempt.run.tell("budget.exhausted", attempt.path, attempt.number, **data)

    def notice(self, account: Account, notice: Notice) -> None:
        """Tell what the store made known of a shared account; in whichever thread that was."""
        name = account.name.rpartition("/")[0].rpartition("/")[0]
        budget = self._ids.get(name, name)
        if notice.what == "alert":
            data = _alert(budget, account, notice.share, notice.spent, notice.cap)
            self._setting.tell("budget.alert", run="", **data)
        else:
            data = _exhausted(budget, account, notice.spent, notice.cap)
            self._setting.tell("budget.exhausted", run="", **data)

    def away(self, error: StoreError) -> None:
        """Log that the store is away, once a minute."""
        now = self._setting.clock.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _QUIET
            _LOG.warning("the store of shared budgets is away: %s", error)


def _alert(budget: str, account: Account, share: float, spent: int, cap: int) -> dict[str, object]:
    _LOG.warning(
        "budget %s%s: %s of %s are spent (%g %%)",
        budget, _of(account), Money(spent), Money(cap), share * 100,
    )  # fmt: skip
    return {**_data(budget, account, spent, cap), "threshold": share}


def _exhausted(budget: str, account: Account, spent: int, cap: int) -> dict[str, object]:
    _LOG.warning(
        "budget %s%s: no room for another call; %s of %s are spent",
        budget, _of(account), Money(spent), Money(cap),
    )  # fmt: skip
    return _data(budget, account, spent, cap)


def _data(budget: str, account: Account, spent: int, cap: int) -> dict[str, object]:
    reset = None if math.isinf(account.end) else account.end
    return {
        "budget": budget,
        "key": account.who,
        "spent": spent / 1e9,
        "dollars": cap / 1e9,
        "reset": reset,
    }


def _of(account: Account) -> str:
    return f" of {account.who!r}" if account.who else ""
