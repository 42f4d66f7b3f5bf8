"""What `pick:` knows of its candidates: what a call should cost and take, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from conductor_mw.agents.capabilities import NEEDED
from conductor_mw.enforce import output_ceiling
from conductor_mw.parts import Usage
from conductor_mw.rules.types import BOOL, DOUBLE, INT, Type
from conductor_mw.signals.tokens import BYTES_PER_TOKEN, ESTIMATE

if TYPE_CHECKING:
    from conductor_mw.agents.base import Agent
    from conductor_mw.request import Request

    from .base import At

FIGURES: Final[Mapping[str, Type]] = {
    "cost": DOUBLE,
    "latency": DOUBLE,
    "p95_ms": DOUBLE,
    "quality": DOUBLE,
    "context": INT,
    "open": BOOL,
    "error_rate": DOUBLE,
    "in_flight": INT,
    **{f"capabilities.{name}": BOOL for name in NEEDED},
}
"""What the formula and the condition of a `pick:` read of each candidate.

`cost` is in dollars and `latency` in seconds, as `answer.cost` and `answer.seconds` are. Of an
agent that was not asked lately and whose latency the policy does not declare, both `latency` and
`p95_ms` are 0: it is worth a look.
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of calls before any was seen.

    Attributes:
        output_tokens: tokens of an answer.
        seconds: how long an agent takes, by id.
    """

    output_tokens: int
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])


def unknown(agent: Agent, read: str) -> str:
    """Say what an agent must declare so that a figure has a value; nothing where it has one."""
    missing = {
        "cost": ("price", agent.price is None),
        "quality": ("quality", agent.quality is None),
        "context": ("context_window", agent.context_window is None),
    }
    key, lacks = missing.get(read, ("", False))
    return key if lacks else ""


def typical(agents: Sequence[Agent], expected: Expected, at: At) -> Expected:
    """Give what is expected of the candidates that were not seen, from those that were.

    Answers to the same requests are of about the same length. If a candidate that nobody asked kept
    a length that was declared, it would look dear beside one whose answers turned out short, and
    would never be asked.
    """
    board = at.run.runtime.board
    seen = [board.figures(agent.id).output_tokens for agent in agents]
    known = [tokens for tokens in seen if tokens is not None]
    return replace(expected, output_tokens=round(sum(known) / len(known))) if known else expected


def figures_of(agent: Agent, request: Request, expected: Expected, at: At) -> dict[str, object]:
    """Give the figures of a candidate for this request, now."""
    board = at.run.runtime.board
    state, seen = board.agent(agent.id), board.figures(agent.id)
    declared = expected.seconds.get(agent.id, 0.0)
    seconds = declared if seen.seconds is None else seen.seconds
    p95_ms = 1000.0 * declared if seen.p95_ms is None else seen.p95_ms
    found: dict[str, object] = {
        "latency": seconds,
        "p95_ms": state.p95_ms or p95_ms,
        "open": state.open,
        "error_rate": state.error_rate,
        "in_flight": state.in_flight,
        **{f"capabilities.{name}": agent.capabilities.get(name, False) for name in NEEDED},
    }
    if agent.price is not None:
        tokens = seen.output_tokens
        usage = _usage(agent, request, expected.output_tokens if tokens is None else tokens, at)
        found["cost"] = agent.price.cost(usage).dollars
    if agent.quality is not None:
        found["quality"] = agent.quality
    if agent.context_window is not None:
        found["context"] = agent.context_window
    return found


def _usage(agent: Agent, request: Request, output_tokens: float, at: At) -> Usage:
    counted: object = None
    if request is at.run.request:
        counted = at.run.facts["input.tokens"]  # counted once, as the policy counts
    tokens = counted if isinstance(counted, int) else ESTIMATE.count(request)
    prompt = len(agent.prompt.encode("utf-8", "surrogatepass"))
    ceiling = output_ceiling(agent, request)
    answer = round(output_tokens)
    return Usage(
        input_tokens=tokens + round(prompt / BYTES_PER_TOKEN),
        output_tokens=answer if ceiling is None else min(answer, ceiling),
    )
