"""The shared store is gone for a while: what the policy chose happens, and nothing counts twice."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Self

import pytest
from conductor_mw_budget import BudgetExhausted
from conductor_mw_budget.lease import TABLE
from conductor_mw_budget.row import Row

from conductor_mw import Conductor
from conductor_mw.testing import WAYS, Scripted, Way, ask
from tests.budget_kit import CHEAP, COST, DEAREST, WORST, admitted, opened, policy, worst
from tests.outage import Outage
from tests.services import opened as opened_store

SECONDS = 5.0 if os.environ.get("CONDUCTOR_LONG") == "1" else 0.6
MODES = ("refuse", "local", "allow")


@pytest.fixture(params=["redis", "postgres"])
def outage(request: pytest.FixtureRequest) -> Iterator[Outage]:
    """Give a wire to each server."""
    with Outage(request.getfixturevalue(f"{request.param}_address")) as found:
        yield found


def text(address: str, dollars: float, mode: str) -> str:
    budget = {"dollars": dollars, "every": "total", "store_down": mode}
    return policy(budget, store=address)


def total(address: str) -> tuple[int, int]:
    """Give what is spent, and what is spent or in somebody's hands, of the only row of a store."""
    with closing(opened_store(address)) as store:
        (key,) = store.keys(TABLE, now=time.time())
        found = store.get(TABLE, key, now=time.time())
    assert found is not None
    row = Row.read(found)
    return row.spent, row.total


@dataclass
class Load:
    """Threads that call as fast as they can."""

    conductor: Conductor
    ended: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter[str])
    faults: list[BaseException] = field(default_factory=list[BaseException])
    phase: str = "before"

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._call) for _ in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join()
        assert self.faults == []

    def _call(self) -> None:
        while not self.ended.is_set():
            phase = self.phase
            try:
                self.conductor.call("hello")
                self.counts[f"{phase}: answered"] += 1
            except BudgetExhausted:
                self.counts[f"{phase}: refused"] += 1
                time.sleep(0.01)
            except BaseException as error:  # noqa: BLE001 - looked at by the thread of the test
                self.faults.append(error)
                return


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_under_load_the_store_goes_and_comes_back(outage: Outage, mode: str) -> None:
    model = Scripted(0.01, "hi", usage=CHEAP)
    with (
        opened(text(outage.address, 10_000, mode), real_clock=True, a=model) as c,
        Load(c) as load,
    ):
        time.sleep(0.3)
        load.phase = "away"
        outage.cut()
        time.sleep(SECONDS)
        outage.restore()
        time.sleep(1.2)  # the store is left alone for a second after an error
        load.phase = "back"
        time.sleep(0.4)

    assert load.counts["before: answered"] > 0
    assert load.counts["back: answered"] > 0
    if mode != "refuse":
        assert load.counts["away: refused"] == 0
    billed = len(model.asked) * COST.nano
    assert total(outage.address) == (billed, billed)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("mode", "answered"), [("refuse", 0), ("local", 4), ("allow", 10)], ids=MODES
)
def test_while_the_store_is_away_the_policy_says_what_happens(
    outage: Outage, mode: str, answered: int, way: Way
) -> None:
    model = Scripted("hi", usage=DEAREST)
    # Small enough that nothing is taken in advance, so that nothing is in hand.
    with opened(text(outage.address, worst(5.5), mode), real_clock=True, a=model) as c:
        ask(c, "hello", way=way)
        outage.cut()

        assert admitted(c, 10, way=way) == answered
        if mode == "refuse":
            with pytest.raises(BudgetExhausted, match="store of the shared budget cannot be reach"):
                ask(c, "hello", way=way)
        outage.restore()

    # Once it is back it is told, whatever that was, and once.
    billed = len(model.asked) * WORST.nano
    assert total(outage.address) == (billed, billed)


def test_a_store_that_hangs_is_asked_once_a_second_and_not_by_every_call(
    redis_address: str,
) -> None:
    with Outage(redis_address.replace("timeout=20", "timeout=0.1")) as outage:
        model = Scripted("hi", usage=DEAREST)
        with opened(text(outage.address, worst(5), "refuse"), real_clock=True, a=model) as c:
            ask(c, "hello", way="call")
            outage.hang()
            begun = time.monotonic()
            refused = 0
            for _ in range(200):
                with pytest.raises(BudgetExhausted):
                    c.call("hello")
                refused += 1
            assert refused == 200
            # 200 time-outs would take 20 seconds.
            assert time.monotonic() - begun < 10
            outage.restore()
