"""What scoring may cost in a period: taken for the worst case before a call, settled after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from conductor_mw import Failure, Io, Money, Now, StoreError, Usage

if TYPE_CHECKING:
    from conductor_mw import Attempted, Outcome, Store

_TABLE: Final = "quality"
_KEPT: Final = 40 * 86_400.0
Period: TypeAlias = Literal["hour", "day", "month"]
_FORMS: Final[dict[Period, str]] = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}


@dataclass(frozen=True, slots=True)
class Taken:
    """Money that was taken for one call.

    Attributes:
        period: the period it belongs to, whenever the call ends.
        money: the most that the call can cost.
    """

    period: str
    money: Money


@dataclass(frozen=True, slots=True)
class Purse:
    """Money for scoring. It is counted in the policy's store, together with other processes.

    Attributes:
        store: counts.
        most: what may be spent in a period.
        every: the period, by UTC's calendar.
    """

    store: Store
    most: Money
    every: Period

    async def take(self, attempt: Attempted) -> Taken:
        """Take the most that a call can cost, and hold its answer to that.

        Raises:
            Failure: of kind `budget`: it does not fit, its price is unknown, or nobody can tell.
        """
        attempt.bound()  # first: the ceiling is part of what is sent
        worst = attempt.worst_cost()
        if isinstance(worst, str):
            raise Failure("budget", f"scoring has a budget, and {worst}", agent=attempt.agent.id)
        utc = (await Now()).utc
        period = datetime.fromtimestamp(utc, UTC).strftime(_FORMS[self.every])
        try:
            got = await Io(
                lambda: self.store.take(
                    _TABLE, period, worst.nano, self.most.nano, now=utc, expires=utc + _KEPT
                )
            )
            if got < worst.nano:
                if got:
                    await self._add(period, -got)
                problem = (
                    f"scoring may spend {self.most} each {self.every}, and this may cost {worst}"
                )
                raise Failure("budget", problem, agent=attempt.agent.id)
        except StoreError as error:
            problem = f"nobody can tell what scoring has spent: {error.problem}"
            raise Failure("budget", problem, agent=attempt.agent.id) from error
        return Taken(period, worst)

    async def settle(self, taken: Taken, attempt: Attempted) -> None:
        """Put what a call cost in the place of what was taken; what is unknown stays taken."""
        costs = [_known(outcome) for outcome in attempt.outcomes]
        known = [cost for cost in costs if cost is not None]
        if len(known) < len(costs):
            return
        more = sum(known) - taken.money.nano  # where nobody was asked, all of it comes back
        if more:
            try:
                await self._add(taken.period, more)
            except StoreError:
                return  # it stays taken

    async def _add(self, period: str, nano: int) -> None:
        utc = (await Now()).utc
        await Io(lambda: self.store.add(_TABLE, period, nano, now=utc, expires=utc + _KEPT))


def _known(outcome: Outcome) -> int | None:
    """Give what a call cost in nano-dollars, or None where it may have cost all that was taken.

    Only an answer that came to its end and told its tokens is known to have cost less; an error in
    the place of an answer costs nothing.
    """
    cost = outcome.cost
    if cost is None or outcome.by:
        return None if cost is None else cost.nano
    if outcome.error is not None:
        return None if cost or outcome.first_part is not None else 0
    return None if outcome.finish == "cut" or outcome.usage == Usage() else cost.nano
