"""The state that live signals read: how busy every agent is, and how its recent calls went."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .agents.replicas import Pool
from .figures import Figures, Window
from .signals.registry import AgentState, Facts

if TYPE_CHECKING:
    from .agents.base import Agent
    from .parts import Outcome


class Board:
    """What is known of every agent right now. Safe from many threads.

    The core counts calls in flight and sees how calls end; a breaker or a metrics plugin tells the
    rest through `watch_agents`, a budget through `watch_budget`.

    Args:
        monotonic: gives the monotonic second, of the clock by which calls are timed.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._in_flight: dict[str, int] = {}
        self._seen: dict[str, Window] = {}
        self._lock = threading.Lock()
        self._watch_agent: Callable[[str], AgentState] | None = None
        self._watch_budget: Callable[[Facts], float] = lambda _: math.inf
        self._pools: dict[str, Pool] = {}

    def successor(self) -> Board:
        """Give a board for a new policy: the same calls and figures; nobody watches, none rests."""
        board = Board(self._monotonic)
        board._in_flight, board._seen, board._lock = self._in_flight, self._seen, self._lock
        return board

    def agent(self, agent: str, /) -> AgentState:
        """Give how the agent with this id is doing; who watches it knows better than the core."""
        in_flight = self._in_flight.get(agent, 0)
        if self._watch_agent is not None:
            return replace(self._watch_agent(agent), in_flight=in_flight)
        seen = self.figures(agent)
        return AgentState(
            error_rate=seen.error_rate or 0.0, p95_ms=seen.p95_ms or 0.0, in_flight=in_flight
        )

    def figures(self, agent: str) -> Figures:
        """Give what the core saw of this agent's recent calls."""
        window = self._seen.get(agent)
        return Figures() if window is None else window.figures(self._monotonic())

    def budget_remaining(self, facts: Facts, /) -> float:
        """Give the dollars that this request's budgets leave; infinity where there is none."""
        return self._watch_budget(facts)

    def watch_agents(self, watch: Callable[[str], AgentState]) -> None:
        """Ask `watch` for the state of agents from now on."""
        self._watch_agent = watch

    def watch_budget(self, watch: Callable[[Facts], float]) -> None:
        """Ask `watch` for what a request's budgets leave from now on."""
        self._watch_budget = watch

    def busier(self, agent: str, calls: int) -> None:
        """Count a call that begins (1) or ends (-1)."""
        with self._lock:
            self._in_flight[agent] = self._in_flight.get(agent, 0) + calls

    def pool(self, agent: Agent) -> Pool:
        """Give the replicas of an agent while they are used."""
        with self._lock:
            return self._pools.setdefault(agent.id, Pool(agent))

    def saw(self, outcome: Outcome) -> None:
        """Take in how a call ended."""
        window = self._seen.get(outcome.agent)
        if window is None:
            with self._lock:
                window = self._seen.setdefault(outcome.agent, Window())
        window.add(outcome)
