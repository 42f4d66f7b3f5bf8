"""The layer: hold what a call may cost, let it be made, and settle with what it did cost."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from conductor_mw import ConductorError, Io, Latch, StoreError, Wait

from .account import Account, Hold
from .book import Book
from .charges import charge_of
from .counted import Counted
from .periods import ALWAYS
from .refusals import Trouble, refused, unkeyed, unknown
from .status import Status, spent_and_held
from .telling import Teller

if TYPE_CHECKING:
    from conductor_mw import Attempted, Facts, Run, Setting

    from .lease import Cap

_GLANCE: Final = 0.25
"""Seconds after which a call that waits looks again: another process may have given back."""
_ENDED: Final = 1024
"""Requests whose own budgets are remembered when they have ended, for what shadows cost."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What happens where a budget cannot simply say yes.

    Attributes:
        wait: how long a call waits for what others give back, in seconds; None refuses at once.
        unknown_price: whether agents without a price are refused, or asked without being counted.
        max_tokens: the longest answer where nobody says one.
        store_down: what happens while the shared store is away.
    """

    wait: float | None = None
    unknown_price: Literal["refuse", "allow"] = "refuse"
    max_tokens: int | None = None
    store_down: Literal["refuse", "local", "allow"] = "refuse"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The budgets of a compiled policy.

    Attributes:
        budgets: the budgets that hold in this environment.
        ways: what happens where they cannot simply say yes.
    """

    budgets: tuple[Counted, ...]
    ways: Ways

    def build(self, setting: Setting) -> BudgetLayer:
        """Give the layer; what was spent under the policy before still counts."""
        per_request = any(one.every == "request" for one in self.budgets)
        kind = RequestBudgetLayer if per_request else BudgetLayer
        return kind(self, setting)


class Claim(NamedTuple):
    """What a call wants to hold.

    Attributes:
        attempt: the call.
        budgets: the budgets that count it.
        caps: the most that each of them allows, in nano-dollars.
        amount: nano-dollars.
        worst: what one call may cost; `amount` covers those that layers may add.
    """

    attempt: Attempted
    budgets: Sequence[Counted]
    caps: Sequence[int]
    amount: int
    worst: int


class BudgetLayer:
    """Holds and settles around every attempt."""

    def __init__(self, prepared: Prepared, setting: Setting) -> None:
        self._ways = prepared.ways
        self._clock = setting.clock
        store = setting.policy.store
        address = "" if store is None or store.startswith("memory:") else store

        def make() -> Book:
            shared = setting.store(address) if address else None
            return Book(shared, setting.clock, setting.dice)

        self._book = setting.shared(("budget", address), make)
        self._ledger = self._book.ledger
        # Copies: one compiled policy may serve several conductors, each with its own book.
        self._budgets = tuple(
            replace(one, book=self._book, stand_in=setting.commitments.stand_for)
            for one in prepared.budgets
        )
        self._teller = Teller(setting, {one.name: one.id for one in self._budgets})
        self._book.tell = self._teller.notice
        self._of_agent = {agent: _counting(self._budgets, agent) for agent in setting.policy.agents}
        self._foreseen = [one for one in self._budgets if one.foreseen]
        if self._foreseen:
            setting.board.watch_budget(self.remaining)

    def begin_attempt(self, attempt: Attempted) -> Hold | Coroutine[Any, Any, Hold] | None:
        """Hold what the call may cost in every budget that counts it, or in none."""
        budgets, caps = self._of_agent.get(attempt.agent.id) or ((), ())
        price = attempt.agent.price
        if not budgets or (price is not None and not price.most(1, 1)):
            return None
        attempt.bound()  # first: the ceiling is part of what is sent
        worst = attempt.worst_cost()
        if isinstance(worst, str):
            worst = self._limited(attempt, worst, budgets)
            if worst is None:
                return None
        if not worst.nano:
            return None
        # A layer inside may ask again before this one hears of it.
        amount = worst.nano * attempt.run.runtime.layers.most_calls
        moment = self._clock.now()
        accounts = self._accounts(attempt, budgets, moment.utc)
        hold = self._ledger.reserve(accounts, caps, amount, worst.nano)
        if isinstance(hold, int):
            return self._otherwise(Claim(attempt, budgets, caps, amount, worst.nano))
        if self._book.shared:
            _touch(accounts, moment.monotonic)
        return hold

    def end_attempt(
        self, attempt: Attempted, hold: Hold | None
    ) -> Coroutine[Any, Any, None] | None:
        """Put what the call cost in the place of what was held for it."""
        if hold is None:
            return None
        charge, full = charge_of(attempt.outcomes, hold.worst)
        waiting = self._ledger.settle(hold, charge)
        if waiting is not None:
            for latch in waiting:
                latch.open()
        budgets, _ = self._of_agent[attempt.agent.id]
        news = full or charge > hold.amount
        for position, account in enumerate(hold.accounts):
            budget = budgets[position]
            if account.spent >= budget.first and account.told < budget.cap.alert_at[-1]:
                news = True
        return self._teller.settled(attempt, hold, budgets, charge, full=full) if news else None

    def remaining(self, facts: Facts) -> float:
        """Give the dollars that this request's budgets leave, as far as this process knows.

        Budgets of single agents or requests are left out: nobody was chosen yet.
        """
        least = math.inf
        for budget in self._foreseen:
            left = budget.cap.nano
            try:
                account = budget.known(facts, facts.moment.utc)
            except ConductorError:
                return 0.0  # whose budget it is cannot be told: then nothing is to be had from it
            if account is not None:
                left -= spent_and_held(account)
            least = min(least, left)
        return max(0.0, least / 1e9)

    def status(self) -> tuple[Status, ...]:
        """Give what every budget has spent in its period, key by key, as this process knows it."""
        utc = self._clock.now().utc
        return tuple(
            Status.of(budget, account)
            for budget in self._budgets
            if budget.every != "request"
            for account in [*budget.turn(utc).values()]
        )

    def close(self) -> None:
        """Give back what is in hand."""
        self._book.tick(everything=True)

    def _limited(self, attempt: Attempted, why: str, budgets: Sequence[Counted]) -> Any:
        """Give what a call may cost at most with the policy's own ceiling, None for uncounted."""
        if attempt.agent.price is None:
            if self._ways.unknown_price == "allow":
                return None
        elif self._ways.max_tokens is not None and not _has_ceiling(attempt):
            request = attempt.request
            ceiling = {"max_tokens": self._ways.max_tokens}
            attempt.request = request.with_native(
                request.lens.with_parameters(request.native, ceiling)
            )
            worst = attempt.worst_cost()
            if not isinstance(worst, str):
                return worst
            why = worst
        raise unknown(attempt.agent, why, budgets[0])

    def _accounts(
        self, attempt: Attempted, budgets: Sequence[Counted], utc: float
    ) -> list[Account]:
        facts, agent = attempt.run.facts, attempt.agent.id
        try:
            return [budget.account(facts, agent, utc) for budget in budgets]
        except ConductorError as error:
            raise unkeyed(attempt.agent, budgets, facts, error) from error

    async def _otherwise(self, claim: Claim) -> Hold:
        """Ask the store, wait for others, or refuse."""
        attempt, budgets, caps, amount, worst = claim
        begun = self._clock.monotonic()
        wanted: list[tuple[Account, Any]] = []
        try:
            while True:
                moment = self._clock.now()
                accounts = self._accounts(attempt, budgets, moment.utc)
                hold = self._ledger.reserve(accounts, caps, amount, worst)
                if not isinstance(hold, int):
                    _touch(accounts, moment.monotonic)
                    return hold
                account, budget = accounts[hold], budgets[hold]
                trouble: Trouble = "exhausted"
                if amount > budget.cap.nano:
                    trouble = "too_dear"
                elif account.lease is not None:
                    if all(account is not one for one, _ in wanted):
                        wanted.append((account, account.lease))
                        self._book.want(account.lease, amount)
                    trouble = await self._ask(account, budget.cap, amount)
                    if trouble == "":
                        continue
                if not await self._waited(attempt, account, accounts, caps, amount, begun, trouble):
                    break
        finally:
            for _, lease in wanted:
                self._book.want(lease, -amount)
        if account.lease is None and trouble == "exhausted":
            await self._teller.exhausted(attempt, account, budget)
        raise refused(attempt.agent, budget, account, amount, trouble, self._clock.now().utc)

    async def _ask(self, account: Account, cap: Cap, amount: int) -> Trouble:
        """Ask the store for more; gives what is in the way, or nothing where it is worth a try."""
        lease = account.lease
        assert lease is not None  # noqa: S101 - only shared accounts come here
        asking = lease.asking
        if asking is not None:  # somebody asks already, for everybody who wants something
            await Wait(asking, _GLANCE)
            return ""
        lease.asking = asking = Latch()
        try:
            book = self._book
            found = await Io(lambda: book.obtain(account, lease, cap, amount))
        except StoreError as error:
            self._teller.away(error)
            known = lease.seen + max(0, amount - account.free) <= cap.nano
            if self._ways.store_down == "refuse":
                return "store_down"
            if self._ways.store_down == "local" and not known:
                return "exhausted"
            self._book.borrow(account, lease, amount)
            found = True
        finally:
            lease.asking = None
            asking.open()
        return "" if found else "exhausted"

    async def _waited(
        self,
        attempt: Attempted,
        account: Account,
        accounts: Sequence[Account],
        caps: Sequence[int],
        amount: int,
        begun: float,
        trouble: Trouble,
    ) -> bool:
        """Wait for something to be released; gives whether it is worth another try."""
        if self._ways.wait is None or trouble != "exhausted":
            return False
        moment = self._clock.now()
        left = begun + self._ways.wait - moment.monotonic
        if attempt.deadline is not None:
            left = min(left, attempt.deadline - moment.monotonic)
        if left <= 0:
            return False
        latch = self._ledger.waiting_for(account)
        if self._ledger.has_room(accounts, caps, amount):
            return True  # it was released before anybody listened
        pause = min(left, max(0.001, account.end - moment.utc))
        if account.lease is not None:
            pause = min(pause, _GLANCE)
        opened = await Wait(latch, pause)
        # Where nobody released anything, a clock that stands still must not keep us here for ever.
        return opened or pause < left


class RequestBudgetLayer(BudgetLayer):
    """The same where some budgets begin anew with every request."""

    def __init__(self, prepared: Prepared, setting: Setting) -> None:
        super().__init__(prepared, setting)
        self._requests: dict[str, dict[tuple[str, str], Account]] = {}
        self._ended: deque[str] = deque()

    def begin_request(self, run: Run) -> None:
        """Begin to count a request."""
        self._requests[run.id] = {}

    def end_request(self, run: Run, token: None) -> None:
        """Forget a request, once those after it ended: its shadows may still be at work."""
        del token
        self._ended.append(run.id)
        if len(self._ended) > _ENDED:
            self._requests.pop(self._ended.popleft(), None)

    def _accounts(
        self, attempt: Attempted, budgets: Sequence[Counted], utc: float
    ) -> list[Account]:
        lasting = super()._accounts(
            attempt, [one for one in budgets if one.every != "request"], utc
        )
        found: list[Account] = []
        own = self._requests.setdefault(attempt.run.id, {})
        facts, agent = attempt.run.facts, attempt.agent.id
        try:
            for budget in budgets:
                if budget.every != "request":
                    found.append(lasting.pop(0))
                    continue
                key = (budget.name, budget.key(facts, agent))
                if key not in own:
                    account = Account(budget.name, budget.shown(facts, agent), ALWAYS.end)
                    own.setdefault(key, account)
                found.append(own[key])
        except ConductorError as error:
            raise unkeyed(attempt.agent, budgets, facts, error) from error
        return found


def _counting(
    budgets: Sequence[Counted], agent: str
) -> tuple[tuple[Counted, ...], tuple[int, ...]]:
    found = tuple(one for one in budgets if one.counts(agent))
    return found, tuple(one.cap.nano for one in found)


def _has_ceiling(attempt: Attempted) -> bool:
    given = attempt.request.parameters
    stated = any(given.get(name) is not None for name in ("max_tokens", "max_completion_tokens"))
    return stated or attempt.agent.max_output_tokens is not None


def _touch(accounts: Sequence[Account], monotonic: float) -> None:
    for account in accounts:
        if account.lease is not None:
            account.lease.used = monotonic
