"""When a circuit opens, for how long, and who may try whether the agent works again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SHORTENED: Final = 0.2
_MOST_DOUBLINGS: Final = 30


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What holds for one agent; lengths of time in seconds.

    Attributes:
        error_rate: the share of failed calls from which the circuit opens.
        slow_rate: the share of slow calls from which it opens.
        slow_after: a call is slow whose first part took longer; None where no call is slow.
        min_calls: the calls that must have been seen before it opens.
        window: calls that ended longer ago do not count.
        open_for: how long it stays open the first time.
        longest: how long it stays open at most.
        probes: how many calls find out whether the agent works again.
        probe_within: a probe that has not ended by then is given up.
    """

    error_rate: float
    slow_rate: float
    slow_after: float | None
    min_calls: int
    window: float
    open_for: float
    longest: float
    probes: int
    probe_within: float

    def length(self, times: int, chance: float, asked: float | None = None) -> float:
        """Give the seconds that a circuit stays open.

        It doubles each time in a row, up to `longest`. From the second time on, up to a fifth is
        taken off by chance, so that processes that failed together do not come back together.

        Args:
            times: how often in a row it opened; 1 is the first time.
            chance: a number from 0 up to, not including, 1.
            asked: for how many seconds the provider asked not to be called, or None.
        """
        length = min(self.longest, self.open_for * 2.0 ** min(times - 1, _MOST_DOUBLINGS))
        if times > 1:
            length *= 1.0 - _SHORTENED * chance
        return max(length, min(asked or 0.0, self.longest))
