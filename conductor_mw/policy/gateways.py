"""Compile how agents' calls travel: directly, through a named gateway, or as the app's own."""

from __future__ import annotations

import re
from typing import Final

from conductor_mw.agents.gateway import Gateway
from conductor_mw.policy.access import check_access
from conductor_mw.policy.document import AgentEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import shown

DIRECT: Final = "direct"
NATIVE: Final = "native"
_SECRET: Final = re.compile(r"authori|api-?key|token|secret|password|cookie", re.ASCII)
_FROM_ENVIRONMENT: Final = re.compile(r"[^$]*\$\{env:[A-Za-z_][A-Za-z0-9_]{0,127}\}[^$]*")
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,100}")


def check_gateways(draft: Draft) -> None:
    """Find what is wrong with the gateways of a policy."""
    for name, entry in draft.file.gateways.items():
        at = ("gateways", name)
        if name in (DIRECT, NATIVE):
            draft.find(at, "duplicate-id", f"{name!r} is no gateway", "rename it", key=True)
        check_access(draft, entry.base_url, None, at)
        for header, value in entry.headers.items():
            where = (*at, "headers", header)
            if not _NAME.fullmatch(header) or "\n" in value or "\r" in value:
                draft.find(where, "wrong-value", f"{shown(header)} is no header", key=True)
            elif _SECRET.search(header.lower()) and not _FROM_ENVIRONMENT.fullmatch(value):
                draft.find(
                    where,
                    "secret-in-file",
                    f"the header {header!r} may hold a key, and a key must not stand in a policy",
                    "write ${env:NAME} and put the key into that environment variable",
                )


def gateway_of(draft: Draft, entry: AgentEntry, kind: str, at: Loc) -> Gateway | None:
    """Give the gateway through which an agent is reached; findings go to the draft."""
    name = entry.via
    if name in (None, DIRECT):
        return None
    if name == NATIVE:
        return Gateway(NATIVE)
    found = draft.file.gateways.get(name)
    if found is None:
        known = (*draft.file.gateways, DIRECT, NATIVE)
        draft.find((*at, "via"), "unknown-name", f"no gateway {shown(name)}", Nearest(name, known))
        return None
    if kind != "model" or entry.base_url is not None:
        problem = (
            "a gateway has an address of its own"
            if kind == "model"
            else "only agents with `model:` travel through a gateway"
        )
        draft.find((*at, "via"), "wrong-value", problem, "remove `via:` or `base_url:`")
    return Gateway(name, found.base_url, found.headers, found.cache_ttl)
