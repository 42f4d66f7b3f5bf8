"""Compile `replicas:`, the deployments or keys of one agent's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conductor_mw.agents.base import AgentOptions, Replica
from conductor_mw.policy.access import check_access
from conductor_mw.policy.document import AgentEntry, ReplicaEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import validate

_OWN: Final = ("base_url", "api_key", "model")


def compile_replicas(
    draft: Draft,
    entry: AgentEntry,
    kind: str,
    options: type[AgentOptions],
    given: Mapping[str, object],
    at: Loc,
) -> tuple[Replica, ...]:
    """Give an agent's replicas; findings go to the draft.

    Args:
        draft: the policy while it is compiled.
        entry: the agent as the policy writes it.
        kind: its kind, for messages.
        options: the option class of its kind.
        given: the agent's own options; a replica has them where it says nothing else.
        at: where the agent stands.
    """
    found: list[Replica] = []
    names: set[str] = set()
    for position, one in enumerate(entry.replicas or ()):
        here = (*at, "replicas", position)
        name = one.name or str(position)
        if name in names:
            draft.find(
                (*here, "name"), "duplicate-id", f"the replica {name!r} stands here a second time"
            )
        names.add(name)
        own = _own(draft, one, kind, options, here)
        if own is None:
            continue
        stated = validate(options, {**given, **own}, draft.positions, draft.findings, here)
        if stated is not None:
            found.append(Replica(name, stated, one.weight))
    return tuple(found)


def _own(
    draft: Draft, entry: ReplicaEntry, kind: str, options: type[AgentOptions], at: Loc
) -> dict[str, object] | None:
    own = {name: value for name in _OWN if (value := getattr(entry, name)) is not None}
    foreign = [name for name in own if name not in options.model_fields]
    if foreign or "base_url" not in options.model_fields:
        draft.find(
            (*at, foreign[0]) if foreign else at,
            "unknown-key",
            f"an agent of the kind {kind!r} has no replicas",
            "they belong to agents with `model:`; use `balance:` over several agents",
        )
        return None
    return own if check_access(draft, entry.base_url, entry.api_key, at) else None
