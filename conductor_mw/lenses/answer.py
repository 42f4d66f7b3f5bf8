"""Read what OpenAI-style models answer into parts, and join parts into such an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from conductor_mw.errors import Failure, PluginError
from conductor_mw.parts import Finish, Part, ToolCall, Usage, joined_tool_calls

_FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
    "refusal": "refusal",
}
_REASONS: Final[Mapping[str, str]] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "cut": "length",
}
_ROUNDING: Final = 0.01
_IMPOSSIBLE: Final = -1e6


def read_answer(native: object) -> Part:
    """Return the part that an answer or a chunk is; of several choices the first is read.

    Raises:
        PluginError: it is neither a text, nor a mapping or object with choices.
        Failure: it says that an error happened, or its choices cannot be read.
    """
    if isinstance(native, str):
        return Part(text=native, native=native)
    if isinstance(native, Part):
        return native
    choices = _get(native, "choices")
    if choices is None:
        _raise_error(native)
    if not isinstance(choices, list | tuple):
        raise Failure("invalid_output", f"choices must be a list, not {type(choices).__name__}")
    usage = _usage(_get(native, "usage"))
    for choice in cast("Sequence[object]", choices):
        if _count(_get(choice, "index")) == 0:
            return _read_choice(choice, usage, native)
    # The last chunk carries usage and no choice; Azure's first one carries neither.
    return Part(usage=usage, native=native)


def show_part(part: Part) -> dict[str, object]:
    """Return the chat completion chunk that a part is."""
    delta: dict[str, object] = {"role": "assistant", "content": part.text}
    if part.reasoning:
        delta["reasoning_content"] = part.reasoning
    if part.tool_calls:
        delta["tool_calls"] = [
            {
                "index": call.index,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in part.tool_calls
        ]
    reason = _REASONS.get(part.finish, "stop") if part.finish else None
    chunk: dict[str, object] = {
        "id": "conductor",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }
    if part.usage is not None:
        chunk["usage"] = _usage_dict(part.usage)
    return chunk


def join_parts(parts: Sequence[Part]) -> dict[str, object]:
    """Return the chat completion that these parts make up.

    Id, model and time are taken from the first chunk that has them.
    """
    text = "".join(part.text for part in parts)
    reasoning = "".join(part.reasoning for part in parts)
    calls = _join_calls(parts)
    finish = next((part.finish for part in reversed(parts) if part.finish), "")
    usage = next((part.usage for part in reversed(parts) if part.usage is not None), None)
    message: dict[str, object] = {"role": "assistant", "content": text or (None if calls else "")}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    reason = _REASONS.get(finish, "tool_calls" if calls else "stop")
    answer: dict[str, object] = {
        "id": _first(parts, "id", "conductor"),
        "object": "chat.completion",
        "created": _first(parts, "created", 0),
        "model": _first(parts, "model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    }
    if usage is not None:
        answer["usage"] = _usage_dict(usage)
    return answer


def _get(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(name)
    return getattr(value, name, None)


def _raise_error(native: object) -> None:
    error = _get(native, "error")
    if error is not None:
        message = _get(error, "message")
        told = message if isinstance(message, str) else str(error)
        raise Failure("server_error", f"the provider answered with an error: {told[:200]}")
    raise PluginError(
        f"cannot read an answer of type {type(native).__name__}",
        mend="answer with a text, an OpenAI-style chat completion, or parts",
    )


def _read_choice(choice: object, usage: Usage | None, native: object) -> Part:
    said = _get(choice, "delta")
    if said is None:
        said = _get(choice, "message")
    reason = _get(choice, "finish_reason")
    finish: Finish = _FINISHES.get(reason, "stop") if isinstance(reason, str) and reason else ""
    text = _text(_get(said, "content"))
    refusal = _get(said, "refusal")
    if refusal is None:  # LiteLLM keeps what is not in every provider's answers under this name
        refusal = _get(_get(said, "provider_specific_fields"), "refusal")
    if isinstance(refusal, str) and refusal:
        text, finish = text + refusal, "refusal"
    reasoning = _get(said, "reasoning_content")
    if reasoning is None:
        reasoning = _get(said, "reasoning")
    return Part(
        text=text,
        reasoning=reasoning if isinstance(reasoning, str) else "",
        tool_calls=_calls(said),
        usage=usage,
        finish=finish,
        native=native,
        logprobs=_logprobs(choice),
    )


def _logprobs(choice: object) -> tuple[float, ...]:
    """Give the log-probability of every token; none where one of them cannot be read."""
    tokens = _get(_get(choice, "logprobs"), "content")
    if not isinstance(tokens, list | tuple):
        return ()
    found = [_get(token, "logprob") for token in cast("Sequence[object]", tokens)]
    # Rounding may lift a certain token a little above 0; NaN fails the comparison.
    told = [
        min(0.0, float(one))
        for one in found
        if isinstance(one, float | int) and _IMPOSSIBLE <= one < _ROUNDING
    ]
    return tuple(told) if len(told) == len(found) else ()


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list | tuple):
        texts = [_get(piece, "text") for piece in cast("Sequence[object]", content)]
        return "".join(text for text in texts if isinstance(text, str))
    raise Failure("invalid_output", f"content must be a string, not {type(content).__name__}")


def _calls(said: object) -> tuple[ToolCall, ...]:
    calls = _get(said, "tool_calls")
    legacy = _get(said, "function_call")
    found: list[ToolCall] = []
    if isinstance(calls, list | tuple):
        for position, call in enumerate(cast("Sequence[object]", calls)):
            index = _get(call, "index")
            function = _get(call, "function")
            found.append(
                ToolCall(
                    _count(index) if isinstance(index, int) else position,
                    _string(_get(call, "id")),
                    _string(_get(function, "name")),
                    _string(_get(function, "arguments")),
                )
            )
    if legacy is not None and not found:
        name, arguments = _get(legacy, "name"), _get(legacy, "arguments")
        found.append(ToolCall(0, "", _string(name), _string(arguments)))
    return tuple(found)


def _usage(usage: object) -> Usage | None:
    if usage is None:
        return None
    given = _details(usage, "prompt_tokens_details", "input_tokens_details")
    made = _details(usage, "completion_tokens_details", "output_tokens_details")
    # Some providers run agents of their own and bill those tokens beside the ordinary counts.
    return Usage(
        _either(usage, "prompt_tokens", "input_tokens")
        + _count(_get(given, "orchestration_input_tokens")),
        _either(usage, "completion_tokens", "output_tokens")
        + _count(_get(made, "orchestration_output_tokens")),
        _count(_get(given, "cached_tokens"))
        + _count(_get(given, "orchestration_input_cached_tokens")),
        _count(_get(made, "reasoning_tokens")),
    )


def _details(usage: object, first: str, second: str) -> object:
    found = _get(usage, first)
    return _get(usage, second) if found is None else found


def _either(usage: object, first: str, second: str) -> int:
    return _count(_get(usage, first)) or _count(_get(usage, second))


def _count(value: object) -> int:
    # A provider's negative or fractional count must not reach the bill.
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _join_calls(parts: Sequence[Part]) -> list[dict[str, object]]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in joined_tool_calls(parts)
    ]


def _first(parts: Sequence[Part], name: str, otherwise: object) -> object:
    for part in parts:
        value = None if isinstance(part.native, str) else _get(part.native, name)
        if value:
            return value
    return otherwise


def _usage_dict(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
