"""What a process has in hand of a shared budget: taken once, given back, and never used twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import pytest
from conductor_mw_budget.account import Account, Hold
from conductor_mw_budget.book import Book
from conductor_mw_budget.lease import KEPT, LAPSE, TABLE, Cap, Lease
from conductor_mw_budget.periods import ALWAYS, Period, period_of
from conductor_mw_budget.row import Row
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from conductor_mw import StoreError
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.testing import VirtualClock

CAP: Final = 100
EXAMPLES: Final = 5_000 if os.environ.get("CONDUCTOR_LONG") == "1" else 100


class Unreliable(MemoryStore):
    """A store whose changes may get lost, arrive without a reply, or arrive much later."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble = ""
        self.trips = 0
        self._late: list[Callable[[], object]] = []

    def get(self, table: str, key: str, *, now: float) -> bytes | None:
        """Give the value, where the store can be reached."""
        self._arrive()
        return super().get(table, key, now=now)

    def swap(
        self,
        table: str,
        key: str,
        before: bytes | None,
        after: bytes,
        *,
        now: float,
        expires: float | None = None,
    ) -> bool:
        """Change the value; where there is trouble nobody is told whether it was."""
        inner = super().swap

        def change() -> bool:
            return inner(table, key, before, after, now=now, expires=expires)

        self._arrive()
        if self.trouble == "late":
            self._late.append(change)
        elif self.trouble != "lost":
            done = change()
            if not self.trouble:
                return done
        raise StoreError(f"{self.trouble} change")

    def _arrive(self) -> None:
        self.trips += 1
        if self.trouble == "away":
            raise StoreError("away")
        late, self._late = self._late, []
        for change in late:
            change()


class Process:
    """A process, as far as budgets are concerned."""

    def __init__(self, store: MemoryStore, clock: VirtualClock) -> None:
        self.clock = clock
        self.book = Book(store, clock, random.Random(5), recall=0.0, kept=False)

    def account(self, period: Period = ALWAYS) -> tuple[Account, Lease]:
        """Give the account that all processes share."""
        account = self.book.account("shared", period, "key", "key")
        assert account.lease is not None
        return account, account.lease

    def hold(self, amount: int, period: Period = ALWAYS, cap: int = CAP) -> Hold | None:
        """Hold an amount, asking the store where need be; None where there is no room."""
        account, lease = self.account(period)
        found = self.book.ledger.reserve([account], [cap], amount, amount)
        if isinstance(found, int):
            self.book.want(lease, amount)
            try:
                self.book.obtain(account, lease, Cap(cap), amount)
            except StoreError:
                return None
            finally:
                self.book.want(lease, -amount)
            found = self.book.ledger.reserve([account], [cap], amount, amount)
        return None if isinstance(found, int) else found

    def settle(self, hold: Hold, charge: int) -> None:
        """Put what was charged in the place of what was held."""
        self.book.ledger.settle(hold, charge)


def rows(store: MemoryStore, clock: VirtualClock) -> list[Row]:
    """Give every row of a store."""
    now = clock.now().utc
    found = [store.get(TABLE, key, now=now) for key in store.keys(TABLE, now=now)]
    return [Row.read(text) for text in found if text is not None]


def held_in(process: Process) -> int:
    """Give what a process has in hand."""
    account, _ = process.account()
    return account.granted


# A change whose reply is lost.


@pytest.mark.parametrize("trouble", ["lost", "reply lost", "late"])
def test_a_take_of_which_nobody_knows_is_charged_once(trouble: str) -> None:
    store, clock = Unreliable(), VirtualClock()
    process = Process(store, clock)
    store.trouble = trouble
    assert process.hold(30) is None
    store.trouble = ""
    clock.advance(1.1)

    holds = [process.hold(30) for _ in range(3)]
    for hold in holds:
        assert hold is not None
        process.settle(hold, 20)
    process.book.close()

    assert [(row.spent, row.total) for row in rows(store, clock)] == [(60, 60)]


@pytest.mark.parametrize("trouble", ["lost", "reply lost", "late"])
def test_a_report_of_which_nobody_knows_is_made_once(trouble: str) -> None:
    store, clock = Unreliable(), VirtualClock()
    one, other = Process(store, clock), Process(store, clock)
    hold = one.hold(30)
    assert hold is not None
    one.settle(hold, 20)
    store.trouble = trouble
    one.book.tick(everything=True)
    store.trouble = ""
    clock.advance(1.1)
    assert other.hold(5) is not None  # which may be what keeps a late change from arriving
    other.book.tick(everything=True)

    one.book.tick(everything=True)

    (row,) = rows(store, clock)
    assert (row.spent, row.total) == (20, 25)


def test_several_changes_that_never_arrive_are_taken_back_once() -> None:
    store, clock = Unreliable(), VirtualClock()
    process, other = Process(store, clock), Process(store, clock)
    holds = [process.hold(20) for _ in range(3)]
    store.trouble = "lost"
    for hold in holds:
        assert hold is not None
        process.settle(hold, 10)
        process.book.tick(everything=True)
        clock.advance(1.1)
    store.trouble = ""

    for _ in range(3):  # each of them changes the row, so that the other has to look again
        process.book.tick(everything=True)
        assert process.hold(5) is not None
        assert other.hold(5) is not None

    (row,) = rows(store, clock)
    assert row.spent == 30
    in_row = sorted(entry.granted for entry in row.entries.values())
    assert in_row == sorted([held_in(process), held_in(other)])
    assert row.total <= CAP


# Who is gone, and what comes back.


def test_what_a_crashed_process_had_in_hand_counts_as_spent() -> None:
    store, clock = MemoryStore(), VirtualClock()
    crashed, other = Process(store, clock), Process(store, clock)
    assert crashed.hold(92) is not None
    crashed.book.tick()
    del crashed

    assert other.hold(7) is not None
    assert other.hold(2) is None
    clock.advance(LAPSE + 1)
    assert other.hold(2) is None

    (row,) = rows(store, clock)
    assert row.spent == 93  # its entry is gone; all that it had is spent, and one is as good
    assert len(row.entries) == 1


def test_a_process_that_slept_too_long_charges_what_it_had_in_full() -> None:
    store, clock = MemoryStore(), VirtualClock()
    sleeper, other = Process(store, clock), Process(store, clock)
    hold = sleeper.hold(30)
    assert hold is not None
    clock.advance(LAPSE + 1)
    assert other.hold(10) is not None
    other.book.tick(everything=True)
    (before,) = rows(store, clock)

    sleeper.settle(hold, 1)
    sleeper.book.tick(everything=True)

    (row,) = rows(store, clock)
    assert row.total == before.total >= 40
    assert held_in(sleeper) == 0


def test_what_nobody_uses_comes_back_after_a_second() -> None:
    store, clock = MemoryStore(), VirtualClock()
    one, other = Process(store, clock), Process(store, clock)
    hold = one.hold(60)
    assert hold is not None
    one.settle(hold, 1)
    assert other.hold(60) is None

    clock.advance(1.1)
    one.book.tick()

    assert other.hold(60) is not None


def test_what_somebody_wants_comes_back_at_once() -> None:
    store, clock = MemoryStore(), VirtualClock()
    one = Process(store, clock)
    hold = one.hold(60)
    assert hold is not None
    one.settle(hold, 1)
    other = Process(store, clock)
    account, lease = other.account()

    def sleep_and_tick(_: float) -> None:
        one.book.tick()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("conductor_mw_budget.book.time.sleep", sleep_and_tick)
        patched.setattr(other.book, "_recall_for", 5.0)
        other.book.want(lease, 60)
        assert other.book.obtain(account, lease, Cap(CAP), 60)


# Trips to the store.


def test_a_budget_with_room_costs_few_trips() -> None:
    store, clock = Unreliable(), VirtualClock()
    process = Process(store, clock)

    for _ in range(5_000):
        hold = process.hold(10, cap=1_000_000)
        assert hold is not None
        process.settle(hold, 10)

    assert store.trips <= 50


def test_an_exhausted_budget_costs_no_trip_a_refusal() -> None:
    store, clock = Unreliable(), VirtualClock()
    process = Process(store, clock)
    while process.hold(10) is not None:
        pass
    store.trips = 0

    for _ in range(1_000):
        assert process.hold(10) is None

    assert store.trips == 0
    clock.advance(1.1)
    assert process.hold(10) is None
    assert store.trips > 0


def test_pieces_shrink_near_the_end_so_that_nobody_starves() -> None:
    store, clock = MemoryStore(), VirtualClock()
    processes = [Process(store, clock) for _ in range(6)]
    counted = 0
    for turn in range(1_000):
        found = processes[turn % 6].hold(10, cap=1_000)
        counted += found is not None

    assert counted == 100  # without anybody giving anything back


FORKS: Final = """
import os, random
from conductor_mw.stores.memory import MemoryStore
from conductor_mw.testing import VirtualClock
from tests.test_budget_leases import Process, rows

store, clock = MemoryStore(), VirtualClock()
process = Process(store, clock)
assert process.hold(10, cap=1000) is not None
account, lease = process.account()
assert account.free > 0
child = os.fork()
if not child:
    account, lease = process.account()
    assert (account.granted, account.held) == (0, 0)
    assert process.hold(900, cap=1000) is not None
    assert len(rows(store, clock)[0].entries) == 2
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert account.held == 10
"""


def test_a_child_does_not_use_what_its_parent_has_in_hand() -> None:
    found = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, check=False
    )

    assert (found.returncode, found.stderr) == (0, "")


# Whatever happens, in whatever order.


class Budgets(RuleBasedStateMachine):
    """Three processes, a store that fails in every way, crashes, and a clock that goes on."""

    @initialize()
    def begin(self) -> None:
        """Begin with an empty store."""
        self.store, self.clock = Unreliable(), VirtualClock()
        self.processes = [Process(self.store, self.clock) for _ in range(3)]
        self.open: list[tuple[int, Period, Hold]] = []
        self.charged: dict[Period, int] = {}
        self.lossless = True

    @rule(who=st.integers(0, 2), amount=st.integers(1, 40))
    def hold(self, who: int, amount: int) -> None:
        """Begin a call."""
        period = period_of("day", self.clock.now().utc)
        found = self.processes[who].hold(amount, period)
        if found is not None:
            self.open.append((who, period, found))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 99), share=st.floats(0, 1))
    def settle(self, which: int, share: float) -> None:
        """End a call."""
        who, period, hold = self.open.pop(which % len(self.open))
        charge = int(hold.amount * share)
        self.charged[period] = self.charged.get(period, 0) + charge
        self.processes[who].settle(hold, charge)

    @rule(who=st.integers(0, 2), everything=st.booleans())
    def tick(self, who: int, everything: bool) -> None:
        """Report and give back."""
        self.processes[who].book.tick(everything=everything)

    @rule(who=st.integers(0, 2))
    def crash(self, who: int) -> None:
        """Lose a process; what it held may have been billed."""
        for one, period, hold in self.open:
            if one == who:
                self.charged[period] = self.charged.get(period, 0) + hold.amount
        self.open = [one for one in self.open if one[0] != who]
        self.processes[who] = Process(self.store, self.clock)
        self.lossless = False

    @rule(seconds=st.sampled_from([0.3, 1.5, LAPSE * 0.6, LAPSE + 1, 30_000.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass: leases lapse, and a day ends."""
        self.clock.advance(seconds)
        self.lossless = self.lossless and seconds < 2

    @rule(trouble=st.sampled_from(["", "lost", "reply lost", "late", "away"]))
    def fail(self, trouble: str) -> None:
        """Let the store fail in some way, or no longer."""
        self.store.trouble = trouble

    @invariant()
    def never_more_than_the_budget(self) -> None:
        """What was charged and what is held stay below the cap, in every period."""
        if not hasattr(self, "open"):
            return
        for period in {*self.charged, *(period for _, period, _ in self.open)}:
            held = sum(hold.amount for _, one, hold in self.open if one == period)
            assert self.charged.get(period, 0) + held <= CAP

    def teardown(self) -> None:
        """With all said and done, the store knows what was spent, to the nano-dollar."""
        if not hasattr(self, "open"):
            return
        self.store.trouble = ""
        for who, period, hold in self.open:
            self.charged[period] = self.charged.get(period, 0) + hold.amount
            self.processes[who].settle(hold, hold.amount)
        self.clock.advance(1.5)
        for process in (*self.processes, *self.processes):
            process.book.tick(everything=True)
        for period, charged in self.charged.items():
            if period.end + KEPT < self.clock.now().utc:
                continue  # the store has forgotten it
            account, _ = self.processes[0].account(period)
            found = self.store.get(TABLE, account.name, now=self.clock.now().utc)
            known = Row.read(found).total if found is not None else 0
            assert known == charged if self.lossless else charged <= known <= CAP


TestBudgets = Budgets.TestCase
TestBudgets.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
