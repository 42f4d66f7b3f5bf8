"""The calls of one trajectory belong together: the later ones keep the rule and the agent.

An agent that calls tools asks its model again after every result. A provider that is changed in
between loses its prompt cache, and refuses the reasoning of the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .decide import Decision
from .flows.kept import Kept, keeping

if TYPE_CHECKING:
    from .commitment import Commitments
    from .policy import Policy
    from .rules import Passed
    from .signals import Facts


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What the later calls of one trajectory keep: plain data, to be stored between the calls.

    Attributes:
        rule: the id of the rule that decided, or None where the default answers.
        agent: the id of the agent that answered.
        fingerprint: the policy that decided; another one decides anew.
    """

    rule: str | None
    agent: str
    fingerprint: str


class KeptDecision(Decision):
    """The record of a call that goes on where the one before ended; no rule was asked."""

    def __init__(
        self, policy: Policy, facts: Facts, index: int, commitments: Commitments, flow: Kept
    ) -> None:
        super().__init__(policy, facts, index, commitments)
        self._flow = flow

    @property
    def flow(self) -> Kept:
        """The rule's flow, begun where the agent stands."""
        return self._flow

    @property
    def kept(self) -> bool:
        """True: the agent of the call before goes on."""
        return True

    @cached_property
    def signals(self) -> Mapping[str, object]:
        """None: no condition was asked."""
        return {}

    @cached_property
    def _replay(self) -> Sequence[Passed]:
        return ()


def kept_decision(
    policy: Policy, facts: Facts, commitments: Commitments, trajectory: Trajectory
) -> KeptDecision | None:
    """Give the decision that goes on with a trajectory; None where the rules must decide anew.

    Args:
        policy: the policy at work.
        facts: the request's signals; none is read.
        commitments: as for `decide`.
        trajectory: what the call before says.
    """
    if policy.decide != "trajectory" or trajectory.fingerprint != policy.fingerprint:
        return None
    index, flow = -1, policy.default_flow
    if trajectory.rule is not None:
        index = next((r.position for r in policy.rules if r.id == trajectory.rule), -1)
        flow = policy.rules[index].flow if index >= 0 else None
    worst = max(policy.worst_calls.values(), default=0)
    kept = None if flow is None else keeping(flow, trajectory.agent, worst)
    return None if kept is None else KeptDecision(policy, facts, index, commitments, kept)
