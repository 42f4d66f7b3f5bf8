"""Check a policy's guarantees at run time, before anything is sent out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import EvaluationError
from .parts import Usage

if TYPE_CHECKING:
    from .agents.base import Agent
    from .money import Money
    from .policy import Guarantees
    from .request import Request
    from .signals import Facts


def forbidden_agents(guarantees: Guarantees, facts: Facts) -> Mapping[str, str]:
    """Give the agents that a request must never reach, each with the guarantee's words.

    A guarantee fails closed: where its condition cannot be evaluated, it counts as true.
    """
    forbidden: dict[str, str] = {}
    for never in guarantees.never:
        because = never.text
        try:
            holds = never.when.evaluate(facts) is not False
        except EvaluationError as error:
            holds, because = True, f"{never.text} (not evaluated: {error.problem})"
        if holds:
            for agent in never.agents:
                forbidden.setdefault(agent, because)
    return forbidden


def too_dear(agent: Agent, request: Request, spent: Money | None, limit: Money) -> str:
    """Say why a call could cost more than is allowed, or give an empty string.

    Args:
        agent: who would be asked.
        request: what would be sent.
        spent: what the run has cost so far, or None where a price was unknown.
        limit: the most that the whole run may cost.
    """
    allowed = f"the policy allows at most {limit}"
    if agent.price is None:
        return f"its price is unknown and {allowed}"
    if spent is None:
        return f"an earlier call has no known price and {allowed}"
    ceiling = output_ceiling(agent, request)
    if ceiling is None:
        return f"its longest answer is unknown (set max_tokens) and {allowed}"
    # A byte-level tokenizer never makes more tokens than there are bytes.
    worst = agent.price.cost(Usage(input_tokens=request.size, output_tokens=ceiling))
    if spent + worst > limit:
        return f"it could cost {worst} after {spent}, and {allowed}"
    return ""


def output_ceiling(agent: Agent, request: Request) -> int | None:
    """Give the most tokens the agent can answer this request with, or None where unknown."""
    ceilings = [] if agent.max_output_tokens is None else [agent.max_output_tokens]
    for name in ("max_tokens", "max_completion_tokens"):
        value = request.parameters.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            ceilings.append(value)
    return min(ceilings, default=None)
