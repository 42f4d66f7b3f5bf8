"""Messages and tools with their texts masked; whatever holds nothing to mask stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, BaseMessage

from conductor_mw import ChatLens, RequestError

from .dialect import Tools, fields_of, openai_tools

_CHAT: Final = ChatLens()
_ARGUMENTS: Final = ("args", "input", "value")
"""Where blocks of content have arguments: LangChain's, Anthropic's, and those of no standard."""


def masked_messages(
    messages: Sequence[BaseMessage], mask: Callable[[str], str]
) -> list[BaseMessage]:
    """Give messages in which every text went through `mask`.

    Raises:
        RequestError: something in one of them is nested too deeply to be read.
    """
    found: list[BaseMessage] = []
    try:
        for message in messages:
            found.append(masked(message, mask))  # noqa: PERF401 - how many there are is told
    except RecursionError:
        raise RequestError(
            "is nested too deeply to be read", where=f"messages.{len(found)}"
        ) from None
    return found


def masked(message: BaseMessage, mask: Callable[[str], str]) -> BaseMessage:
    """Give a message in which every text, and every argument of a tool call, went through `mask`.

    Ids, names, addresses and data of media stay as they are.
    """
    changed: dict[str, Any] = {}
    content: Any = message.content
    found: Any = mask(content) if isinstance(content, str) else _pieces(content, mask)
    if found != content:
        changed["content"] = found
    told = _values(message.additional_kwargs, mask)
    if told != message.additional_kwargs:
        changed["additional_kwargs"] = told
    if isinstance(message, AIMessage):
        for name in ("tool_calls", "invalid_tool_calls"):
            calls: list[Any] = getattr(message, name)
            others = [{**call, "args": _values(call["args"], mask)} for call in calls]
            if others != calls:
                changed[name] = others
    return message.model_copy(update=changed) if changed else message


def masked_tools(tools: Any, mask: Callable[[str], str]) -> Any:
    """Give tools whose texts went through `mask`; they are OpenAI's form only where one changed."""
    written = openai_tools(tools)
    native: Any = _CHAT.redacted({"messages": [], "tools": written}, mask)
    if native["tools"] == written:
        return tools
    return Tools(native["tools"], tools.options if isinstance(tools, Tools) else ())


def _pieces(content: Any, mask: Callable[[str], str]) -> Any:
    asked: Any = _CHAT.redacted({"messages": [{"role": "user", "content": content}]}, mask)
    pieces: list[Any] = asked["messages"][0]["content"]
    return [
        piece if isinstance(old, str) else _with_arguments(piece, old, mask)
        for piece, old in zip(pieces, content, strict=True)
    ]


def _with_arguments(piece: Any, old: Mapping[str, Any], mask: Callable[[str], str]) -> Any:
    """Mask what a tool call inside a content block says: under any name, `id` and `url` too."""
    found = {name: _values(old[name], mask) for name in _ARGUMENTS if name in old}
    return {**piece, **found} if found else piece


def _values(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    fields = fields_of(value)
    if fields is not None:
        return {key: _values(one, mask) for key, one in fields.items()}
    if isinstance(value, list):
        return [_values(one, mask) for one in cast("list[Any]", value)]
    return value
