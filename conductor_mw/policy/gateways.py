"""Compile how agents' calls travel: directly, through a named gateway, or as the app's own."""

from __future__ import annotations

import re
from typing import Final

from conductor_mw.agents.gateway import CACHE_TTL, HITS, Gateway, Hit
from conductor_mw.policy.access import check_access
from conductor_mw.policy.document import AgentEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.entry import GatewayEntry, HitEntry
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import shown

DIRECT: Final = "direct"
NATIVE: Final = "native"
_SECRET: Final = re.compile(r"authori|api-?key|token|secret|password|cookie", re.ASCII)
_FROM_ENVIRONMENT: Final = re.compile(r"[^$]*\$\{env:[A-Za-z_][A-Za-z0-9_]{0,127}\}[^$]*")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]{0,8000}")


def check_gateways(draft: Draft) -> None:
    """Find what is wrong with the gateways of a policy."""
    for name, entry in draft.file.gateways.items():
        at = ("gateways", name)
        if name in (DIRECT, NATIVE):
            draft.find(at, "duplicate-id", f"{name!r} is no gateway", "rename it", key=True)
        check_access(draft, entry.base_url, None, at)
        for header, value in entry.headers.items():
            where = (*at, "headers", header)
            if not _NAME.fullmatch(header) or not _VALUE.fullmatch(value):
                draft.find(
                    where,
                    "wrong-value",
                    f"{shown(header)} is no header with a value of plain ASCII",
                    key=True,
                )
            elif _SECRET.search(header.lower()) and not _FROM_ENVIRONMENT.fullmatch(value):
                draft.find(
                    where,
                    "secret-in-file",
                    f"the header {header!r} may hold a key, and a key must not stand in a policy",
                    "write ${env:NAME} and put the key into that environment variable",
                )
        _check_words(draft, entry, at)


def _check_words(draft: Draft, entry: GatewayEntry, at: Loc) -> None:
    """Find names of headers that are none, and words that would say nothing."""
    named = [("ttl_header", entry.ttl_header), ("timeout_header", entry.timeout_header)]
    if isinstance(entry.hit, HitEntry):
        where = (*at, "hit", "header")
        if not _NAME.fullmatch(entry.hit.header):
            draft.find(where, "wrong-value", f"{shown(entry.hit.header)} is no header")
        if not all(_words(entry.hit)):
            draft.find((*at, "hit", "value"), "wrong-value", "an empty value marks no hit")
    for key, header in named:
        if header is not None and not _NAME.fullmatch(header):
            draft.find((*at, key), "wrong-value", f"{shown(header)} is no header")
    if entry.ttl_header is not None and entry.cache_ttl is None:
        draft.find(
            (*at, "ttl_header"),
            "wrong-value",
            "there is no time to tell",
            "write `cache_ttl:` or remove it",
        )


def _words(hit: HitEntry) -> list[str]:
    values = [hit.value] if isinstance(hit.value, str) else hit.value
    return [value.strip().lower() for value in values] or [""]


def _hit(entry: GatewayEntry) -> Hit | None:
    """Give how a gateway marks what it had in its cache.

    One that is told Cloudflare's time to live is taken at Cloudflare's word.
    """
    if isinstance(entry.hit, HitEntry):
        return Hit(entry.hit.header.lower(), frozenset(_words(entry.hit)))
    if entry.hit is not None:
        return HITS[entry.hit]
    speaks = entry.cache_ttl is not None and entry.ttl_header is None
    return HITS["cloudflare"] if speaks else None


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
    own = entry.base_url is not None or any(one.base_url for one in entry.replicas or ())
    if kind != "model" or own:
        problem = (
            "a gateway has an address of its own"
            if kind == "model"
            else "only agents with `model:` travel through a gateway"
        )
        draft.find((*at, "via"), "wrong-value", problem, "remove `via:` or `base_url:`")
    return Gateway(
        name,
        found.base_url,
        found.headers,
        found.cache_ttl,
        found.ttl_header or CACHE_TTL,
        found.timeout_header,
        _hit(found),
    )
