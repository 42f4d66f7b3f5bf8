"""Call LiteLLM in its four ways, and read what comes back in one form."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import litellm
import pytest
from conductor_mw_litellm import ConductorProvider
from conductor_mw_litellm.policies import Policies
from litellm.exceptions import MidStreamFallbackError
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.logging_worker import (  # pyright: ignore[reportMissingTypeStubs]
    GLOBAL_LOGGING_WORKER,
)
from litellm.litellm_core_utils.thread_pool_executor import (  # pyright: ignore[reportMissingTypeStubs]
    executor,
)

from conductor_mw import Conductor

Way = Literal["completion", "acompletion", "stream", "astream"]
WAYS: tuple[Way, ...] = ("completion", "acompletion", "stream", "astream")
each_way = pytest.mark.parametrize("way", WAYS)
_LISTENERS = (
    "callbacks",
    "success_callback",
    "failure_callback",
    "_async_success_callback",
    "_async_failure_callback",
)
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello there"}]
MODELS = {
    # thousands of dollars per million tokens are easily counted
    "small": ("openai/small-1", "price: {input: 1000, output: 1000}"),
    "large": ("openai/large-1", "price: {input: 2000, output: 2000}"),
    "claude": ("anthropic/claude-1", "price: {input: 4000, output: 4000}"),
    "thinker": ("anthropic/claude-sonnet-4-20250514", ""),
    "known": ("openai/gpt-4o", ""),
    "unpriced": ("openai/unpriced-1", ""),
    "limited": ("openai/limited-1", ""),
    "locked": ("openai/locked-1", ""),
    "overflowing": ("openai/overflowing-1", ""),
    "stumbling": ("openai/stumbling-1", ""),
    "choking": ("openai/choking-1", ""),
}


def agents(url: str) -> str:
    """Give the agents of a policy, with the key in `PROVIDER_KEY`, and a person."""
    lines = ["agents:", "  - {id: person, human: {queue: leads, show: 'Shall we?'}}"]
    for name, (model, more) in MODELS.items():
        address = url if model.startswith("anthropic/") else f"{url}/v1"
        lines.append(
            f"  - {{id: {name}, model: {model}, base_url: '{address}', "
            f"api_key: '${{env:PROVIDER_KEY}}', {more}}}"
        )
    return "\n".join([*lines, ""])


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


Met = Callable[[], object]


def ask(
    way: Way, model: str = "conductor/main", host: Any = litellm, until: Met = bool, **call: Any
) -> Said:
    """Call in one of the ways; async calls have an event loop of their own.

    Args:
        way: how.
        model: what is asked.
        host: LiteLLM, or one of its Routers.
        until: what is waited for then, on the same event loop; given nothing, nothing.
        call: what else is passed.
    """
    if way in ("acompletion", "astream"):
        return asyncio.run(aask(way, model, host, until, **call))
    call = {"messages": HELLO, **call}
    try:
        if way == "completion":
            return _said(host.completion(model, **call))
        return _streamed(list(host.completion(model, stream=True, **_with_usage(call))))
    finally:
        if until is not bool:
            _wait(until)


async def aask(
    way: Way, model: str = "conductor/main", host: Any = litellm, until: Met = bool, **call: Any
) -> Said:
    """Call in one of the two async ways, on the running event loop."""
    call = {"messages": HELLO, **call}
    try:
        if way == "acompletion":
            return _said(await host.acompletion(model=model, **call))
        opened = await host.acompletion(model=model, stream=True, **_with_usage(call))
        return _streamed([chunk async for chunk in opened])
    finally:
        if until is not bool:
            async with asyncio.timeout(20):
                while not until():  # noqa: ASYNC110 - LiteLLM has no event for it
                    await asyncio.sleep(0.005)


def _wait(until: Met) -> None:
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


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


def original(error: Any) -> Any:
    """Give what LiteLLM put its `MidStreamFallbackError` around, which it does in streams."""
    return error.original_exception if isinstance(error, MidStreamFallbackError) else error


@dataclass(frozen=True)
class Event:
    """What a logger was told of one call.

    Attributes:
        model: what was asked.
        dollars: what LiteLLM says that it cost.
        usage: tokens of the prompt and of the answer.
        decision: what it says of the decision.
        failed: whether it was a failure.
    """

    model: str
    dollars: float | None
    usage: tuple[int, int]
    decision: dict[str, str]
    failed: bool = False


class Ledger(CustomLogger):
    """Writes down what LiteLLM tells a logger; a sync call is logged in a thread."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - LiteLLM's own
        self.events: list[Event] = []

    def log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        self.events.append(_event(kwargs))

    async def async_log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        self.events.append(_event(kwargs))

    def log_failure_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        self.events.append(_event(kwargs, failed=True))

    async def async_log_failure_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        self.events.append(_event(kwargs, failed=True))


def _event(kwargs: Any, *, failed: bool = False) -> Event:
    told = kwargs["standard_logging_object"]
    return Event(
        kwargs["model"],
        kwargs.get("response_cost"),
        (told["prompt_tokens"], told["completion_tokens"]),
        kwargs.get("conductor", {}),
        failed,
    )


def _let_others_be_logged() -> None:
    """Wait until what earlier tests left is logged: by threads, and on whichever loop is next."""
    workers: int = executor._max_workers  # nothing else tells
    barrier = threading.Barrier(workers)
    for future in [executor.submit(barrier.wait, 20) for _ in range(workers)]:
        future.result()
    asyncio.run(GLOBAL_LOGGING_WORKER.flush())


@contextmanager
def listening() -> Generator[Ledger]:
    """Let a logger listen to what begins now, and no longer than this."""
    _let_others_be_logged()
    made: Any = Ledger()
    told: Any = litellm
    told.callbacks.append(made)
    try:
        yield made
    finally:
        for name in _LISTENERS:
            kept = [one for one in getattr(told, name) if one is not made]
            getattr(told, name)[:] = kept


@contextmanager
def offered(**policies: Conductor) -> Generator[Policies]:
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
