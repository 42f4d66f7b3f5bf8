"""Say before anything runs how many calls one request can cost in the worst case."""

from __future__ import annotations

from dataclasses import dataclass

from conductor_mw.policy import Policy


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst case of one rule.

    Attributes:
        rule: the rule's id, or None for the default.
        target: where it leads.
        calls: the most calls that one request can cost, retries and fallbacks included.
        allowed: the most that the guarantees let through, or None where there is no limit.
    """

    rule: str | None
    target: str
    calls: int
    allowed: int | None


def worst_calls(policy: Policy) -> tuple[Worst, ...]:
    """Give the worst case of every rule in their order, the default last."""
    allowed = policy.guarantees.at_most.calls
    found = [Worst(rule.id, rule.target, rule.flow.worst_calls, allowed) for rule in policy.rules]
    if policy.default is not None and policy.default_flow is not None:
        found.append(Worst(None, policy.default, policy.default_flow.worst_calls, allowed))
    return tuple(found)
