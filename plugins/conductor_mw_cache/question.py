"""What an attempt asks, as a key: the same for two attempts that one answer serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, cast

from conductor_mw import Attempted

from .canonical import NotPlainError, canonical

VERSION: Final = "conductor-mw cache 1"
NOT_IN_KEY: Final = frozenset(
    (
        "api_key",
        "max_retries",
        "metadata",
        "no-log",
        "num_retries",
        "prompt_cache_key",
        "request_timeout",
        "safety_identifier",
        "store",
        "stream",
        "stream_options",
        "timeout",
        "user",
    )
)
"""Parameters that say how a call travels and who is billed or logged; none shapes an answer."""

# Their answers hold what no part carries, so that it could not be given again.
_NOT_REPLAYED: Final = ("logprobs", "top_logprobs", "audio", "web_search_options")
_FUNCTIONS: Final = frozenset((None, "function", "custom"))


@dataclass(frozen=True, slots=True)
class Partition:
    """Whose answers these are; no key of one partition is a key of another.

    Attributes:
        digest: stands for it in keys and in a store's names.
    """

    digest: str

    @classmethod
    def of(cls, scope: str, tenant: object, user: object) -> Partition:
        """Give the partition of a tenant, of a tenant's user, or the one that all share.

        Raises:
            NotPlainError: tenant or user is no plain data.
        """
        return cls(sha256(canonical([VERSION, scope, tenant, user])).hexdigest())


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, for the cache.

    Attributes:
        key: stands for everything that shapes the answer, and for who may have it.
        partition: who may have the answer.
        ttl: how long an answer may be kept, in seconds.
        tool_calls: whether an answer that calls tools may be kept.
    """

    key: bytes
    partition: Partition
    ttl: float
    tool_calls: bool

    @property
    def name(self) -> str:
        """The key's name in a store: those of one partition begin alike."""
        return f"{self.partition.digest[:32]}.{self.key.hex()}"


def key_of(attempt: Attempted, partition: Partition) -> bytes:
    """Give the key of what an attempt asks.

    Raises:
        NotPlainError: the payload holds something whose meaning nobody can tell.
    """
    payload = attempt.request.native
    if not isinstance(payload, Mapping):
        raise NotPlainError(f"the payload is a {type(payload).__name__}")
    asked: dict[str, object] = {
        name: value
        for name, value in cast("Mapping[str, object]", payload).items()
        if value is not None and name not in NOT_IN_KEY
    }
    messages = asked.get("messages")
    if isinstance(messages, list | tuple):
        asked["messages"] = [_stated(one) for one in cast("Sequence[object]", messages)]
    terms = dict(attempt.terms) if attempt.terms else None
    whole = canonical([VERSION, partition.digest, attempt.agent.fingerprint, terms, asked])
    return sha256(whole).digest()


def _stated(message: object) -> object:
    """Give a message without fields that say nothing; deeper down, null may mean something."""
    if type(message) is dict:
        fields = cast("dict[object, object]", message)
        if None not in fields.values():
            return fields
        return {name: value for name, value in fields.items() if value is not None}
    return message


def unsuitable(parameters: Mapping[str, object], *, warm: bool) -> str:
    """Give why a request with these parameters is not answered from a cache; '' where it is.

    Args:
        parameters: the payload's parameters.
        warm: whether a temperature above 0 is allowed.
    """
    temperature = parameters.get("temperature")
    if temperature is not None and not warm and temperature not in (0, 0.0):
        return "temperature"
    if parameters.get("n", 1) not in (1, None):
        return "several answers"
    if any(parameters.get(name) for name in _NOT_REPLAYED):
        return "not replayable"
    if parameters.get("modalities") not in (None, ["text"]):
        return "not replayable"
    tools = parameters.get("tools")
    if tools and _searches(tools):
        return "a provider's own tool"
    return ""


def _searches(tools: object) -> bool:
    """Whether the provider itself carries a tool out, a search for example."""
    if not isinstance(tools, list | tuple):
        return True
    kinds = [
        cast("Mapping[str, object]", tool).get("type") if isinstance(tool, Mapping) else "unknown"
        for tool in cast("Sequence[object]", tools)
    ]
    return any(kind not in _FUNCTIONS for kind in kinds)
