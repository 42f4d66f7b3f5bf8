"""LangChain's messages and tools in OpenAI's form, which is what signals, workers and caches read.

The pieces are shared with the originals, never changed, and media are never copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from conductor_mw import RequestError

ROLES: Final[Mapping[str, str]] = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "SystemMessageChunk": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "function",
}
REASONING: Final = frozenset(("thinking", "reasoning", "redacted_thinking", "reasoning_content"))
"""Blocks in which a model thinks; providers take them back with the next question."""
CALLS: Final = frozenset(
    ("tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call")
)
"""Blocks that say again what stands in `tool_calls`."""

_DESCRIBED: Final = frozenset(("function", "custom", "object"))
"""Types of tools that are the app's own: others say which tool of the provider is meant."""


class Tools(list[Any]):
    """The tools of one `bind_tools`, as the app gave them, with what is made of them once.

    Attributes:
        options: the names of what `bind_tools` was told beside, `strict` for example: a child's
            own `bind_tools` gets it too.
        chat: the tools in OpenAI's form, or None until something reads them.
        bound: what each child made of them, by whatever tells those apart.
    """

    def __init__(self, tools: Sequence[Any], options: Sequence[str] = ()) -> None:
        super().__init__(tools)
        self.options = tuple(options)
        self.chat: list[dict[str, Any]] | None = None
        self.bound: dict[Any, tuple[Any, Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Tools, (list(self), self.options)  # what is made of them is made again


def openai_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Give messages in OpenAI's form.

    Raises:
        RequestError: something in one of them is nested too deeply to be written.
    """
    written: list[dict[str, Any]] = []
    try:
        for message in messages:
            written.append(openai_message(message))  # noqa: PERF401 - how many there are is told
    except RecursionError:
        raise RequestError(
            "is nested too deeply to be read", where=f"messages.{len(written)}"
        ) from None
    return written


def openai_message(message: BaseMessage) -> dict[str, Any]:
    """Give a message in OpenAI's form.

    >>> from langchain_core.messages import HumanMessage
    >>> openai_message(HumanMessage("Hello"))
    {'role': 'user', 'content': 'Hello'}
    """
    role = message.role if isinstance(message, ChatMessage) else ROLES.get(message.type)
    content: Any = message.content
    written: dict[str, Any] = {"role": role or message.type}
    if not isinstance(content, list):
        written["content"] = content
    else:
        pieces: Any = cast("list[Any]", content)
        written["content"] = [_piece(one) for one in pieces if not _beside(one)]
        thought = "".join(_thought(one) for one in pieces if _is(one, REASONING))
        if thought:
            written["reasoning_content"] = thought
    if message.name:
        written["name"] = message.name
    if isinstance(message, ToolMessage):
        written["tool_call_id"] = message.tool_call_id
    elif isinstance(message, AIMessage):
        _say_calls(message, written)
    return written


def beside_chat(sent: Any) -> list[Any]:
    """Give what a child may send of a message or a tool beside what stands in OpenAI's form."""
    told: Any = getattr(sent, "additional_kwargs", None) or getattr(sent, "extras", None) or {}
    beside: list[Any] = [{key: one for key, one in told.items() if one}] if told else []
    if isinstance(sent, ToolMessage) and sent.status != "success":
        beside.append(sent.status)
    return [one for one in beside if one]


def _say_calls(message: AIMessage, written: dict[str, Any]) -> None:
    told = message.additional_kwargs
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {
                "name": call["name"],
                "arguments": _written(call["args"]),
            },
        }
        for call in message.tool_calls
    ]
    calls += [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"] or "", "arguments": call["args"] or ""},
        }
        for call in message.invalid_tool_calls
    ]
    if calls:
        written["tool_calls"] = calls
        if not written["content"]:
            written["content"] = None
    elif told.get("function_call"):
        written["function_call"] = told["function_call"]
    for name in ("refusal", "reasoning_content"):
        if told.get(name) and name not in written:
            written[name] = told[name]


def fields_of(value: object) -> dict[str, Any] | None:
    """Give what is a `dict` as one with texts as keys, and None for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _written(arguments: Any) -> str:
    # As models write them, without spaces: LangChain has forgotten how these were written.
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"), default=str)


def _is(piece: Any, kinds: frozenset[str]) -> bool:
    fields = fields_of(piece)
    return fields is not None and fields.get("type") in kinds


def _beside(piece: Any) -> bool:
    return _is(piece, REASONING) or _is(piece, CALLS)


def _piece(piece: Any) -> Any:
    fields = fields_of(piece)
    if fields is None:
        return piece
    # A block of a provider's own, a search result for example: it is sent, so its text counts.
    if fields.get("type") == "non_standard" or not isinstance(fields.get("type"), str):
        return {"type": "text", "text": json.dumps(fields, ensure_ascii=False, default=str)}
    return fields


def _thought(piece: Any) -> str:
    # With its signature: it is sent back, so its bytes count.
    return "".join(_texts({key: one for key, one in piece.items() if key != "type"}))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    fields = fields_of(value)
    inside: list[Any] = list(fields.values()) if fields is not None else []
    if isinstance(value, list):
        inside = cast("list[Any]", value)
    return [text for one in inside for text in _texts(one)]


def openai_tools(tools: Any) -> list[dict[str, Any]]:
    """Give tools in OpenAI's form: made once for each `bind_tools`.

    Args:
        tools: `Tools`, or whatever a caller passed as `tools=`.
    """
    if isinstance(tools, Tools):
        if tools.chat is None:
            tools.chat = [_tool(tool) for tool in tools]
        return tools.chat
    return [_tool(tool) for tool in tools or ()]


def _tool(tool: Any) -> dict[str, Any]:
    fields = fields_of(tool)
    if fields is not None:
        kind = fields.get("type")
        if "function" in fields or (isinstance(kind, str) and kind not in _DESCRIBED):
            return fields  # OpenAI's form already, or a provider's own tool, a search for example
    return convert_to_openai_tool(tool)
