"""Several deployments or keys of one model: which of them is called, and which of them rest."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from conductor_mw.effects import Now, Random
from conductor_mw.errors import Failure, FailureKind

if TYPE_CHECKING:
    from conductor_mw.effects import Attempt
    from conductor_mw.parts import Outcome, Parts

    from .base import Agent, Replica, Speaker

RATE_LIMITED: Final = 30.0
"""Seconds that a replica rests after a rate limit without a Retry-After."""
REFUSED: Final = 300.0
"""Seconds that a replica rests whose key was refused; a new policy ends every rest."""
RESTING: Final[Mapping[FailureKind, float]] = {"rate_limit": RATE_LIMITED, "auth": REFUSED}


@dataclass(slots=True, eq=False)
class Pool:
    """The replicas of one agent while they are used. Safe from many threads."""

    agent: Agent
    _in_flight: dict[str, int] = field(default_factory=dict[str, int])
    _rests: dict[str, tuple[float, FailureKind]] = field(
        default_factory=dict[str, tuple[float, FailureKind]]
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def choose(self) -> str:
        """Give the name of the replica to call: the less busy of two taken by chance.

        Raises:
            Failure: every replica rests. It is a rate limit with the time until the first of them
                is back: a provider that asked for silence gets it, and a fallback goes on at once.
        """
        now = (await Now()).monotonic
        with self._lock:
            awake = [one for one in self.agent.replicas if self._awake(one.name, now)]
        if not awake:
            raise self._asleep(now)
        if len(awake) == 1:
            return awake[0].name
        first, second = _at(awake, await Random()), _at(awake, await Random())
        return second.name if self._load(second) < self._load(first) else first.name

    def in_flight(self, name: str) -> int:
        """Give how many calls of a replica are under way."""
        return self._in_flight.get(name, 0)

    def begin(self, name: str) -> None:
        """Count a call that is about to be made."""
        with self._lock:
            self._in_flight[name] = self._in_flight.get(name, 0) + 1

    def end(self, name: str, outcome: Outcome) -> None:
        """Count a call that is over, and let the replica rest where it has to."""
        with self._lock:
            self._in_flight[name] -= 1
            kind = outcome.kind
            if kind is not None and kind in RESTING:
                asked = outcome.retry_after if kind == "rate_limit" else None
                rest = RESTING[kind] if asked is None else asked
                self._rests[name] = (outcome.started + outcome.seconds + rest, kind)

    def _awake(self, name: str, now: float) -> bool:
        if name in self._rests and self._rests[name][0] <= now:
            del self._rests[name]
        return name not in self._rests

    def _load(self, replica: Replica) -> float:
        return self.in_flight(replica.name) / replica.weight

    def _asleep(self, now: float) -> Failure:
        with self._lock:
            rests = list(self._rests.values())
        limited = [until for until, kind in rests if kind == "rate_limit"]
        kind: FailureKind = "rate_limit" if limited else "auth"
        return Failure(
            kind,
            f"agent {self.agent.id!r} was not asked: all of its {len(self.agent.replicas)} "
            f"replicas rest",
            agent=self.agent.id,
            retry_after=max(0.0, min(limited) - now) if limited else None,
        )


def _at(replicas: list[Replica], point: float) -> Replica:
    """Give the replica at a point from 0 up to 1 along the weights laid end to end."""
    ends = list(accumulate(one.weight for one in replicas))
    return replicas[min(bisect_right(ends, point * ends[-1]), len(replicas) - 1)]


@dataclass(frozen=True, slots=True)
class Replicated:
    """Speaks for an agent through the replica that an attempt names."""

    speakers: Mapping[str, Speaker]

    def answer(self, attempt: Attempt) -> Parts:
        """Give the parts of the replica's answer."""
        return self.speakers[attempt.replica].answer(attempt)


def each_of(agent: Agent) -> Mapping[str, Agent]:
    """Give an agent once for each of its replicas, with that replica's options."""
    return {one.name: replace(agent, options=one.options, replicas=()) for one in agent.replicas}
