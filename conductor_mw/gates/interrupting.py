"""Hosts that leave a run where it waits for people, and begin it again once they have answered.

A host whose runs are durable (LangGraph is one) does not wait in a thread: it ends the pass with an
exception of its own, and a later pass, perhaps of another process, comes to the same gate again.
Its `approvals` say so with `visit()`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from conductor_mw.attempts import Attempted
    from conductor_mw.flows.base import Flow
    from conductor_mw.parts import Part, Parts
    from conductor_mw.policy import Policy
    from conductor_mw.request import Request

    from .gate import Approvals, Gate, Verdict


class Visit(Protocol):
    """One pass of a run in such a host; what it awaits are effects, so it is written once."""

    def seed(self, request: Request) -> str:
        """Give a seed, the same in every pass: what chance chose for a request it chooses again."""
        ...

    async def reopened(self, gate: Gate) -> Gate:
        """Give a gate with the opening and the deadline of the first pass that came to it."""
        ...

    async def ask(self, gate: Gate, objection: Callable[[Verdict], str]) -> Verdict:
        """Give what a person decided; where nobody has, leave the run with the host's exception.

        Args:
            gate: what is asked.
            objection: says why the gate cannot take a verdict; an empty text where it can.
        """
        ...

    def around_attempt(self, attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        """Give what an earlier pass got from this attempt; else make it, and keep what it gives."""
        ...


class Interrupting(Protocol):
    """Approvals of such a host."""

    def visit(self) -> Visit | None:
        """Give the pass that the caller is in, or None where a run cannot be left and resumed."""
        ...


def visit_of(approvals: Approvals | Interrupting | None) -> Visit | None:
    """Give the pass that the caller is in, or None where these approvals never leave a run."""
    visit = getattr(approvals, "visit", None)
    return None if visit is None else cast("Interrupting", approvals).visit()


def keeping(
    approvals: Approvals | Interrupting | None, policy: Policy
) -> tuple[Callable[[Attempted, Callable[[Attempted], Parts]], Parts], ...]:
    """Give what lies around every attempt, outside all layers, where runs may be left.

    No layer sees again what an earlier pass did: nothing is counted, limited or paid twice.
    """
    people = any(agent.kind == "human" for agent in policy.agents.values())
    if not people or getattr(approvals, "visit", None) is None:
        return ()

    async def kept(
        attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        visit = visit_of(approvals)
        decision = attempt.run.decision
        # Who is asked in order to decide is asked before it is known whether people are asked.
        asked = visit is not None and (decision is None or _asks_people(decision.flow))
        parts = visit.around_attempt(attempt, proceed) if visit and asked else proceed(attempt)
        async with aclosing(parts) as found:
            async for part in found:
                yield part

    return (kept,)


def _asks_people(flow: Flow) -> bool:
    agent = getattr(flow, "agent", None)
    if getattr(agent, "kind", "") == "human":
        return True
    return any(_asks_people(step) for _, step in flow.children)
