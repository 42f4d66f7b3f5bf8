"""How an agent's calls travel where they do not go to its provider directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CACHE_TTL: Final = "cf-aig-cache-ttl"
"""The header in which Cloudflare's AI Gateway reads how many seconds it may keep an answer."""
GATEWAY: Final = "gateway"
"""Who answered, in outcomes and records, where a gateway did so from its own cache."""


@dataclass(frozen=True, slots=True)
class Hit:
    """How a gateway says that an answer comes from its own cache.

    Attributes:
        header: the name of the header, in small letters.
        values: what it says then, in small letters.
    """

    header: str
    values: frozenset[str]

    def met(self, headers: Mapping[str, str]) -> bool:
        """Whether a response's headers say so; their names are in small letters.

        >>> Hit("x-cache", frozenset({"hit"})).met({"x-cache": " HIT"})
        True
        """
        return headers.get(self.header, "").strip().lower() in self.values


HITS: Final[Mapping[str, Hit]] = {
    "cloudflare": Hit("cf-aig-cache-status", frozenset({"hit"})),
    "portkey": Hit("x-portkey-cache-status", frozenset({"hit", "semantic hit"})),
}
"""How gateways that are known say it."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway between the app and the providers.

    Attributes:
        name: its name in the policy; `native` for the app's own object.
        base_url: where it is; it may hold `${env:NAME}`.
        headers: what every call carries; values may hold `${env:NAME}`.
        cache_ttl: the seconds for which it may answer from its own cache, or None.
        ttl_header: the header that says so.
        timeout_header: the header that carries the milliseconds a call may still take, or None.
        hit: how it says that it answered from its cache, or None where no answer counts as such.
    """

    name: str
    base_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cache_ttl: float | None = None
    ttl_header: str = CACHE_TTL
    timeout_header: str | None = None
    hit: Hit | None = None

    @property
    def sent(self) -> Mapping[str, str]:
        """The headers of every call, the cache's among them."""
        if self.cache_ttl is None:
            return self.headers
        return {**self.headers, self.ttl_header: str(int(self.cache_ttl))}

    def timed(self, timeout: float | None) -> Mapping[str, str]:
        """Give the header that tells it how long a call may take, where it wants one.

        >>> Gateway("edge", timeout_header="x-timeout").timed(1.5)
        {'x-timeout': '1500'}
        """
        if self.timeout_header is None or timeout is None:
            return {}
        return {self.timeout_header: str(max(1, int(timeout * 1000)))}
