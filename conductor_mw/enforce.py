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


def dearest(agent: Agent, request: Request) -> Money | str:
    """Give the most that a call could cost, or say why that is unknown.

    Args:
        agent: who would be asked.
        request: what would be sent.
    """
    if agent.price is None:
        return "its price is unknown"
    ceiling = output_ceiling(agent, request)
    if ceiling is None:
        return "its longest answer is unknown (set max_tokens)"
    # A byte-level tokenizer never makes more tokens than there are bytes.
    return agent.price.cost(Usage(input_tokens=request.size, output_tokens=ceiling))


def output_ceiling(agent: Agent, request: Request) -> int | None:
    """Give the most tokens the agent can answer this request with, or None where unknown."""
    ceilings = [] if agent.max_output_tokens is None else [agent.max_output_tokens]
    for name in ("max_tokens", "max_completion_tokens"):
        value = request.parameters.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            ceilings.append(value)
    return min(ceilings, default=None)
