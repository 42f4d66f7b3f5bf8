"""Let agents rest at night, and tell conditions whether it is the weekend.

.. code-block:: yaml

    plugins:
      quiet_hours: {after: 22, until: 6, agents: [big]}
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import (
    BOOL,
    Attempted,
    Clock,
    Facts,
    Failure,
    Part,
    Parts,
    RegisterLayer,
    RegisterSignal,
    Setting,
    Signal,
    hookimpl,
)

__all__ = ["QuietHours", "conductor_layers", "conductor_signals"]

Hour = Annotated[int, Field(ge=0, le=23)]


class QuietHours(BaseModel):
    """What a policy may write below `quiet_hours`.

    Attributes:
        after: the first hour of rest, in UTC.
        until: the first hour of work, in UTC; the same as `after` means no rest.
        agents: the ids of the agents that rest; every agent where there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Hour = 22
    until: Hour = 6
    agents: tuple[str, ...] = ()

    def build(self, setting: Setting) -> Rest:
        """Give the layer; called once for each policy that names it."""
        return Rest(self, setting.clock)

    def covers(self, hour: int) -> bool:
        """Whether an hour is one of rest.

        >>> [QuietHours(after=22, until=6).covers(hour) for hour in (21, 22, 5, 6)]
        [False, True, True, False]
        """
        if self.after <= self.until:
            return self.after <= hour < self.until
        return hour >= self.after or hour < self.until  # the night goes over midnight


@dataclass(frozen=True, slots=True)
class Rest:
    """Refuses attempts in quiet hours. The clock is a field, so that a test says the hour."""

    hours: QuietHours
    clock: Clock

    async def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Pass an attempt on, or fail it as `limited`, so that the flow decides who answers."""
        rests = not self.hours.agents or attempt.agent.id in self.hours.agents
        hour = datetime.fromtimestamp(self.clock.now().utc, UTC).hour
        if rests and self.hours.covers(hour):
            raise Failure(
                "limited",
                f"agent {attempt.agent.id!r} rests until {self.hours.until}:00 UTC",
                agent=attempt.agent.id,
            )
        async for part in proceed(attempt):
            yield part


@hookimpl
def conductor_layers(register: RegisterLayer) -> None:
    """Offer the layer."""
    register("quiet_hours", QuietHours, rank=60)


@hookimpl
def conductor_signals(register: RegisterSignal) -> None:
    """Offer the signal."""
    register(Signal("clock.weekend", BOOL, _weekend, doc="Whether it is Saturday or Sunday, UTC."))


def _weekend(facts: Facts) -> bool:
    # The moment of the decision, not the wall clock: a replayed decision comes out the same.
    return datetime.fromtimestamp(facts.moment.utc, UTC).isoweekday() >= 6
