"""What was seen of an agent's recent calls: how long they took, how many failed, what they said."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .errors import FailureKind
    from .parts import Outcome

CALLS: Final = 128
"""Calls that are remembered of each agent."""
SECONDS: Final = 300.0
"""How long a call is remembered: an agent that nobody asks because it was slow is unknown again."""
_UNWELL: Final[frozenset[FailureKind | None]] = frozenset(
    ("timeout", "connection", "rate_limit", "server_error", "auth")
)


class Figures(NamedTuple):
    """What recent calls of an agent were like; None where none of them tells.

    Attributes:
        error_rate: the share that failed for the agent's own reasons, from 0 to 1.
        p95_ms: the 95th percentile of how long they took, in milliseconds.
        seconds: how long they took on average.
        output_tokens: how many tokens they answered on average.
    """

    error_rate: float | None = None
    p95_ms: float | None = None
    seconds: float | None = None
    output_tokens: float | None = None


class _Call(NamedTuple):
    ended: float
    failed: bool
    seconds: float | None
    output_tokens: int | None


class Window:
    """The recent calls of one agent. Adding one is O(1); safe from many threads."""

    __slots__ = ("_calls", "_figures", "_lock", "_worked_out")

    def __init__(self) -> None:
        self._calls: deque[_Call] = deque(maxlen=CALLS)
        self._lock = threading.Lock()
        self._figures: Figures | None = None
        self._worked_out = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take in how a call ended, where that says something of the agent.

        What was refused before it was sent, or was cut by the caller, does not.
        """
        failed = outcome.kind in _UNWELL
        if outcome.by or outcome.finish == "cut" or (outcome.error is not None and not failed):
            return
        # An error in the place of an answer comes quickly, and says nothing of how long one takes.
        timed = not failed or outcome.kind == "timeout"
        call = _Call(
            outcome.started + outcome.seconds,
            failed,
            outcome.seconds if timed else None,
            None if failed else outcome.usage.output_tokens or None,
        )
        with self._lock:
            self._calls.append(call)
            self._figures = None

    def figures(self, now: float) -> Figures:
        """Give what the calls of the last five minutes were like, to the second."""
        with self._lock:
            if self._figures is None or now - self._worked_out >= 1.0:
                self._figures, self._worked_out = self._work_out(now), now
            return self._figures

    def _work_out(self, now: float) -> Figures:
        calls = [call for call in self._calls if call.ended >= now - SECONDS]
        if not calls:
            return Figures()
        times = sorted(call.seconds for call in calls if call.seconds is not None)
        tokens = [call.output_tokens for call in calls if call.output_tokens is not None]
        return Figures(
            error_rate=sum(call.failed for call in calls) / len(calls),
            p95_ms=1000.0 * times[(95 * len(times) - 1) // 100] if times else None,
            seconds=sum(times) / len(times) if times else None,
            output_tokens=sum(tokens) / len(tokens) if tokens else None,
        )
