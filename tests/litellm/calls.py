"""Call LiteLLM in its four ways, and read what comes back in one form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import litellm
import pytest
from conductor_mw_litellm import ConductorProvider
from conductor_mw_litellm.policies import Policies
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

from conductor_mw import Conductor

Way = Literal["completion", "acompletion", "stream", "astream"]
WAYS: tuple[Way, ...] = ("completion", "acompletion", "stream", "astream")
each_way = pytest.mark.parametrize("way", WAYS)
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello there"}]
AGENTS = """
agents:
  - {{id: small, model: openai/small-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}', price: {{input: 1000, output: 1000}}}}
  - {{id: large, model: openai/large-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}', price: {{input: 2000, output: 2000}}}}
  - {{id: claude, model: anthropic/claude-1, base_url: '{url}', api_key: '${{env:PROVIDER_KEY}}', price: {{input: 4000, output: 4000}}, max_output_tokens: 64}}
  - {{id: thinker, model: anthropic/claude-sonnet-4-20250514, base_url: '{url}', api_key: '${{env:PROVIDER_KEY}}'}}
  - {{id: known, model: openai/gpt-4o, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}'}}
  - {{id: unpriced, model: openai/unpriced-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}'}}
  - {{id: limited, model: openai/limited-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}', price: {{input: 1000, output: 1000}}}}
  - {{id: locked, model: openai/locked-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}', price: {{input: 1000, output: 1000}}}}
  - {{id: overflowing, model: openai/overflowing-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}'}}
  - {{id: stumbling, model: openai/stumbling-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}'}}
  - {{id: choking, model: openai/choking-1, base_url: '{url}/v1', api_key: '${{env:PROVIDER_KEY}}'}}
  - {{id: person, human: {{queue: leads, show: "Shall we?"}}}}
"""  # fmt: skip
"""Agents for `.format(url=...)`; a thousand dollars per million tokens are easily counted."""


@dataclass
class Said:
    """What came back.

    Attributes:
        text: what was answered.
        finish: why it ended.
        usage: tokens of the prompt and of the answer.
        whole: the response, or the stream's chunks put together.
        chunks: the chunks, where it was streamed.
    """

    text: str
    finish: str
    usage: tuple[int, int]
    whole: Any
    chunks: list[Any] = field(default_factory=list[Any])


def ask(way: Way, model: str = "conductor/main", host: Any = litellm, **call: Any) -> Said:
    """Call in one of the ways; async calls have an event loop of their own."""
    call = {"messages": HELLO, **call}
    if way == "completion":
        return _said(host.completion(model, **call))
    if way == "stream":
        return _streamed(list(host.completion(model, stream=True, **_with_usage(call))))
    return asyncio.run(aask(way, model, host, **call))


async def aask(way: Way, model: str, host: Any = litellm, **call: Any) -> Said:
    """Call in one of the two async ways, and wait until LiteLLM has logged it."""
    call = {"messages": HELLO, **call}
    try:
        if way == "acompletion":
            return _said(await host.acompletion(model=model, **call))
        opened = await host.acompletion(model=model, stream=True, **_with_usage(call))
        return _streamed([chunk async for chunk in opened])
    finally:
        await logged()


async def logged() -> None:
    """Wait until the loggers of this event loop's calls were told."""
    await GLOBAL_LOGGING_WORKER.flush()
    await GLOBAL_LOGGING_WORKER.clear_queue()


def _with_usage(call: dict[str, Any]) -> dict[str, Any]:
    return {"stream_options": {"include_usage": True}, **call}


def _said(answer: Any) -> Said:
    usage, choice = answer.usage, answer.choices[0]
    tokens = (usage.prompt_tokens, usage.completion_tokens)
    return Said(choice.message.content or "", choice.finish_reason, tokens, answer)


def _streamed(chunks: list[Any]) -> Said:
    made: Any = litellm
    said = _said(made.stream_chunk_builder(chunks))
    said.text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    said.chunks = chunks
    return said


@dataclass(frozen=True)
class Event:
    """What a logger was told of one call.

    Attributes:
        model: what was asked.
        dollars: what LiteLLM says that it cost.
        usage: tokens of the prompt and of the answer.
        headers: those of the response.
        failed: whether it was a failure.
    """

    model: str
    dollars: float | None
    usage: tuple[int, int]
    headers: dict[str, str]
    failed: bool = False


class Ledger(CustomLogger):
    """Writes down what LiteLLM tells a logger; a sync call is logged in a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self.events.append(_event(kwargs, response_obj))

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self.events.append(_event(kwargs, response_obj))

    def log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self.events.append(Event(kwargs["model"], None, (0, 0), {}, failed=True))

    async def async_log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self.events.append(Event(kwargs["model"], None, (0, 0), {}, failed=True))


def _event(kwargs: Any, response: Any) -> Event:
    usage = response.usage
    hidden = getattr(response, "_hidden_params", None) or {}
    return Event(
        kwargs["model"],
        kwargs.get("response_cost"),
        (usage.prompt_tokens, usage.completion_tokens),
        dict(hidden.get("additional_headers") or {}),
    )


@contextmanager
def offered(**policies: Conductor) -> Iterator[Policies]:
    """Let LiteLLM answer `conductor/<name>` for each of some policies."""
    known = Policies({})
    for name, conductor in policies.items():
        known.register(name, conductor)
    provider = ConductorProvider(known)
    entry: Any = {"provider": "conductor", "custom_handler": provider}
    before = litellm.custom_provider_map
    litellm.custom_provider_map = [*before, entry]
    try:
        yield known
    finally:
        litellm.custom_provider_map = before
        provider.close()
