"""Read from an answer who really gave it, and which tokens are billed beside the usual ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from conductor_mw.parts import Part, Usage

from .gateway import GATEWAY

if TYPE_CHECKING:
    from conductor_mw.money import Price

    from .base import Agent

ANY: Final = "*"
"""At the end of a model's name: whatever follows."""
_LONGEST_NAME: Final = 200
_MOST_TOKENS: Final = 10**12


@dataclass(frozen=True, slots=True)
class Beside:
    """Tokens that a provider bills and reports outside the usual counts.

    Attributes:
        input: where they stand below an answer's `usage`, each as the keys that lead there.
        output: the same for tokens that cost as much as output.
        at_most: the most of them in one call, or None where that is unknown.
    """

    input: tuple[tuple[str, ...], ...] = ()
    output: tuple[tuple[str, ...], ...] = ()
    at_most: int | None = None

    def of(self, usage: object) -> Usage:
        """Give the tokens that an answer's usage reports there.

        >>> Beside(output=(("agents", "tokens"),)).of({"agents": {"tokens": 40}})
        Usage(input_tokens=0, output_tokens=40, cached_tokens=0, reasoning_tokens=0)
        """
        return Usage(
            sum(_count(usage, keys) for keys in self.input),
            sum(_count(usage, keys) for keys in self.output),
        )

    def most(self, price: Price) -> tuple[int, int]:
        """Give the dearest input and output tokens that `at_most` allows one call."""
        most = self.at_most or 0
        read = max(price.input, price.cached_input or 0)
        dearer = read > price.output if bool(self.input) == bool(self.output) else self.input
        return (most, 0) if dearer else (0, most)


def price_of(agent: Agent, model: str) -> Price | None:
    """Give what an answer's tokens cost: for a router, by the model that the answer names.

    Args:
        agent: who was asked.
        model: the model that the answer names; empty where it names none.

    Returns:
        The price, or None where it is unknown: the policy has none for that model.
    """
    prices = agent.prices
    if not prices:
        return agent.price
    if model in prices:
        return prices[model]
    longest = max(
        (name for name in prices if name[-1:] == ANY and model.startswith(name[:-1])),
        key=len,
        default=None,
    )
    return None if longest is None or not model else prices[longest]


def model_named(model: object, agent: Agent) -> str:
    """Give the model that an answer of an agent names, as the policy would write it.

    Args:
        model: what the answer says; a strange name names nobody.
        agent: who was asked.

    Returns:
        The name, or an empty string, also where the agent's price does not depend on it.
    """
    if not agent.prices:
        return ""
    if not isinstance(model, str) or len(model) > _LONGEST_NAME or not model.isprintable():
        return ""
    provider, _, rest = str(getattr(agent.options, "model", "")).partition("/")
    # LiteLLM writes the provider in front of some models, and not of others.
    return model.removeprefix(f"{provider}/") if rest else model


def told(agent: Agent, part: Part, source: object) -> Part:
    """Give a part with what its answer tells of who gave it and of further tokens.

    Args:
        agent: who was asked.
        part: what was read of the answer.
        source: the answer as the provider gave it, or what was `Overheard` of its stream.
    """
    model, usage, by = part.model, part.usage, part.by
    if agent.prices:
        model = model_named(_get(source, "model"), agent)
    if agent.beside is not None and usage is not None:
        usage += agent.beside.of(_get(source, "usage"))
    way = agent.gateway
    if way is not None and way.hit is not None and part.headers and way.hit.met(part.headers):
        by = GATEWAY
    if model == part.model and usage is part.usage and by == part.by:
        return part
    return replace(part, model=model, usage=usage, by=by)


class Overheard:
    """What the chunks of a stream said of model and usage before LiteLLM rewrote them.

    Attributes:
        model: the model that was named last.
        usage: the usage that was reported last.
    """

    def __init__(self) -> None:
        self.model: object = None
        self.usage: object = None

    def listen(self, agent: Agent, stream: Any) -> Any:
        """Give LiteLLM's stream, heard where the agent's policy reads these; else untouched."""
        inner: Any = getattr(stream, "completion_stream", None)
        if inner is not None and (agent.prices or agent.beside):
            kind = _AsyncHeard if hasattr(inner, "__aiter__") else _Heard
            stream.completion_stream = kind(inner, self)
        return stream

    def hear(self, chunk: Any) -> Any:
        """Note what a chunk says, and give it on."""
        self.model = _get(chunk, "model") or self.model
        self.usage = _get(chunk, "usage") or self.usage
        return chunk


class _Heard:
    """A provider's stream whose chunks somebody hears."""

    def __init__(self, stream: Any, heard: Overheard) -> None:
        self._stream = stream
        self._heard = heard

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._heard.hear(next(self._stream))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)  # `close`, `aclose`, `response` are the stream's own


class _AsyncHeard(_Heard):
    """The same for async callers; LiteLLM tells the two apart by `__aiter__`."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return self._heard.hear(await self._stream.__anext__())


def _count(usage: object, keys: tuple[str, ...]) -> int:
    found = usage
    for key in keys:
        found = _get(found, key)
    if not isinstance(found, int) or isinstance(found, bool):
        return 0
    return min(max(found, 0), _MOST_TOKENS)


def _get(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(name)
    return getattr(value, name, None)
