"""The dialect of OpenAI's chat completions: `POST /v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .brain import JOKE, REFUSAL, Call, Question, Reply, Schema, Tool
from .dialect import PIECE, Body, Dialect, Event, parts, text_of

_PARTS: Final = {"text", "image_url", "input_audio", "file", "refusal"}
_REASONS: Final = {"stop_sequence": "stop", "refusal": "stop"}
_ERRORS: Final = {
    400: ("invalid_request_error", "context_length_exceeded", "maximum context length is 8 tokens"),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided"),
    403: ("insufficient_permissions", None, "You have insufficient permissions"),
    404: ("invalid_request_error", "model_not_found", "The model does not exist"),
    422: ("invalid_request_error", None, "The request could not be processed"),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests"),
    500: ("server_error", None, "The server had an error while processing your request"),
    503: ("server_error", None, "The engine is currently overloaded"),
}


def _signed(headers: Mapping[str, str]) -> bool:
    """Whether the caller gave a key."""
    return headers.get("authorization", "").startswith("Bearer ")


def _fault(body: Body) -> str | None:
    """What the real endpoint would refuse about a conversation."""
    known: set[str] = set()
    for message in body["messages"]:
        known.update(call["id"] for call in message.get("tool_calls") or ())
        if message["role"] == "tool" and message["tool_call_id"] not in known:
            return "messages with role 'tool' must answer a preceding tool call"
        for part in parts(message.get("content")):
            if part["type"] not in _PARTS:
                return f"Invalid value: {part['type']!r}"
            if foreign := part.keys() & {"cache_control", "signature"}:
                return f"Unknown parameter: {min(foreign)!r}"
    return None


def _question(body: Body) -> Question:
    """Read a request."""
    messages: Sequence[Body] = body["messages"]
    texts = [text_of(message.get("content")) for message in messages]
    choice: Any = body.get("tool_choice")
    tools = [_tool(tool["function"]) for tool in body.get("tools") or ()]
    stop = body.get("stop") or ()
    return Question(
        model=body["model"],
        text=texts[-1],
        told=sum(len(text.split()) for text in texts),
        resumes=messages[-1]["role"] == "tool",
        tools=() if choice == "none" else tools,
        chosen=None if choice is None or isinstance(choice, str) else choice["function"]["name"],
        schema=_schema(body.get("response_format")),
        stop=[stop] if isinstance(stop, str) else stop,
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
    )


def _error(status: int, message: str | None) -> dict[str, Any]:
    """Tell an error as a body."""
    kind, code, usual = _ERRORS[status]
    if message is not None:
        code = None
    return {"error": {"message": message or usual, "type": kind, "param": None, "code": code}}


def _completion(body: Body, reply: Reply) -> dict[str, Any]:
    """Tell an answer at once."""
    refused = reply.why == "refusal"
    message: dict[str, Any] = {
        "role": "assistant", "content": None if refused else reply.text or None,
        "refusal": REFUSAL if refused else None,
    }  # fmt: skip
    if reply.calls:
        message["tool_calls"] = [_call(call, call.text) for call in reply.calls]
    choice = {"index": 0, "message": message, "finish_reason": _reason(reply)}
    return {**_base(body, reply, ""), "choices": [choice], "usage": _usage(reply)}


def _events(body: Body, reply: Reply) -> Iterator[Event]:
    """Tell an answer piece by piece."""
    base = _base(body, reply, ".chunk")

    def chunk(delta: dict[str, Any], finish: str | None = None) -> Event:
        return None, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in reply.pieces:
        yield chunk({"refusal" if reply.why == "refusal" else "content": piece})
    for index, call in enumerate(reply.calls):
        yield chunk({"tool_calls": [{"index": index, **_call(call, "")}]})
        for at in range(0, len(call.text), PIECE):
            arguments = {"arguments": call.text[at : at + PIECE]}
            yield chunk({"tool_calls": [{"index": index, "function": arguments}]})
    yield chunk({}, _reason(reply))
    options: Mapping[str, Any] = body.get("stream_options") or {}
    if options.get("include_usage"):
        yield None, {**base, "choices": [], "usage": _usage(reply)}


def _tool(function: Mapping[str, Any]) -> Tool:
    return Tool(function["name"], function.get("parameters") or {})


def _schema(form: Mapping[str, Any] | None) -> Schema | None:
    if form is None or form["type"] == "text":
        return None
    found: Schema = form.get("json_schema", {}).get("schema", JOKE)
    return found


def _reason(reply: Reply) -> str:
    return _REASONS.get(reply.why, reply.why)


def _usage(reply: Reply) -> dict[str, int]:
    return {
        "prompt_tokens": reply.asked,
        "completion_tokens": reply.said,
        "total_tokens": reply.asked + reply.said,
    }


def _call(call: Call, arguments: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{call.number}", "type": "function", "function": function}


def _base(body: Body, reply: Reply, suffix: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{reply.number}", "object": f"chat.completion{suffix}",
        "created": 1_700_000_000, "model": body["model"],
    }  # fmt: skip


OPENAI: Final = Dialect(
    path="/v1/chat/completions",
    headers={"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "99"},
    end=b"data: [DONE]\n\n",
    signed=_signed,
    fault=_fault,
    question=_question,
    error=_error,
    completion=_completion,
    events=_events,
)
