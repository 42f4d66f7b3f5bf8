"""The dialect of Anthropic's messages: `POST /v1/messages`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .brain import Call, Question, Reply, Schema, Tool
from .dialect import PIECE, Body, Dialect, Event, parts, text_of

_BLOCKS: Final = {
    "text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking",
}  # fmt: skip
_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_ERRORS: Final = {
    400: ("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use the resource"),
    404: ("not_found_error", "model: not found"),
    422: ("invalid_request_error", "The request could not be processed"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit"),
    500: ("api_error", "Internal server error"),
    503: ("overloaded_error", "Overloaded"),
}


def _signed(headers: Mapping[str, str]) -> bool:
    """Whether the caller gave a key, in either of the SDK's ways, and its version."""
    key = headers.get("x-api-key") or headers.get("authorization", "").startswith("Bearer ")
    return bool(key) and "anthropic-version" in headers


def _fault(body: Body) -> str | None:
    """What the real endpoint would refuse about a conversation."""
    if "max_tokens" not in body:
        return "max_tokens: Field required"
    called: set[str] = set()
    for message in body["messages"]:
        blocks = parts(message["content"])
        if message["role"] not in {"user", "assistant"}:
            return f"messages: Unexpected role {message['role']!r}"
        if unknown := {block["type"] for block in blocks} - _BLOCKS:
            return f"messages.content: Input tag {min(unknown)!r} is not known"
        answered = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if answered != called:
            return "`tool_result` and `tool_use` blocks of two messages must belong together"
        called = {block["id"] for block in blocks if block["type"] == "tool_use"}
    return None


def _question(body: Body) -> Question:
    """Read a request."""
    messages: Sequence[Body] = body["messages"]
    texts = [text_of(body.get("system") or "")]
    texts += [text_of(message["content"]) for message in messages]
    choice: Mapping[str, Any] = body.get("tool_choice") or {}
    tools = [Tool(tool["name"], tool.get("input_schema") or {}) for tool in body.get("tools") or ()]
    return Question(
        model=body["model"],
        text=texts[-1],
        told=sum(len(text.split()) for text in texts),
        resumes=any(block["type"] == "tool_result" for block in parts(messages[-1]["content"])),
        tools=() if choice.get("type") == "none" else tools,
        chosen=choice.get("name"),
        schema=_schema(body),
        stop=body.get("stop_sequences") or (),
        limit=body["max_tokens"],
    )


def _error(status: int, message: str | None) -> dict[str, Any]:
    """Tell an error as a body."""
    kind, usual = _ERRORS[status]
    return {"type": "error", "error": {"type": kind, "message": message or usual}}


def _completion(body: Body, reply: Reply) -> dict[str, Any]:
    """Tell an answer at once."""
    content: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [_block(call, dict(call.arguments)) for call in reply.calls]
    return {
        **_message(body, reply), "content": content, **_ending(reply),
        "usage": _usage(reply),
    }  # fmt: skip


def _events(body: Body, reply: Reply) -> Iterator[Event]:
    """Tell an answer piece by piece."""
    usage = _usage(reply)
    opening: dict[str, Any] = {**_message(body, reply), "content": [], "stop_reason": None}
    yield "message_start", {"message": {**opening, "usage": {**usage, "output_tokens": 1}}}
    index = 0
    if reply.text:
        deltas = [{"type": "text_delta", "text": piece} for piece in reply.pieces]
        yield from _streamed(index, {"type": "text", "text": ""}, deltas)
        index += 1
    for call in reply.calls:
        cuts = range(0, len(call.text), PIECE)
        deltas = [
            {"type": "input_json_delta", "partial_json": call.text[at : at + PIECE]} for at in cuts
        ]
        yield from _streamed(index, _block(call, {}), deltas)
        index += 1
    yield "message_delta", {"delta": _ending(reply), "usage": usage}
    yield "message_stop", {}


def _streamed(index: int, block: dict[str, Any], deltas: Sequence[Body]) -> Iterator[Event]:
    yield "content_block_start", {"index": index, "content_block": block}
    for delta in deltas:
        yield "content_block_delta", {"index": index, "delta": delta}
    yield "content_block_stop", {"index": index}


def _schema(body: Body) -> Schema | None:
    config: Mapping[str, Any] = body.get("output_config") or {}
    form: Mapping[str, Any] = config.get("format") or {}
    return form.get("schema")


def _block(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "tool_use", "id": f"toolu_{call.number}", "name": call.name, "input": arguments
    }  # fmt: skip


def _message(body: Body, reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.number}", "type": "message", "role": "assistant", "model": body["model"]
    }  # fmt: skip


def _usage(reply: Reply) -> dict[str, int]:
    return {"input_tokens": reply.asked, "output_tokens": reply.said}


def _ending(reply: Reply) -> dict[str, Any]:
    return {"stop_reason": _REASONS.get(reply.why, reply.why), "stop_sequence": None}


ANTHROPIC: Final = Dialect(
    path="/v1/messages",
    headers={
        "anthropic-ratelimit-requests-limit": "100",
        "anthropic-ratelimit-requests-remaining": "99",
    },
    end=b"",
    signed=_signed,
    fault=_fault,
    question=_question,
    error=_error,
    completion=_completion,
    events=_events,
)
