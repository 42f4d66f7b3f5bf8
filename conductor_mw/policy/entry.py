"""What every mapping of the policy file has in common, and how it says that calls travel."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw.durations import Duration


class Entry(BaseModel):
    """A mapping of the policy file; a key that it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class HitEntry(Entry):
    """How a gateway says that an answer comes from its own cache."""

    header: str = Field(min_length=1, max_length=100, description="the header of its response")
    value: str | list[str] = Field("HIT", description="what the header says then")


class GatewayEntry(Entry):
    """A gateway through which models are reached."""

    base_url: str = Field(min_length=1, max_length=2_000, description="its address")
    headers: dict[str, str] = Field(
        default_factory=dict[str, str],
        max_length=50,
        description="sent with every call; a secret is written `${env:NAME}`",
    )
    cache_ttl: Duration | None = Field(
        None, description="how long the gateway may answer from its own cache"
    )
    ttl_header: str | None = Field(
        None, description="the header that says so, in seconds; `cf-aig-cache-ttl` without it"
    )
    timeout_header: str | None = Field(
        None, description="the header for the milliseconds that a call may still take"
    )
    hit: Literal["cloudflare", "portkey"] | HitEntry | None = Field(
        None, description="how it says that it answered from its own cache: that costs nothing"
    )
