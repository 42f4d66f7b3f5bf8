"""Keep the text of every policy that ran, by its fingerprint."""

from __future__ import annotations

from conductor_mw import Policy

from .entry import Entry
from .log import Log


def archived(log: Log, policy: Policy, now: float) -> Entry:
    """Archive a policy, and give the record that it came to work.

    Args:
        log: the log.
        policy: the policy.
        now: the UTC second.

    Raises:
        ConductorError: it cannot be kept now.
    """
    digest = log.archive(policy.fingerprint, policy.documents, now)
    data: dict[str, object] = {
        "policy": policy.fingerprint,
        "name": policy.name,
        "documents": sorted(policy.documents),
        "archived": digest,
        "mode": policy.mode,
    }
    if policy.environment:
        data["environment"] = policy.environment
    return Entry(kind="policy", time=now, data=data)
