"""How an agent's calls travel where they do not go to its provider directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CACHE_TTL: Final = "cf-aig-cache-ttl"
"""The header in which Cloudflare's AI Gateway reads how many seconds it may keep an answer."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway between the app and the providers.

    Attributes:
        name: its name in the policy; `native` for the app's own object.
        base_url: where it is, or `${env:NAME}`.
        headers: what every call carries; values may hold `${env:NAME}`.
        cache_ttl: the seconds for which it may answer from its own cache, or None.
    """

    name: str
    base_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cache_ttl: float | None = None

    @property
    def sent(self) -> Mapping[str, str]:
        """The headers of every call, the cache's among them."""
        if self.cache_ttl is None:
            return self.headers
        return {**self.headers, CACHE_TTL: str(int(self.cache_ttl))}
