"""Who may be asked below some flows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .agent import AskAgent

if TYPE_CHECKING:
    from conductor_mw.agents.base import Agent

    from .base import Flow


def agents_below(flows: Iterable[Flow | None]) -> dict[str, Agent]:
    """Give the agents below some flows, by id; what they share is looked at once."""
    asked: dict[str, Agent] = {}
    waiting = [flow for flow in flows if flow is not None]
    seen: set[int] = set()
    while waiting:
        flow = waiting.pop()
        if id(flow) in seen:
            continue
        seen.add(id(flow))
        if isinstance(flow, AskAgent):
            asked[flow.agent.id] = flow.agent
        waiting.extend(child for _, child in flow.children)
    return asked
