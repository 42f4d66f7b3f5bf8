"""Several processes share a budget through a store, and never spend more than it together."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from conductor_mw_budget.lease import TABLE
from conductor_mw_budget.row import Row

from tests.budget_kit import WORST, Heard, admitted, opened, policy, worst
from tests.budget_worker import Callers, Forks
from tests.services import opened as opened_store

SHARED = ("sqlite", "redis", "postgres")
LONG = os.environ.get("CONDUCTOR_LONG") == "1"


@pytest.fixture(params=SHARED)
def shared_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an address of each store that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'state.db'}"
    found: str = request.getfixturevalue(f"{request.param}_address")
    return found


Begin = Callable[[float], Callers]


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Give a process that forks callers."""
    with Forks() as found:
        yield found


@pytest.fixture
def begin(forks: Forks, tmp_path: Path, shared_address: str) -> Iterator[Begin]:
    """Give callers of a budget for so many calls as the test says."""
    with ExitStack() as opened:

        def callers(calls: float) -> Callers:
            options = {"dollars": worst(calls), "every": "total"}
            return opened.enter_context(Callers(forks, tmp_path, shared_address, options))

        yield callers


def row_of(address: str, budget: str = "") -> Row:
    """Give the only row of a budget in a store."""
    with closing(opened_store(address)) as store:
        (key,) = store.keys(TABLE, now=time.time(), prefix=f"/{budget}")
        found = store.get(TABLE, key, now=time.time())
    assert found is not None
    return Row.read(found)


def test_six_processes_spend_all_and_not_a_nano_dollar_more(
    begin: Begin, shared_address: str
) -> None:
    callers = begin(100)
    for _ in range(6):
        callers.fork(pause=0.1, patience=6)

    results = callers.results()

    cap = 100 * WORST.nano
    assert sum(callers.billed) <= cap
    assert sum(callers.billed) + WORST.nano >= 0.95 * cap
    assert sum(one["admitted"] for one in results) == len(callers.billed)
    row = row_of(shared_address)
    assert (row.spent, row.total) == (sum(callers.billed), sum(callers.billed))


def test_processes_tell_an_alert_and_an_empty_budget_once_between_them(shared_address: str) -> None:
    heard = Heard()
    budget = {"dollars": worst(6), "every": "total", "alert_at": [0.5]}
    text = policy(budget, store=shared_address)
    with ExitStack() as stack:
        both = [stack.enter_context(opened(text, heard=heard, real_clock=True)) for _ in range(2)]
        for _ in range(5):
            for c in both:
                admitted(c, 1)

    assert [one["threshold"] for one in heard.of("alert")] == [0.5]
    assert len(heard.of("exhausted")) == 1


def test_calls_that_cost_less_than_was_held_leave_room_for_others(
    begin: Begin, shared_address: str
) -> None:
    callers = begin(30)
    for _ in range(3):
        callers.fork(share=None, pause=0.1, patience=6, threads=2)

    callers.results()

    cap = 30 * WORST.nano
    assert 0.95 * cap <= sum(callers.billed) + WORST.nano
    assert sum(callers.billed) <= cap
    assert row_of(shared_address).total == sum(callers.billed)


def test_a_burst_that_fits_is_admitted_whole_though_others_have_something_in_hand(
    begin: Begin, shared_address: str
) -> None:
    callers = begin(32)
    for _ in range(4):
        callers.fork(calls=3, linger=30)
    callers.results()
    in_hand = row_of(shared_address)
    assert in_hand.total > 12 * WORST.nano  # or this test shows nothing

    callers.fork(threads=20, calls=1)

    assert callers.results()[-1] == {"admitted": 20, "refused": 0}
    assert sum(callers.billed) == 32 * WORST.nano


@pytest.mark.slow
def test_whoever_is_killed_the_provider_never_bills_more_than_the_budget(
    begin: Begin, shared_address: str
) -> None:
    dice = random.Random(11)
    callers = begin(1)
    cap, most = 12 * WORST.nano, 0
    for turn in range(200 if LONG else 8):
        budget = {"id": f"turn-{turn}", "dollars": worst(12), "every": "total"}
        bills = callers.another_file()
        numbers = [
            callers.fork(options=budget, share=None, threads=2, seconds=0.002, pause=0.01)
            for _ in range(2)
        ]
        _wait_for(lambda: bool(callers.billed))
        time.sleep(dice.random() * 0.05)
        for number in numbers:
            callers.kill(number)

        assert sum(callers.billed) <= row_of(shared_address, f"turn-{turn}").total <= cap, bills
        most = max(most, sum(callers.billed))
    assert most > cap / 4  # they were killed at work, and not before


def _wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.002)
