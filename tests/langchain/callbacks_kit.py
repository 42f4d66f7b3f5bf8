"""An app that calls its own chat model while a policy attends, in each of the four ways."""

from __future__ import annotations

import asyncio
from functools import reduce
from operator import add
from typing import Any, Literal

import pytest
from conductor_mw_langchain import ConductorCallbackHandler

from conductor_mw import Conductor, Event, Plugins, hookimpl

Way = Literal["invoke", "ainvoke", "stream", "astream"]
WAYS: tuple[Way, ...] = ("invoke", "ainvoke", "stream", "astream")
STREAMS: tuple[Way, ...] = ("stream", "astream")
each_way = pytest.mark.parametrize("way", WAYS)

SMALL = """
agents:
  - {id: small, model: oracle/small-1, price: {input: 0, output: 1}, max_output_tokens: 7}
  - {id: large, model: oracle/large-1}
routing:
  rules: [{id: long, condition: "input.text.contains('reason')", target: large}]
  default: small
"""
FIVE = SMALL + "plugins: {budget: {dollars: 0.000035, every: day}}\n"
"""The oracle answers seven words: a budget for five of its answers, and not a nano-dollar more."""


class Records:
    """What a policy told while it attended."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def conductor_event(self, event: Event) -> None:
        self.events.append(event)

    def told(self, name: str) -> list[dict[str, object]]:
        return [dict(event.data) for event in self.events if event.name == name]


def attending(text: str = SMALL, **options: Any) -> tuple[ConductorCallbackHandler, Records]:
    """Give a handler, and what its policy records."""
    records = Records()
    plugins = Plugins.installed()
    plugins.add(records, "records")
    conductor = Conductor.from_text(text, plugins=plugins)
    return ConductorCallbackHandler(conductor=conductor, **options), records


def ask(model: Any, question: Any, way: Way, *handlers: Any, **config: Any) -> Any:
    """Ask in one of the four ways; a stream's chunks are added up."""
    told: Any = {"callbacks": [*handlers], **config}
    if way == "invoke":
        return model.invoke(question, told)
    if way == "ainvoke":
        return asyncio.run(model.ainvoke(question, told))
    if way == "stream":
        return reduce(add, model.stream(question, told))

    async def read() -> Any:
        return reduce(add, [chunk async for chunk in model.astream(question, told)])

    return asyncio.run(read())


def spent(handler: ConductorCallbackHandler) -> int:
    """Give the nano-dollars that the policy's budget counts as spent."""
    budget: Any = handler.conductor.layer("budget")
    return sum(one.spent.nano for one in budget.status())
