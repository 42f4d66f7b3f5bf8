"""Policies over models of two dialects, and each way of asking them: plain, and through LiteLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, Literal

import litellm
import pytest
from conductor_mw_litellm import ConductorProvider
from conductor_mw_litellm.policies import Policies

from conductor_mw import Answer, Conductor

Dialect = Literal["openai", "anthropic"]
Surface = Literal["conductor", "litellm"]
Way = Literal["plain", "aplain", "stream", "astream"]
WAYS: Final[tuple[Way, ...]] = ("plain", "aplain", "stream", "astream")
KEY: Final = "sk-that-no-cassette-may-hold"
OTHER: Final[Mapping[Dialect, Dialect]] = {"openai": "anthropic", "anthropic": "openai"}

TELLS_COST: Final = tuple(map(int, version("litellm").split(".")[:2])) >= (1, 104)
"""Whether a stream's usage holds its cost; where not, LiteLLM tells it in its logs alone."""

each_dialect: Final = pytest.mark.parametrize("dialect", ["openai", "anthropic"])
each_surface: Final = pytest.mark.parametrize("surface", ["conductor", "litellm"])
each_way: Final = pytest.mark.parametrize("way", WAYS)


@dataclass(frozen=True)
class Said:
    """What a caller was told, whichever way it asked.

    Attributes:
        text: what was said.
        calls: name and arguments of each call of a tool.
        finish: why the model stopped.
        usage: tokens in and out, of the agent that answered.
        dollars: what all attempts cost.
    """

    text: str
    calls: tuple[tuple[str, str], ...]
    finish: str
    usage: tuple[int, int]
    dollars: float | None


class Recorded:
    """Policies whose models are the provider, or what was recorded of it.

    Args:
        url: where the provider is.
        monkeypatch: undoes what LiteLLM is told.
    """

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._url = url
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("RECORDED_KEY", KEY)
        monkeypatch.setattr(litellm, "suppress_debug_info", True)

    def policy(self, dialect: Dialect, model: str, *, on: str = "", terms: str = "") -> Conductor:
        """Let a model answer, and where `on` happens a model of the other dialect.

        Args:
            dialect: of the first model.
            model: the first model; its first word may ask for trouble.
            on: the kind of failure that lets `large` answer; nobody does where left out.
            terms: what else the policy says of the first model.
        """
        agents = self._agent("small", dialect, model, terms)
        if on:
            agents += self._agent("large", OTHER[dialect], "large-1", "")
        target = f"{{fallback: [small, large], on: [{on}]}}" if on else "small"
        made = Conductor.from_text(f"agents:\n{agents}routing: {{default: {target}}}\n")
        policies = Policies({})
        policies.register("main", made)
        offered: Any = {"provider": "conductor", "custom_handler": ConductorProvider(policies)}
        self._monkeypatch.setattr(litellm, "custom_provider_map", [offered])
        return made

    def _agent(self, name: str, dialect: Dialect, model: str, terms: str) -> str:
        address = f"{self._url}/v1" if dialect == "openai" else self._url
        return (
            f"  - {{id: {name}, model: {dialect}/{model}, base_url: '{address}', "
            f"api_key: '${{env:RECORDED_KEY}}', price: {{input: 1, output: 2}}{terms}}}\n"
        )


def cost(surface: Surface, way: Way, dollars: float) -> float | None:
    """Give the dollars that a caller can be told, in the releases of LiteLLM that we support."""
    streams = way in ("stream", "astream")
    return None if surface == "litellm" and streams and not TELLS_COST else dollars


def ask(conductor: Conductor, surface: Surface, way: Way, question: Any, **more: Any) -> Said:
    """Ask, and give what came back.

    Args:
        conductor: what decides; LiteLLM knows the last one that was made as `conductor/main`.
        surface: what is called.
        way: how it is called.
        question: a text, or messages.
        more: further parameters of the call.
    """
    messages = [{"role": "user", "content": question}] if isinstance(question, str) else question
    if surface == "conductor":
        return _said(_answer(conductor, way, messages, more))
    return _told(_completion(way, {"model": "conductor/main", "messages": messages, **more}))


def _answer(conductor: Conductor, way: Way, messages: Any, more: dict[str, Any]) -> Answer:
    if way == "plain":
        return conductor.call(messages, **more)
    if way == "aplain":
        return asyncio.run(conductor.acall(messages, **more))
    if way == "stream":
        with conductor.stream(messages, **more) as parts:
            list(parts)
        return parts.answer
    return asyncio.run(_streamed(conductor, messages, more))


async def _streamed(conductor: Conductor, messages: Any, more: dict[str, Any]) -> Answer:
    async with conductor.astream(messages, **more) as parts:
        [part async for part in parts]
    return parts.answer


def _said(answer: Answer) -> Said:
    usage = answer.attempts[-1].usage
    return Said(
        answer.text,
        tuple((call.name, call.arguments) for call in answer.tool_calls),
        answer.finish,
        (usage.input_tokens, usage.output_tokens),
        None if answer.cost is None else answer.cost.dollars,
    )


def _completion(way: Way, call: dict[str, Any]) -> Any:
    host: Any = litellm
    if way == "plain":
        return host.completion(**call)
    if way == "aplain":
        return asyncio.run(host.acompletion(**call))
    call |= {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(host.completion(**call)) if way == "stream" else asyncio.run(_chunks(call))
    return host.stream_chunk_builder(chunks)


async def _chunks(call: dict[str, Any]) -> list[Any]:
    opened: Any = await litellm.acompletion(**call)
    return [chunk async for chunk in opened]


def _told(completion: Any) -> Said:
    choice, usage = completion.choices[0], completion.usage
    calls = choice.message.tool_calls or ()
    return Said(
        choice.message.content or "",
        tuple((call.function.name, call.function.arguments) for call in calls),
        choice.finish_reason,
        (usage.prompt_tokens, usage.completion_tokens),
        getattr(usage, "cost", None) or completion._hidden_params.get("response_cost"),
    )
