"""What happens in a run, told to every plugin that implements `conductor_event`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

EVENT_VERSION: Final = 1

EventName = Literal[
    "run_started",
    "decided",
    "learned",
    "attempt_started",
    "attempt_ended",
    "retry",
    "fallback",
    "shortened",
    "rated",
    "escalated",
    "hedged",
    "won",
    "disagreed",
    "picked",
    "repeated",
    "undo_failed",
    "undo_left",
    "shadow_compared",
    "shadow_dropped",
    "observed",
    "rollout_returned",
    "feedback",
    "run_ended",
    "policy_loaded",
    "policy_refused",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        version: the form of this record; it changes when a field changes its meaning.
        name: what happened: an `EventName`, or `<layer>.<what>` where a plugin tells it.
        run: the run's id, or an empty string outside a run.
        path: the step's stable place in the flow, where there is one.
        attempt: which try of the step, from 1, where there is one.
        monotonic: seconds for durations.
        utc: seconds since 1970 for records.
        data: plain JSON; a text of user or agent stands in it only as length and commitment.
    """

    version: int = EVENT_VERSION
    name: EventName | str
    run: str = ""
    path: str = ""
    attempt: int = 0
    monotonic: float = 0.0
    utc: float = 0.0
    data: Mapping[str, object] = field(default_factory=dict[str, object])
