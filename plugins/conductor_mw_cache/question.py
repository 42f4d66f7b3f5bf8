"""What an attempt asks, as a key: the same for two attempts that one answer serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, cast

from conductor_mw import Attempted

from .canonical import NotPlainError, joined, names_of, write

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
_TELLING: Final = frozenset(
    (*_NOT_REPLAYED, "temperature", "n", "modalities", "tools", "extra_body")
)
_FUNCTIONS: Final = frozenset((None, "function", "custom"))


# Not frozen, though nobody changes one: every attempt makes one, and a frozen one takes longer.
@dataclass(slots=True)
class Question:
    """What is asked, for the cache.

    Attributes:
        key: stands for everything that shapes the answer, and for who may have it.
        partition: who may have the answer.
        ttl: how long an answer may be kept, in seconds.
        tool_calls: whether an answer that calls tools may be kept.
    """

    key: bytes
    partition: str
    ttl: float
    tool_calls: bool

    @property
    def name(self) -> str:
        """The key's name in a store: those of one partition begin alike."""
        return name_of(self.partition, self.key)


def name_of(partition: str, key: bytes) -> str:
    """Give the name in a store under which a partition's answer to a key lies."""
    return f"{partition[:32]}.{key.hex()}"


def payload_of(attempt: Attempted) -> Mapping[str, object]:
    """Give what is sent, where anybody can read it.

    Raises:
        NotPlainError: the host's lens gives no plain data for it.
    """
    request = attempt.request
    payload = request.lens.plain(request.native)
    if payload is None:
        raise NotPlainError("the host's lens gives no plain data")
    return payload


def key_of(attempt: Attempted, partition: str, asked: Mapping[str, object]) -> bytes:
    """Give the key of what an attempt asks.

    Args:
        attempt: its agent and terms shape the answer too.
        partition: who may have the answer.
        asked: the payload.

    Raises:
        NotPlainError: the payload holds something whose meaning nobody can tell.
    """
    fingerprint = attempt.agent.fingerprint
    pieces = [f"{partition}.{len(fingerprint)}:{fingerprint}"]
    if attempt.terms:
        write(dict(attempt.terms), pieces)
    for name in names_of(asked):
        value = asked[name]
        if value is None or name in NOT_IN_KEY:
            continue
        pieces.append(f"s{len(name)}:{name}")
        if name == "messages" and (type(value) is list or type(value) is tuple):
            _write_messages(cast("Sequence[object]", value), pieces)
        else:
            write(value, pieces)
    return sha256(joined(pieces)).digest()


def _write_messages(messages: Sequence[object], pieces: list[str]) -> None:
    """Write messages without fields that say nothing; deeper down, null may mean something."""
    pieces.append(f"l{len(messages)}:")
    for message in messages:
        if type(message) is dict:
            fields = cast("dict[object, object]", message)
            content, role = fields.get("content"), fields.get("role")
            if len(fields) == 2 and type(content) is str and type(role) is str:
                # Most messages, in one go; the same as `write` makes of them.
                pieces.append(f"d2:s7:contents{len(content)}:{content}s4:roles{len(role)}:{role}")
                continue
            write({name: one for name, one in fields.items() if one is not None}, pieces)
        else:
            write(message, pieces)


def unsuitable(request: Mapping[str, object], *, warm: bool) -> str:
    """Give why a request is not answered from a cache; '' where it may be.

    Args:
        request: its parameters and tools.
        warm: whether a temperature above 0 is allowed.
    """
    if _TELLING.isdisjoint(request):
        return ""  # most requests say nothing of the kind
    beside = request.get("extra_body")
    if isinstance(beside, Mapping):
        request = {**request, **cast("Mapping[str, object]", beside)}  # as it will be sent
    temperature = request.get("temperature")
    if temperature is not None and not warm and temperature != 0:
        return "temperature"
    if request.get("n", 1) not in (1, None):
        return "several answers"
    said = request.get("modalities") in (None, ["text"])
    if not said or any(request.get(name) for name in _NOT_REPLAYED):
        return "not replayable"
    tools = request.get("tools")
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
