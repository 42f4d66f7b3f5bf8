"""Answers in LiteLLM's form: who said it, its exact tokens, and the dollars of all attempts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

from conductor_mw import Answer, Part, Usage

from .loading import litellm

PREFIX = "x-conductor-"


def completion_of(answer: Answer) -> Any:
    """Give a whole answer as a `ModelResponse`.

    Its usage is that of the agent which said it, as a conversation's length is; its cost is that
    of every attempt, because that is what was spent.
    """
    native: Any = answer.native
    if isinstance(native, dict):
        native = _model_response(cast("dict[str, Any]", native), answer)
    hidden: dict[str, Any] = dict(getattr(native, "_hidden_params", None) or {})
    if answer.cost is not None:
        hidden["response_cost"] = answer.cost.dollars
    if any(one.by == "cache" for one in answer.attempts):
        hidden["cache_hit"] = True
    headers: dict[str, Any] = hidden.get("additional_headers") or {}
    hidden["additional_headers"] = {**headers, **headers_of(answer)}
    native._hidden_params = hidden  # noqa: SLF001 - LiteLLM's place for what a provider tells
    return native


def _model_response(written: dict[str, Any], answer: Answer) -> Any:
    """Give what no model of LiteLLM's said as its `ModelResponse`."""
    told = {
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        **written,
        "id": f"conductor-{answer.id}",
        "model": written.get("model") or answer.agent,
        "created": int(time.time()),
    }
    return litellm().ModelResponse(**told)


def headers_of(answer: Answer) -> dict[str, str]:
    """Give what a response's headers tell of the decision."""
    decision = answer.decision
    return {
        f"{PREFIX}agent": answer.agent,
        f"{PREFIX}rule": decision.rule or "",
        f"{PREFIX}target": decision.target,
        f"{PREFIX}fingerprint": decision.fingerprint,
        f"{PREFIX}decision": answer.id,
    }


def costing(answer: Answer) -> dict[str, str]:
    """Give what a response's headers tell of the cost of all attempts, where it is known."""
    if answer.cost is None:
        return {}
    return {f"{PREFIX}cost": f"{answer.cost.dollars:.9f}"}


def tell_loggers(call: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Let LiteLLM's loggers read the decision as `kwargs["conductor"]`, of streams as well."""
    details: object = getattr(call.get("logging_obj"), "model_call_details", None)
    if isinstance(details, dict):
        cast("dict[str, Any]", details)["conductor"] = dict(headers)


class Chunks:
    """Turns parts into LiteLLM's chunks, so that it counts what the provider counted.

    LiteLLM stops reading a custom provider at the chunk that says why the model stopped, and
    estimates a usage that comes with it or after it. So the finish waits for the end of the run,
    and the usage goes out before it, with the dollars of every attempt.
    """

    def __init__(self) -> None:
        self._finish: Part | None = None
        self._usage: Usage | None = None

    def of(self, part: Part) -> Iterator[Any]:
        """Give the chunks of a part that need not wait."""
        if part.usage is not None:
            self._usage = part.usage
        if part.finish:
            self._finish = part
        if part.speaks or not (part.finish or part.usage is not None or self._finish):
            yield _chunk(part)

    def last(self, answer: Answer) -> Iterator[Any]:
        """Give the chunks that waited, once the run is over."""
        dollars = None if answer.cost is None else answer.cost.dollars
        if self._usage is not None:
            yield _costing(_chunk(Part(usage=self._usage)), dollars)
        finish = self._finish
        if finish is not None:
            native = None if finish.speaks else finish.native
            yield _costing(_chunk(Part(finish=finish.finish, native=native)), dollars)


def _costing(chunk: Any, dollars: float | None) -> Any:
    """Give a chunk that says what the answer cost, in both places where LiteLLM looks."""
    if dollars is not None:
        usage: Any = getattr(chunk, "usage", None)
        if usage is not None:
            usage.cost = dollars
        hidden: dict[str, Any] = dict(getattr(chunk, "_hidden_params", None) or {})
        chunk._hidden_params = {**hidden, "response_cost": dollars}  # noqa: SLF001 - LiteLLM's place
    return chunk


def _chunk(part: Part) -> Any:
    native: Any = part.native
    if native is not None and not isinstance(native, str | dict):
        return native
    # No model of LiteLLM's spoke: a simulated agent, a person, a cache.
    delta: dict[str, Any] = {"content": part.text or None}
    if part.reasoning:
        delta["reasoning_content"] = part.reasoning
    if part.tool_calls:
        delta["tool_calls"] = [
            {
                "index": call.index,
                "id": call.id or None,
                "type": "function",
                "function": {"name": call.name or None, "arguments": call.arguments},
            }
            for call in part.tool_calls
        ]
    choice = {"index": 0, "delta": delta, "finish_reason": part.finish or None}
    chunk = litellm().ModelResponseStream(choices=[choice])
    if part.usage is not None:
        given, made = part.usage.input_tokens, part.usage.output_tokens
        chunk.usage = litellm().Usage(
            prompt_tokens=given, completion_tokens=made, total_tokens=given + made
        )
    return chunk
