"""What LangChain's models say, as the engine's parts: messages, chunks, events, pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, AIMessageChunk

from conductor_mw import Finish, Part, ToolCall, Usage, headers_in

from .dialect import CALLS, REASONING, fields_of

_FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
    "refusal": "refusal",
    "SAFETY": "refusal",
}
_CACHE: Final = "langchain-cache"
"""Who answers where LangChain's own cache does: nobody has worked then, and nobody bills."""
_MEDIA: Final[Mapping[str, str]] = {
    "image": "image",
    "image_url": "image",
    "image_generation_call": "image",
    "audio": "audio",
    "video": "video",
    "file": "file",
}

_CARRIED: Final = frozenset(("reasoning_content", "refusal", "tool_calls"))
"""What parts carry of `additional_kwargs`."""


def read_answer(native: object) -> Part:
    """Read what a child gave: a message, a chunk, an event of v3, or a pair of raw and parsed."""
    if isinstance(native, AIMessage):
        return read_message(native, native)
    answer = fields_of(native) or {}
    if "event" in answer:
        return _read_event(answer)
    if isinstance(answer.get("raw"), AIMessage):
        return read_message(answer["raw"], native)  # the message that it was parsed from counts
    return Part(native=native)


def read_message(message: AIMessage, native: object) -> Part:
    """Read a message or a chunk of one; `native` is what stands for it."""
    told = message.response_metadata
    content: Any = message.content
    reasoning: Any = message.additional_kwargs.get("reasoning_content") or ""
    media: tuple[str, ...] = ()
    text: str = content
    if type(content) is not str:
        text, found, media = _read_pieces(content)
        reasoning = reasoning or found
        if told.get("output_version") == "v1":
            media = (*media, "blocks")
    if message.additional_kwargs or message.invalid_tool_calls:
        media = (*media, *_not_carried(message))
    usage = message.usage_metadata
    return Part(
        text=text,
        reasoning=reasoning if isinstance(reasoning, str) else "",
        tool_calls=_calls(message),
        usage=read_usage(usage) if usage else None,
        finish=_finish(message, told) if told else "",
        native=native,
        media=media,
        logprobs=_logprobs(told["logprobs"]) if told.get("logprobs") else (),
        headers=headers_in(told["headers"]) if told.get("headers") else None,
        by=_CACHE if usage and _free(usage) else "",
        model=told.get("model_name") or "" if told else "",
    )


def _read_pieces(content: Any) -> tuple[str, str, tuple[str, ...]]:
    texts: list[str] = []
    thoughts: list[str] = []
    media: list[str] = []
    for piece in content:
        if isinstance(piece, str):
            texts.append(piece)
            continue
        kind: Any = piece.get("type")
        if kind in ("text", "output_text"):
            texts.append(piece.get("text") or "")
            if piece.get("citations") or piece.get("annotations"):
                media.append("citations")  # what parts cannot carry, so no cache keeps the answer
        elif kind in REASONING:
            thoughts.append(_thought(piece))
            media.append("signature")  # or an id: providers want the block as it was
        elif kind not in CALLS:
            media.append(_MEDIA.get(kind, "other"))
    return "".join(texts), "".join(thoughts), tuple(media)


def _not_carried(message: AIMessage) -> tuple[str, ...]:
    told = message.additional_kwargs
    if any(value and name not in _CARRIED for name, value in told.items()):
        return ("other",)
    # Of a chunk they are what is not whole yet.
    broken = message.invalid_tool_calls and not isinstance(message, AIMessageChunk)
    return ("other",) if broken else ()


def _thought(piece: Mapping[str, Any]) -> str:
    for name in ("thinking", "reasoning", "reasoning_content", "text"):
        found = piece.get(name)
        if isinstance(found, str):
            return found
    return ""


def _calls(message: AIMessage) -> tuple[ToolCall, ...]:
    if isinstance(message, AIMessageChunk):
        if not message.tool_call_chunks:
            return ()
        return tuple(
            ToolCall(
                call["index"] if isinstance(call["index"], int) else 0,
                call["id"] or "", call["name"] or "", call["args"] or "",
            )
            for call in message.tool_call_chunks
        )  # fmt: skip
    if not message.tool_calls:
        return ()
    return tuple(
        ToolCall(
            at,
            call["id"] or "",
            call["name"],
            json.dumps(call["args"], ensure_ascii=False, default=str),
        )
        for at, call in enumerate(message.tool_calls)
    )


def _finish(message: AIMessage, told: Mapping[str, Any]) -> Finish:
    if message.additional_kwargs.get("refusal"):
        return "refusal"
    reason = told.get("finish_reason") or told.get("stop_reason") or told.get("done_reason")
    return _FINISHES.get(reason, "stop") if isinstance(reason, str) and reason else ""


def _free(told: Any) -> bool:
    return bool(told.get("total_cost") == 0)


def read_usage(told: Any) -> Usage:
    """Give the tokens that `usage_metadata` tells; none for an answer of LangChain's own cache."""
    if _free(told):
        return Usage()
    given: Mapping[str, Any] = told.get("input_token_details") or {}
    made: Mapping[str, Any] = told.get("output_token_details") or {}
    return Usage(
        _count(told.get("input_tokens")), _count(told.get("output_tokens")),
        _count(given.get("cache_read")), _count(made.get("reasoning")),
    )  # fmt: skip


def _count(told: object) -> int:
    # A provider's negative or fractional count must not reach the bill.
    return told if isinstance(told, int) and told > 0 else 0


def usage_metadata(usage: Usage | None) -> Mapping[str, Any] | None:
    """Give tokens as LangChain's messages tell them."""
    if usage is None:
        return None
    given, made = usage.input_tokens, usage.output_tokens
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}


def _logprobs(told: Any) -> tuple[float, ...]:
    content: Any = (fields_of(told) or {}).get("content")
    if not isinstance(content, list):
        return ()
    tokens = [fields_of(one) or {} for one in cast("list[Any]", content)]
    found: list[Any] = [token.get("logprob") for token in tokens]
    return tuple(one for one in found if isinstance(one, float | int))


def _read_event(event: Mapping[str, Any]) -> Part:
    """Read an event of `stream_events(version="v3")`."""
    delta: Any = event.get("delta") or {}
    kind = delta.get("type")
    reason: Any = event.get("reason") or ""
    told: Any = event.get("usage")
    return Part(
        text=delta.get("text", "") if kind == "text-delta" else "",
        reasoning=delta.get("reasoning", "") if kind == "reasoning-delta" else "",
        tool_calls=(ToolCall(event["index"]),) if kind == "block-delta" else (),
        usage=read_usage(told) if told else None,
        finish=_FINISHES.get(reason, "stop") if reason else "",
        native=event,
    )
