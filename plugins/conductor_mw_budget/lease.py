"""One process's part of an account that several processes share through a store."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from conductor_mw import StoreError

from .row import Entry, Row

if TYPE_CHECKING:
    import random

    from conductor_mw import Latch, Store

    from .account import Account, Ledger

TABLE: Final = "budget"
LAPSE: Final = 3600.0
"""Seconds after which a process that said nothing counts as gone, and what it had as spent."""
_EMPTY: Final = 60.0
"""The same where it has nothing in hand: then it only makes the row longer."""
KEPT: Final = 2 * 86400.0
"""Seconds for which a row is kept when its period is over: calls may still be under way."""
_SHARE: Final = 8
"""Nobody takes more in advance than this part of what is left, divided among those at work."""
_TURNS: Final = 200
_PAUSE: Final = 0.002


class Cap(NamedTuple):
    """How much may be spent, and what is told on the way there.

    Attributes:
        nano: nano-dollars.
        alert_at: shares of it, from 0 to 1, in ascending order.
    """

    nano: int
    alert_at: tuple[float, ...] = ()

    def crossed(self, told: float, spent: int) -> tuple[float, ...]:
        """Give the shares that `spent` reaches and that lie above what was told.

        >>> Cap(1000, (0.8, 0.95)).crossed(-1.0, 960), Cap(1000, (0.8, 0.95)).crossed(0.8, 900)
        ((0.8, 0.95), ())
        """
        return tuple(
            share for share in self.alert_at if share > told and spent >= share * self.nano
        )


class Notice(NamedTuple):
    """Something to be told: `alert`, `exhausted` or `overdraft`.

    Attributes:
        what: which of them.
        share: of an alert, the share of the budget that was reached.
        spent: nano-dollars that are spent in the period.
        cap: nano-dollars that may be spent.
    """

    what: str
    share: float
    spent: int
    cap: int


class Wish(NamedTuple):
    """What is wanted of an exchange with the store.

    Attributes:
        least: what one call wants to hold; less is of no use to it.
        demand: what all calls that wait want to hold.
        keep: gives back what is free beyond this; None takes instead.
        exhausted: marks that nothing is left.
    """

    least: int = 0
    demand: int = 0
    keep: int | None = None
    exhausted: bool = False


class Change(NamedTuple):
    """A change to the row that may or may not have arrived in the store.

    Attributes:
        row: the row with this change in it.
        entry: this process's entry in that row.
        before: the number of the row that it changes.
        spent: how much of what is in hand it reports as spent.
        debt: how much it reports that was taken without asking.
        moved: how much it takes (more than 0) or gives back (less).
        notices: what is to be told once it has arrived.
    """

    row: Row
    entry: Entry
    before: int
    spent: int
    debt: int
    moved: int
    notices: tuple[Notice, ...]


class Lease:
    """What one process has in hand of a shared account.

    It takes a piece of the budget durably, by changing the row in the store, and then holds and
    settles in memory. A process that crashes takes what it has in hand with it: that counts as
    spent. A change whose reply was lost is neither forgotten nor made twice: the row says which
    change of this process was the last to arrive.

    Attributes:
        lock: held by whoever talks to the store about this account.
        cap: the budget as last seen.
        chunk: how much is taken in advance, while calls follow each other quickly.
        demand: what those who wait for the store want to hold.
        debt: what was taken without asking while the store was away.
        used: the monotonic second at which something was last held.
        refilled: the monotonic second at which something was last taken.
        told: the monotonic second at which the store was last told anything.
        empty_until: until when nobody asks the store for `empty_for` or more.
        empty_for: an amount that was not to be had.
        asking: opens when who asks the store for everybody has its answer; None in between.
        notices: what is to be told.
    """

    def __init__(self, store: Store, process: str, ledger: Ledger, dice: random.Random) -> None:
        self.lock = threading.Lock()
        self.cap = Cap(0)
        self.chunk = 0
        self.demand = 0
        self.debt = 0
        self.used = 0.0
        self.refilled = 0.0
        self.told = 0.0
        self.empty_until = 0.0
        self.empty_for = 0
        self.asking: Latch | None = None
        self.notices: deque[Notice] = deque()
        self._store = store
        self._process = process
        self._ledger = ledger
        self._dice = dice
        self._text: bytes | None = None
        self._row = Row()
        self._mine = Entry(0, 0, 0.0)
        self._changes = 0
        self._open: dict[int, Change] = {}

    @property
    def seen(self) -> int:
        """What was spent or in anybody's hands when the row was last seen, and what is owed."""
        return self._row.total + self.debt

    @property
    def spent(self) -> int:
        """What was charged when the row was last seen."""
        return self._row.spent

    @property
    def unsure(self) -> bool:
        """Whether a change was made of which nobody knows whether it arrived."""
        return bool(self._open)

    @property
    def settled(self) -> bool:
        """Whether the store knows everything, and this process has nothing in hand."""
        return not (self._open or self._mine.granted or self.debt)

    def near(self, account: Account) -> bool:
        """Whether an alert is due by what this process knows."""
        return bool(self.cap.crossed(self._row.told, self._row.spent + account.spent))

    def others(self, now: float) -> tuple[int, int]:
        """Give how many other processes are at work, and what they have in hand together."""
        return self._row.held_by_others(self._process, now)

    def exchange(self, account: Account, now: float, wish: Wish) -> None:
        """Report to the store what was spent, and take or give back; `lock` is held meanwhile.

        Args:
            account: the account of this lease.
            now: the UTC second.
            wish: what is wanted.

        Raises:
            StoreError: the store cannot be reached; whether it knows is found out later.
        """
        looked = False
        for turn in range(_TURNS):
            # Alone, what was written last is what is there; others have changed it meanwhile.
            if self._open or turn or not self._row.number or self._row.shared(self._process):
                self._look(account, now)
                looked = True
            change = self._change(account, now, wish)
            if change is None and wish.least and not looked:
                self._look(account, now)  # others may have given back since the row was seen
                looked = True
                change = self._change(account, now, wish)
            if change is None:
                return
            self._open[change.entry.change] = change
            text = change.row.written()
            expires = None if math.isinf(account.end) else max(account.end, now) + KEPT
            if self._store.swap(TABLE, account.name, self._text, text, now=now, expires=expires):
                self._text, self._row = text, change.row
                with self._ledger.lock:
                    self._arrived(account, change)
                return
            with self._ledger.lock:
                self._lost(account, self._open.pop(change.entry.change))
            if turn > 1:  # several processes at once: not again in step with each other
                time.sleep(self._dice.random() * _PAUSE * min(turn, 20))
        raise StoreError(f"too many processes change the budget {account.name!r} at once")

    def _look(self, account: Account, now: float) -> None:
        """Read the row, and find out which changes of this process arrived."""
        self._text = self._store.get(TABLE, account.name, now=now)
        if self._text is None:
            # It was never there, or it is gone: then this process puts back what it saw last.
            return
        self._row = row = Row.read(self._text)
        mine = row.entries.get(self._process)
        with self._ledger.lock:
            if mine is not None and mine.change in self._open:
                self._arrived(account, self._open[mine.change])
            elif self._mine.granted and (mine is None or mine.change != self._mine.change):
                self._lapsed(account)
            for number, change in [*self._open.items()]:
                if change.before < row.number:  # somebody was faster: it can never arrive now
                    self._lost(account, self._open.pop(number))

    def _change(self, account: Account, now: float, wish: Wish) -> Change | None:
        """Give the next change to the row, or None where there is nothing to say."""
        row = self._row
        charged, entries = row.without_the_gone(now, self._process)
        mine = entries.pop(self._process, None)
        stray = mine.granted - self._mine.granted if mine is not None else 0
        with self._ledger.lock:
            self.debt += account.cover()
            spent, debt = account.spent, self.debt
            charged += spent + stray
            in_hand = sum(entry.granted for entry in entries.values())
            left = self.cap.nano - charged - in_hand - (self._mine.granted - spent) - debt
            if wish.keep is None:
                moved = self._taken(account.free, left, len(entries), wish)
            else:
                moved = -max(0, account.free - wish.keep)
            granted = self._mine.granted - spent + debt + moved
            crossed = self.cap.crossed(row.told, charged)
            emptied = wish.exhausted and not row.exhausted
            old = granted > 0 and self._mine.until < now + LAPSE / 2
            # What is unsure is made sure by another change: after it, the older cannot arrive.
            news = crossed or emptied or old or self._open
            if not (moved or spent or debt or stray or news):
                return None
            if moved < 0:  # nobody may hold it while it is on its way
                account.granted += moved
        self._changes += 1
        entry = Entry(granted, self._changes, now + (LAPSE if granted else _EMPTY))
        entries[self._process] = entry
        notices = [Notice("alert", share, charged, self.cap.nano) for share in crossed]
        if emptied:
            notices.append(Notice("exhausted", 1.0, charged, self.cap.nano))
        after = Row(
            row.number + 1,
            charged,
            crossed[-1] if crossed else row.told,
            row.exhausted or emptied,
            account.who,
            entries,
        )
        return Change(after, entry, row.number, spent, debt, moved, tuple(notices))

    def _taken(self, free: int, left: int, others: int, wish: Wish) -> int:
        """Give how much to take: what is wanted, and a little more while plenty is left."""
        lacking = wish.demand - free
        if lacking <= 0 or left <= 0 or wish.least - free > left:
            return 0
        share = max(0, left - lacking) // (_SHARE * (others + 1))
        return min(lacking, left) + min(self.chunk, share)

    # The ledger's lock is held from here on.

    def _arrived(self, account: Account, change: Change) -> None:
        account.spent -= change.spent
        account.granted += max(0, change.moved) - change.spent
        self.debt -= change.debt
        self._mine = change.entry
        self.notices.extend(change.notices)
        self._open.pop(change.entry.change, None)
        for other in self._open.values():  # they changed the same row: one of them at most arrives
            self._lost(account, other)
        self._open.clear()

    @staticmethod
    def _lost(account: Account, change: Change) -> None:
        account.granted -= min(0, change.moved)

    def _lapsed(self, account: Account) -> None:
        # All that this process had counts as spent: also what is held now, and what it gives back.
        account.epoch += 1
        account.held = 0
        account.spent = account.granted = self.debt
        self._mine = Entry(0, 0, 0.0)
        self._open.clear()
