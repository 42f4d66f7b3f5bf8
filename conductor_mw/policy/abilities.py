"""What an agent can, from what the policy says and from LiteLLM's list where it says nothing."""

from __future__ import annotations

from conductor_mw.agents.prices import ListPrice
from conductor_mw.policy.document import AgentEntry


def capabilities(entry: AgentEntry, listed: ListPrice | None) -> dict[str, bool]:
    """Give what an agent can and cannot; what neither the policy nor the list says is left out."""
    return {**(listed.capabilities if listed else {}), **_said(entry)}


def declared(entry: AgentEntry) -> dict[str, object]:
    """Give what the policy itself says: that is part of its meaning, the list is not."""
    found: dict[str, object] = {
        "capabilities": _said(entry) or None,
        "context_window": entry.context_window,
        "quality": entry.quality,
    }
    return {name: value for name, value in found.items() if value is not None}


def _said(entry: AgentEntry) -> dict[str, bool]:
    if entry.capabilities is None:
        return {}
    found: dict[str, bool | None] = entry.capabilities.model_dump(by_alias=True)
    return {name: can for name, can in found.items() if can is not None}
