"""A LiteLLM provider `conductor/<policy>` over the real engine."""
# ruff: noqa: ARG002 - LiteLLM says everything by name

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, cast

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import asks the network

import litellm
from litellm.llms.custom_llm import CustomLLM

from conductor_mw import Conductor, Part, Request
from conductor_mw.lenses.chat import CHAT

# What LiteLLM puts among the parameters for itself; a nested call says these anew.
_OF_THE_HOST = frozenset({"stream", "stream_options", "max_retries"})


class ConductorLLM(CustomLLM):
    """Answers `conductor/<name>` with the policy of that name.

    Args:
        policies: a conductor for each name.
    """

    def __init__(self, policies: Mapping[str, Conductor]) -> None:
        super().__init__()
        self._policies = policies

    def completion(self, *args: Any, **call: Any) -> Any:
        conductor, request = self._asked(call, stream=False)
        return _completion(conductor.call(request).native)

    async def acompletion(self, *args: Any, **call: Any) -> Any:
        conductor, request = self._asked(call, stream=False)
        return _completion((await conductor.acall(request)).native)

    def streaming(self, *args: Any, **call: Any) -> Iterator[Any]:
        conductor, request = self._asked(call, stream=True)
        held: list[Part] = []
        with conductor.stream(request) as parts:
            for part in parts:
                yield from _ready(part, held)
        yield from _last(held)

    async def astreaming(  # type: ignore[override]  # LiteLLM iterates over it and awaits nothing
        self, *args: Any, **call: Any
    ) -> AsyncIterator[Any]:
        conductor, request = self._asked(call, stream=True)
        held: list[Part] = []
        async with conductor.astream(request) as parts:
            async for part in parts:
                for chunk in _ready(part, held):
                    yield chunk
        for chunk in _last(held):
            yield chunk

    def _asked(self, call: Mapping[str, Any], *, stream: bool) -> tuple[Conductor, Request]:
        told = {k: v for k, v in call["optional_params"].items() if k not in _OF_THE_HOST}
        native = {"messages": call["messages"], **told, "no-log": True}
        params: dict[str, Any] = call.get("litellm_params") or {}
        metadata: dict[str, Any] = params.get("metadata") or {}
        return self._policies[call["model"]], Request(native, CHAT, metadata, stream)


def _completion(native: Any) -> Any:
    if not isinstance(native, dict):
        return native
    return litellm.ModelResponse(**cast("dict[str, Any]", native))


def _chunk(part: Part) -> Any:
    if part.native is not None:
        return part.native
    # No model of LiteLLM's spoke: a simulated agent, a layer.
    choice = {"index": 0, "delta": {"content": part.text}, "finish_reason": part.finish or None}
    return litellm.ModelResponseStream(choices=[choice])


def _ready(part: Part, held: list[Part]) -> Iterator[Any]:
    # LiteLLM stops reading a custom provider at the finish, and estimates a usage that comes later.
    if part.finish or (held and not part.speaks):
        held.append(part)
    else:
        yield _chunk(part)


def _last(held: list[Part]) -> Iterator[Any]:
    yield from (_chunk(part) for part in sorted(held, key=lambda part: bool(part.finish)))
