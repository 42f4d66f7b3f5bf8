"""Policies with a budget, and what their calls cost, for the tests of the budget plugin."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from conductor_mw_budget.layer import BudgetLayer

from conductor_mw import Conductor, Event, Failure, Money, Plugins, Usage, hookimpl
from conductor_mw.testing import Scripted, VirtualClock, Way, ask

PRICE = {"input": 100, "output": 400}
"""Dollars per million tokens: what a call costs is told in cents, and is exact."""
WORST = Money.of("0.0106")
"""What a call with the text `hello` may cost: 66 bytes are sent, and at most 10 tokens answered."""
DEAREST = Usage(66, 10)
"""The tokens of a call that costs what it was held for."""
CHEAP = Usage(10, 5)
COST = Money.of("0.003")
"""What a call of CHEAP tokens costs."""


def agent(name: str = "a", /, **settings: object) -> dict[str, object]:
    """Give an agent whose price and longest answer are known."""
    return {"id": name, "price": PRICE, "max_output_tokens": 10, **settings}


def policy(budget: object, *, agents: object = None, routing: object = None, **top: object) -> str:
    """Give the text of a policy with one agent `a` and a budget."""
    document = {
        "agents": agents or [agent()],
        "routing": {"default": "a"} if routing is None else routing,
        "plugins": {"budget": budget},
        **top,
    }
    return json.dumps(document)


def worst(calls: float) -> float:
    """Give the dollars of so many calls at their dearest."""
    return WORST.dollars * calls


@dataclass
class Heard:
    """The events of the budget plugin, in the order in which they were told."""

    events: list[Event] = field(default_factory=list[Event])

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        """Keep it."""
        if event.name.startswith("budget."):
            self.events.append(event)

    @property
    def names(self) -> list[str]:
        """Their names without the plugin's."""
        return [event.name.partition(".")[2] for event in self.events]

    def of(self, name: str) -> list[Mapping[str, object]]:
        """Give the data of all events of a name."""
        return [event.data for event in self.events if event.name == f"budget.{name}"]


def plugins(*more: object, heard: Heard | None = None) -> Plugins:
    """Give the installed plugins, and some of a test."""
    found = Plugins.installed()
    for number, plugin in enumerate((*more, *([heard] if heard else []))):
        found.add(plugin, f"of a test {number}")
    return found


@contextmanager
def opened(
    text: str,
    *more: object,
    heard: Heard | None = None,
    clock: VirtualClock | None = None,
    real_clock: bool = False,
    speakers: Mapping[str, object] | None = None,
    **agents: object,
) -> Generator[Conductor, None, None]:
    """Give a conductor, and close it afterwards."""
    conductor = Conductor.from_text(
        text,
        agents=speakers or agents or {"a": Scripted("hi", usage=DEAREST)},
        plugins=plugins(*more, heard=heard),
        clock=None if real_clock else clock or VirtualClock(),
        seed=3,
    )
    try:
        yield conductor
    finally:
        conductor.close()


def layer(conductor: Conductor) -> BudgetLayer:
    """Give the budget layer of a conductor."""
    found = conductor.layer("budget")
    assert isinstance(found, BudgetLayer)
    return found


def spent(conductor: Conductor, budget: int = 0) -> Money:
    """Give what was charged, in the order of accounts; nothing where there is no account."""
    accounts = layer(conductor).status()
    return accounts[budget].spent if accounts else Money()


def held(conductor: Conductor) -> Money:
    """Give what is held for calls under way, in all accounts."""
    return Money(sum(one.held.nano for one in layer(conductor).status()))


def admitted(conductor: Conductor, times: int, *, way: Way = "call", **options: Any) -> int:
    """Give how many of some calls one after another were not refused by the budget."""
    return sum(tried(lambda: ask(conductor, "hello", way=way, **options)) for _ in range(times))


def tried(call: Callable[[], object]) -> bool:
    """Whether a call was made; False where the budget refused it."""
    try:
        call()
    except Failure as failure:
        if failure.kind != "budget":
            raise
        return False
    return True
