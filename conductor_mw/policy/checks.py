"""Compile what an agent's own `output:`, `score:` and `accept:` ask of its answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conductor_mw.flows.output import compile_output
from conductor_mw.flows.quality import compile_gate

if TYPE_CHECKING:
    from conductor_mw.flows.base import Flow, Site
    from conductor_mw.policy.document import AgentEntry
    from conductor_mw.policy.draft import Draft


def entries_with_checks(draft: Draft) -> dict[str, tuple[int, AgentEntry]]:
    """Give the agents whose answers must meet something, with their positions, by id."""
    found: dict[str, tuple[int, AgentEntry]] = {}
    for position, entry in enumerate(draft.file.agents):
        if entry.score is not None or entry.accept is not None or entry.output is not None:
            found.setdefault(entry.id, (position, entry))
    return found


def compile_checks(asked: Flow, entry: AgentEntry, site: Site) -> Flow:
    """Give an agent's flow with its checks around: its output first, then its quality.

    Args:
        asked: the agent.
        entry: what the policy says of it.
        site: the agent's place.
    """
    # The outermost check stands for the agent wherever its id stands.
    output = None if entry.output is None else compile_output(asked, site, entry.output)
    if entry.score is None and entry.accept is None:
        return replace(output, agent=entry.id) if output else asked
    return replace(compile_gate(output or asked, site, entry.score, entry.accept), agent=entry.id)
