"""What a budget has spent and held for one key in one period, and how several hold at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from conductor_mw import Latch

if TYPE_CHECKING:
    from .lease import Lease

NEVER: Final = -1.0


class Account:
    """One budget's count for one key in one period, in nano-dollars. Its ledger's lock guards it.

    Attributes:
        name: names it among all budgets, keys and periods, also in a shared store.
        who: its key as people may see it.
        end: the UTC second at which its period is over.
        spent: what was charged; of what is shared, only what the store was not told yet.
        held: what is held for calls under way.
        granted: of what is shared, how much this process may have spent and held.
        lease: how it is shared with other processes, or None where it is this process's alone.
        epoch: goes up where its lease lapsed: what was held before then is charged already.
        told: the largest share of the budget that was told as an alert.
        exhausted: whether it was told that nothing is left.
        released: opens when something that was held is free again; None while nobody waits.
    """

    __slots__ = (
        "end", "epoch", "exhausted", "granted", "held", "lease", "name", "released", "spent",
        "told", "who",
    )  # fmt: skip

    def __init__(self, name: str, who: str, end: float, lease: Lease | None = None) -> None:
        self.name = name
        self.who = who
        self.end = end
        self.lease = lease
        self.spent = 0
        self.held = 0
        self.granted = 0
        self.epoch = 0
        self.told = NEVER
        self.exhausted = False
        self.released: Latch | None = None

    @property
    def free(self) -> int:
        """Of what is shared, how much this process may still hold without asking anybody."""
        return self.granted - self.spent - self.held

    def cover(self) -> int:
        """Count what was spent and held beyond what was granted as granted; gives how much."""
        missing = max(0, -self.free)
        self.granted += missing
        return missing


@dataclass(slots=True)
class Hold:
    """What is held for one attempt, in every budget that it counts for.

    Attributes:
        amount: how much, in nano-dollars, the same in each of them.
        worst: what one call may cost; a layer that asks again makes several.
        accounts: where.
        epochs: the epoch of each of them when it was held.
    """

    amount: int
    worst: int
    accounts: Sequence[Account]
    epochs: Sequence[int]


@dataclass(slots=True)
class Ledger:
    """Holds and settles in several accounts at once: in all of them, or in none."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(
        self, accounts: Sequence[Account], caps: Sequence[int], amount: int, worst: int
    ) -> Hold | int:
        """Hold an amount in every account, or give the position of the first one that lacks it.

        Args:
            accounts: where it is held.
            caps: the most that may be spent and held in each; of what is shared, what was granted
                counts instead.
            amount: nano-dollars.
            worst: what one call may cost, to be found again in the hold.
        """
        with self.lock:
            for position, account in enumerate(accounts):
                most = caps[position] if account.lease is None else account.granted
                if account.spent + account.held + amount > most:
                    return position
            for account in accounts:
                account.held += amount
            return Hold(amount, worst, accounts, [account.epoch for account in accounts])

    def settle(self, hold: Hold, charge: int) -> list[Latch] | None:
        """Put what was charged in the place of what was held; gives latches of who waits for it."""
        waiting: list[Latch] | None = None
        with self.lock:
            for account, epoch in zip(hold.accounts, hold.epochs, strict=True):
                if account.epoch != epoch:
                    continue  # its lease lapsed meanwhile: all of it is charged already
                account.held -= hold.amount
                account.spent += charge
                if account.released is not None:
                    waiting = [*(waiting or ()), account.released]
                    account.released = None
        return waiting

    def has_room(self, accounts: Sequence[Account], caps: Sequence[int], amount: int) -> bool:
        """Whether an amount could be held in every account now."""
        with self.lock:
            return all(
                account.spent + account.held + amount
                <= (cap if account.lease is None else account.granted)
                for account, cap in zip(accounts, caps, strict=True)
            )

    def waiting_for(self, account: Account) -> Latch:
        """Give the latch that opens when something in an account is free again."""
        with self.lock:
            if account.released is None:
                account.released = Latch()
            return account.released
