"""What LiteLLM hands to a custom provider, as the request that the app made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from conductor_mw import ChatLens, Request

_CHAT: Final = ChatLens()
_OF_THE_HOST: Final = frozenset(("stream", "stream_options", "max_retries", "extra_headers"))
"""What LiteLLM puts among the parameters for itself; a call of an agent says these anew."""


def request_of(call: Mapping[str, Any], *, stream: bool) -> Request:
    """Give the request.

    Args:
        call: what LiteLLM passes to `CustomLLM`, by name.
        stream: whether the caller reads chunk by chunk.
    """
    told: Mapping[str, Any] = call.get("optional_params") or {}
    native: dict[str, Any] = {
        name: value for name, value in told.items() if name not in _OF_THE_HOST
    }
    native["messages"] = call["messages"]
    beside: Mapping[str, Any] = call.get("litellm_params") or {}
    if beside.get("drop_params"):
        native["drop_params"] = True  # of those that the agent which is chosen does not take
    native["no-log"] = True  # LiteLLM logs the app's call, with the cost of all that it took
    return Request(native, _CHAT, metadata_of(beside), stream)


def seconds_of(call: Mapping[str, Any]) -> float | None:
    """Give how long the caller waits: the deadline of the whole run."""
    given: object = call.get("timeout")
    return float(given) if isinstance(given, int | float) and given > 0 else None


def metadata_of(params: Mapping[str, Any]) -> dict[str, object]:
    """Give what the app says about a request, and what a proxy says about whoever asks.

    Where the proxy keeps what it says under a name of its own, that holds: what a client wrote
    cannot stand in its place.
    """
    by_proxy: Mapping[str, object] = params.get("litellm_metadata") or {}
    by_client = by_proxy.get("requester_metadata")
    found: dict[str, object] = {}
    if isinstance(by_client, Mapping):
        found.update(cast("Mapping[str, object]", by_client))
    found.update(params.get("metadata") or {})
    found.update(by_proxy)
    return found
