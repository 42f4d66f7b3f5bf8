"""An agent with its circuit, and what one call of it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conductor_mw import FailureKind, Outcome

from .circuit import Circuit
from .thresholds import Thresholds

TELLING: Final[frozenset[FailureKind | None]] = frozenset(
    ("timeout", "connection", "rate_limit", "server_error", "auth")
)
"""The failures that say something of the agent, and not of the request or of the policy."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """An agent with its circuit.

    Attributes:
        circuit: its circuit.
        thresholds: when it opens.
        counted: whether its calls are counted. Those of a person are not: who thinks for an hour is
            not broken.
    """

    circuit: Circuit
    thresholds: Thresholds
    counted: bool = True


def is_slow(outcome: Outcome, thresholds: Thresholds) -> bool:
    """Whether a call was slow: until its first part, or until its end where none came.

    Not until the end of a stream: that depends on how long the answer is, and on how fast the
    caller reads.
    """
    if thresholds.slow_after is None:
        return False
    taken = outcome.seconds if outcome.first_part is None else outcome.first_part
    return taken > thresholds.slow_after


def has_failed(outcome: Outcome) -> bool | None:
    """Whether a call failed for the agent's own reasons; None where it says nothing of the agent.

    A caller that stopped reading, a request that was refused as invalid, an answer that another
    layer gave: none of them is the agent's merit or fault.
    """
    if outcome.kind in TELLING:
        return True
    if outcome.error is not None or outcome.finish == "cut" or outcome.by:
        return None
    return False
