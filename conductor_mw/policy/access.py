"""Check how agents and their replicas are reached: no key, no password stands in a policy."""

from __future__ import annotations

import re
from typing import Final

from conductor_mw.policy.draft import Draft
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import NO_KEY, SECRET

_FROM_ENVIRONMENT: Final = re.compile(r"\$\{env:[A-Za-z_][A-Za-z0-9_]{0,127}\}")
_ADDRESS: Final = re.compile(
    r"(?:https?://|\$\{env:\w{1,128}\})(?:[^@\s$]|\$\{env:\w{1,128}\})*", re.ASCII
)


def check_access(draft: Draft, base_url: str | None, api_key: str | None, at: Loc) -> bool:
    """Give whether an address and a key may stand in a policy; findings go to the draft."""
    before = draft.findings.errors
    if api_key is not None and not _FROM_ENVIRONMENT.fullmatch(api_key):
        draft.find((*at, SECRET), "secret-in-file", *NO_KEY)
    if base_url is not None and not _ADDRESS.fullmatch(base_url):
        # Not repeated: a password may stand before the '@' that is refused here.
        draft.find(
            (*at, "base_url"),
            "wrong-value",
            "this is no address without user and password",
            "write https://host/path or ${env:NAME}",
        )
    return draft.findings.errors == before
