"""Say before anything runs how many calls one request can cost in the worst case."""

from __future__ import annotations

from dataclasses import dataclass

from conductor_mw.flows.base import Flow
from conductor_mw.flows.rescue import Rescue
from conductor_mw.policy import Policy, Rule
from conductor_mw.signals.paid import worst_of


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst case of one rule.

    Attributes:
        rule: the rule's id, or None for the default.
        target: where it leads.
        calls: the most calls that one request can cost, retries, fallbacks and paid signals
            included.
        signals: how many of them can be for paid signals.
        allowed: the most that the guarantees let through, or None where there is no limit.
    """

    rule: str | None
    target: str
    calls: int
    allowed: int | None
    signals: int = 0


def worst_calls(policy: Policy) -> tuple[Worst, ...]:
    """Give the worst case of every rule in their order, the default last."""
    allowed = policy.guarantees.at_most.calls
    paid = policy.paid.values()

    def worst(rule: Rule | None, target: str, flow: Flow) -> Worst:
        asked = worst_of(paid, None if rule is None else rule.position)
        calls = flow.worst_calls + asked
        if target.startswith("#"):  # written in place: it has no name but its strategy's
            target = f"({(flow.flow if isinstance(flow, Rescue) else flow).label})"
        return Worst(None if rule is None else rule.id, target, calls, allowed, asked)

    found = [worst(rule, rule.target, rule.flow) for rule in policy.rules]
    if policy.default is not None and policy.default_flow is not None:
        found.append(worst(None, policy.default, policy.default_flow))
    return tuple(found)
