"""The state that live signals read: how busy every agent is, and what plugins know about it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace

from .agents.base import Agent
from .agents.replicas import Pool
from .signals.registry import AgentState


class Board:
    """What is known of every agent right now. Safe from many threads.

    The core counts calls in flight; a breaker or a metrics plugin tells the rest through
    `watch_agents`, a budget through `watch_budget`.
    """

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}
        self._lock = threading.Lock()
        self._watch_agent: Callable[[str], AgentState] = lambda _: AgentState()
        self._watch_budget: Callable[[], float] = lambda: math.inf
        self._pools: dict[str, Pool] = {}

    def successor(self) -> Board:
        """Give a board for a new policy: the same calls in flight; nobody watches, none rests."""
        board = Board()
        board._in_flight, board._lock = self._in_flight, self._lock
        return board

    def agent(self, agent: str, /) -> AgentState:
        """Give how the agent with this id is doing."""
        state = self._watch_agent(agent)
        return replace(state, in_flight=self._in_flight.get(agent, 0))

    def budget_remaining(self) -> float:
        """Give the dollars that may still be spent; infinity where no budget is declared."""
        return self._watch_budget()

    def watch_agents(self, watch: Callable[[str], AgentState]) -> None:
        """Ask `watch` for the state of agents from now on."""
        self._watch_agent = watch

    def watch_budget(self, watch: Callable[[], float]) -> None:
        """Ask `watch` for the remaining budget from now on."""
        self._watch_budget = watch

    def busier(self, agent: str, calls: int) -> None:
        """Count a call that begins (1) or ends (-1)."""
        with self._lock:
            self._in_flight[agent] = self._in_flight.get(agent, 0) + calls

    def pool(self, agent: Agent) -> Pool:
        """Give the replicas of an agent while they are used."""
        with self._lock:
            return self._pools.setdefault(agent.id, Pool(agent))
