"""Every account of one conductor, by budget, period and key; it outlives reloads of the policy."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from conductor_mw import StoreError

from .account import Account, Ledger
from .keeper import Keeper
from .lease import Cap, Lease, Notice, Wish
from .periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable

    from conductor_mw import Clock, Store

WANTED: Final = "budget_wanted"
"""The table of accounts of which some process wants back what others have in hand."""
_PERIODS: Final = 3
"""Periods that are remembered of each budget: a clock that is set back finds the one before."""
_QUIET: Final = 1.0
"""Seconds for which a store that failed, or an account that is empty, is not asked again."""
RECALL: Final = 0.4
_LOOK: Final = 0.02
_REPORT: Final = 5.0
"""Seconds after which what is spent is reported, where nothing is taken or given back before."""
_QUICK: Final = 0.5
"""Seconds between two refills below which twice as much is taken."""

_BOOKS: weakref.WeakSet[Book] = weakref.WeakSet()


class Book:
    """The accounts of one conductor.

    Attributes:
        ledger: holds and settles.
        clock: what time it is.
        active: accounts of which something is in hand, by name.
        tell: tells what happened to a shared account; the newest policy's way to do so.
    """

    def __init__(
        self,
        store: Store | None,
        clock: Clock,
        dice: random.Random,
        *,
        recall: float = RECALL,
        kept: bool = True,
    ) -> None:
        """Make a book without accounts.

        Args:
            store: where accounts are shared; None keeps them in this process.
            clock: what time it is.
            dice: spreads processes that change the same account at once.
            recall: the seconds for which a call waits for other processes to give back.
            kept: whether a thread calls `tick`; somebody must.
        """
        self.ledger = Ledger()
        self.clock = clock
        self.active: dict[str, Account] = {}
        self.tell: Callable[[Account, Notice], None] = lambda _account, _notice: None
        self._store = store
        self._dice = dice
        self._process = uuid4().hex[:12]
        self._periods: dict[str, dict[Period, dict[str, Account]]] = {}
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._recall_for = recall
        self._kept = kept
        self._keeper = Keeper(self) if kept else None
        _BOOKS.add(self)

    @property
    def shared(self) -> bool:
        """Whether other processes count in the same accounts."""
        return self._store is not None

    @property
    def away(self) -> bool:
        """Whether the store failed a moment ago and is left alone."""
        return self.clock.monotonic() < self._away_until

    def accounts(self, budget: str, period: Period) -> dict[str, Account]:
        """Give a budget's accounts in a period, by key; those of long ago are forgotten."""
        with self._lock:
            periods = self._periods.setdefault(budget, {})
            if period not in periods:
                # Of the others: a clock that is set far back asks for one older than all of them.
                for old in sorted(periods)[: 1 - _PERIODS]:
                    del periods[old]
                periods[period] = {}
            return periods[period]

    def account(self, budget: str, period: Period, key: str, who: str) -> Account:
        """Give an account, and make it where it is new.

        Args:
            budget: the budget's stable name.
            period: the period.
            key: whose it is.
            who: the key as people may see it.
        """
        accounts = self.accounts(budget, period)
        with self._lock:
            found = accounts.get(key)
            if found is None:
                # A key may be an address or a secret: the store gets its hash.
                plain = key.encode("utf-8", "surrogatepass")  # broken JSON holds half a pair
                digest = hashlib.sha256(plain).hexdigest()[:32]
                name = f"{budget}/{period.start:.0f}/{digest}"
                lease = None
                if self._store is not None:
                    lease = Lease(self._store, self._process, self.ledger, self._dice)
                found = accounts[key] = Account(name, who, period.end, lease)
            return found

    def obtain(self, account: Account, lease: Lease, cap: Cap, amount: int) -> bool:
        """Take what one more call wants to hold; gives whether there may be enough. It blocks.

        Raises:
            StoreError: the store cannot be reached, or failed a moment ago.
        """
        with lease.lock:
            if account.free >= amount:
                return True  # who asked before took enough for everybody
            now = self.clock.monotonic()
            if now < lease.empty_until and amount >= lease.empty_for:
                return False
            if self.away:
                raise StoreError("the shared store failed a moment ago")
            lease.cap = cap
            self._refill(account, lease, amount, now)
            if account.free >= amount:
                return True
            lease.empty_until, lease.empty_for = self.clock.monotonic() + _QUIET, amount
            return False

    def want(self, lease: Lease, amount: int) -> None:
        """Count what somebody waits for, or no longer does (less than 0): one trip gets it all."""
        with self.ledger.lock:
            lease.demand += amount

    def borrow(self, account: Account, lease: Lease, amount: int) -> None:
        """Take without asking, while the store is away; it is told when it is back."""
        with self.ledger.lock:
            missing = max(0, amount - account.free)
            account.granted += missing
            lease.debt += missing
        self._use(account)

    def tick(self, *, everything: bool = False) -> None:
        """Report what was spent, and give back what nobody uses or somebody else wants.

        Args:
            everything: gives back whatever is free, at once.
        """
        if self._store is None or not self.active or (self.away and not everything):
            return
        moment = self.clock.now()
        try:
            wanted = frozenset(() if everything else self._store.keys(WANTED, now=moment.utc))
            for name, account in [*self.active.items()]:
                lease = account.lease
                if lease is None:
                    continue
                idle = everything or moment.monotonic - lease.used >= _QUIET
                keep = 0 if idle or name in wanted or moment.utc >= account.end else lease.chunk
                spare = account.free - keep
                silent = moment.monotonic - lease.told
                due = idle or silent >= _REPORT or lease.near(account)
                if (
                    spare > lease.chunk
                    or (keep == 0 and spare > 0)
                    or (due and self._owes(account, lease))
                ):
                    self._report(account, lease, Wish(keep=keep))
                if idle and lease.settled and not account.held and not account.spent:
                    with self._lock:
                        if not account.held and lease.settled:
                            self.active.pop(name, None)
        except StoreError:
            self._failed()

    def close(self) -> None:
        """Give back what is in hand, and stop."""
        if self._keeper is not None:
            self._keeper.stop()
        self.tick(everything=True)

    def forked(self) -> None:
        """Begin anew in a child process: what the parent has in hand is not the child's."""
        self.ledger.lock = threading.Lock()
        self._lock = threading.Lock()
        self._process = uuid4().hex[:12]
        self._keeper = Keeper(self) if self._kept else None
        self.active = {}
        if self._store is None:
            return
        for periods in self._periods.values():
            for accounts in periods.values():
                for account in accounts.values():
                    account.epoch += 1
                    account.spent = account.held = account.granted = 0
                    account.lease = Lease(self._store, self._process, self.ledger, self._dice)

    def _refill(self, account: Account, lease: Lease, amount: int, now: float) -> None:
        quick = now - lease.refilled < _QUICK
        lease.chunk = max(amount, lease.chunk * 2 if quick else lease.chunk // 2)
        lease.refilled = lease.used = now
        self._use(account)
        try:
            self._exchange(account, lease, Wish(least=amount, demand=lease.demand))
            if account.free < amount:
                self._recall(account, lease, amount)
            if account.free < amount:
                self._exchange(account, lease, Wish(least=amount, demand=amount, exhausted=True))
        except StoreError:
            self._failed()
            raise
        finally:
            self._use(account)  # the keeper may have let go of it meanwhile

    def _use(self, account: Account) -> None:
        self.active[account.name] = account
        if self._keeper is not None:
            self._keeper.wake()

    def _recall(self, account: Account, lease: Lease, amount: int) -> None:
        """Ask other processes to give back what they do not use, and wait a moment for it."""
        assert self._store is not None  # noqa: S101 - only shared accounts have a lease
        until = time.monotonic() + self._recall_for
        asked = False
        while time.monotonic() < until:
            utc = self.clock.now().utc
            count, in_hand = lease.others(utc)
            if not count or lease.cap.nano - lease.seen + in_hand < amount - account.free:
                return
            if not asked:
                self._store.put(WANTED, account.name, b"1", now=utc, expires=utc + _QUIET)
                asked = True
            time.sleep(_LOOK)
            self._exchange(account, lease, Wish(least=amount, demand=lease.demand))
            if account.free >= amount:
                return

    def _exchange(self, account: Account, lease: Lease, wish: Wish) -> None:
        now = self.clock.now()
        lease.told = now.monotonic
        lease.exchange(account, now.utc, wish)
        while lease.notices:
            self.tell(account, lease.notices.popleft())

    def _report(self, account: Account, lease: Lease, wish: Wish) -> None:
        if lease.lock.acquire(timeout=0.01):
            try:
                self._exchange(account, lease, wish)
            finally:
                lease.lock.release()

    @staticmethod
    def _owes(account: Account, lease: Lease) -> bool:
        return account.spent > 0 or lease.debt > 0 or lease.unsure

    def _failed(self) -> None:
        self._away_until = self.clock.monotonic() + _QUIET


def _forked() -> None:
    for book in [*_BOOKS]:
        book.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
