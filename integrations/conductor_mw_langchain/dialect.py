"""LangChain's messages and tools in OpenAI's form, which is what signals, workers and caches read.

The pieces are shared with the originals, never changed, and media are never copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

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
_CALLS: Final = frozenset(
    ("tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call")
)
"""Blocks that say again what stands in `tool_calls`."""


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


def openai_message(message: BaseMessage) -> dict[str, Any]:
    """Give a message in OpenAI's form.

    >>> from langchain_core.messages import HumanMessage
    >>> openai_message(HumanMessage("Hello"))
    {'role': 'user', 'content': 'Hello'}
    """
    role = message.role if isinstance(message, ChatMessage) else ROLES.get(message.type)
    content: Any = message.content
    written: dict[str, Any] = {"role": role or message.type}
    if type(content) is str:
        written["content"] = content
    else:
        pieces: Any = content
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
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


def _is(piece: Any, kinds: frozenset[str]) -> bool:
    fields = fields_of(piece)
    return fields is not None and fields.get("type") in kinds


def _beside(piece: Any) -> bool:
    return _is(piece, REASONING) or _is(piece, _CALLS)


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
    if fields is not None and "type" in fields and "name" not in fields:
        return fields  # OpenAI's form already
    return convert_to_openai_tool(tool)
