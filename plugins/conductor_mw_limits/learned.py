"""Remember which agents' providers said that nothing is left, and for how long."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from .headers import empty_in

if TYPE_CHECKING:
    from conductor_mw import Agent, Outcome


class Lesson(NamedTuple):
    """What a provider's answer said.

    Attributes:
        sort: of what nothing is left; `retry-after` where it refused a call and said how long.
        seconds: for how long, from the end of the call.
        agent: whose provider.
        replica: which of its replicas; empty where it has none.
    """

    sort: str
    seconds: float
    agent: str
    replica: str


class Learned:
    """What providers said; shared by all policies of a conductor.

    Args:
        most: the most seconds for which anything holds, whatever a header says.
    """

    __slots__ = ("_lock", "_until", "closed", "most")

    def __init__(self, most: float) -> None:
        self.most = most
        self.closed: dict[str, float] = {}  # agent: monotonic second; read without the lock
        self._until: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def learn(self, agent: Agent, outcome: Outcome, utc: float) -> Lesson | None:
        """Take in how a call ended; gives what is new."""
        sort, seconds = "retry-after", 0.0
        if outcome.kind == "rate_limit" and outcome.retry_after:
            seconds = outcome.retry_after  # of a refusal, this is what it asks for
        elif outcome.headers:
            empty = empty_in(outcome.headers, utc)
            if empty is not None:
                sort, seconds = empty
        seconds = min(seconds, self.most)
        if not seconds > 0:
            return None
        # From the end of the call: a retry that waits as long as it was asked to comes in time.
        until = outcome.started + outcome.seconds + seconds
        with self._lock:
            replicas = self._until.setdefault(agent.id, {})
            if replicas.get(outcome.replica, 0.0) >= until:
                return None
            replicas[outcome.replica] = until
            names = [one.name for one in agent.replicas] or [outcome.replica]
            if all(name in replicas for name in names):
                self.closed[agent.id] = min(replicas[name] for name in names)
        return Lesson(sort, seconds, agent.id, outcome.replica)

    def seconds(self, agent: str, now: float) -> float:
        """Give for how long an agent should not be asked, from a monotonic second on."""
        until = self.closed.get(agent)
        if until is None:
            return 0.0
        if until > now:
            return until - now
        with self._lock:
            if self.closed.get(agent) == until:
                del self.closed[agent]
        return 0.0
