"""Take out of a model call what its next provider would refuse: settings, markers, reasoning.

What a provider calls its own stands in the tables below. A target of the same family keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool

FAMILIES: Final[Mapping[str, str]] = {
    "anthropic-chat": "anthropic",
    "anthropic-bedrock-chat": "anthropic",
    "anthropic-chat-vertexai": "anthropic",
    "openai-chat": "openai",
    "azure-openai-chat": "openai",
    "fireworks-chat": "fireworks",
    "chat-google-generative-ai": "google",
    "vertexai": "google",
    "amazon_bedrock_converse_chat": "bedrock",
    "google_genai": "google",
    "google_vertexai": "google",
    "google_anthropic_vertex": "anthropic",
    "azure": "openai",
    "bedrock_converse": "bedrock",
}
"""The family of a chat model (`_llm_type`), and of who said a message (`model_provider`)."""
KNOWN: Final = frozenset(FAMILIES.values())
"""Families of which it is known what they take."""
SETTINGS: Final[Mapping[str, frozenset[str]]] = {
    "cache_control": frozenset(("anthropic",)),
    "thinking": frozenset(("anthropic",)),
    "betas": frozenset(("anthropic",)),
    "mcp_servers": frozenset(("anthropic",)),
    "prompt_cache_key": frozenset(("openai", "fireworks")),
    "prompt_cache_retention": frozenset(("openai",)),
    "previous_response_id": frozenset(("openai",)),
    "reasoning": frozenset(("openai",)),
    "include": frozenset(("openai",)),
    "store": frozenset(("openai",)),
}
"""Settings that only these families take."""
HEADERS: Final[Mapping[str, frozenset[str]]] = {
    "x-session-affinity": frozenset(("fireworks",)),
    "anthropic-beta": frozenset(("anthropic",)),
    "anthropic-version": frozenset(("anthropic",)),
    "openai-beta": frozenset(("openai",)),
    "openai-organization": frozenset(("openai",)),
    "openai-project": frozenset(("openai",)),
}
"""Headers, in small letters, that mean something to these families only."""
_ANTHROPIC: Final = frozenset(("anthropic",))
_OPENAI: Final = frozenset(("openai",))
_GOOGLE: Final = frozenset(("google",))
BLOCKS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(
        (
            "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use",
            "mcp_tool_result", "web_search_tool_result", "web_fetch_tool_result",
            "code_execution_tool_result", "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result", "tool_search_tool_result",
        ),
        _ANTHROPIC,
    ),
    **dict.fromkeys(
        (
            "function_call", "custom_tool_call", "web_search_call", "file_search_call",
            "computer_call", "code_interpreter_call", "image_generation_call", "mcp_call",
            "mcp_list_tools", "mcp_approval_request",
        ),
        _OPENAI,
    ),
    **dict.fromkeys(("executable_code", "code_execution_result"), _GOOGLE),
    "reasoning_content": frozenset(("bedrock",)),
}  # fmt: skip
"""Blocks of an answer that only the family that made them takes back."""
_TEXT: Final = frozenset(("text", "output_text"))
_MEDIA: Final = frozenset(("image", "image_url", "audio", "input_audio", "video", "file"))
_MARKER: Final = "cache_control"
_MARKED: Final = ("extras", "metadata")
"""Where a block or a tool may carry the marker beside its own fields."""


def family_of(model: object) -> str:
    """Give the family of a chat model; its own type where it is of none that is known."""
    kind: Any = getattr(model, "_llm_type", "")
    return FAMILIES.get(kind, kind) if isinstance(kind, str) else ""


def clean_settings(settings: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Give the settings that this family takes."""
    kept = {key: value for key, value in settings.items() if family in SETTINGS.get(key, (family,))}
    headers: Any = kept.get("extra_headers")
    if isinstance(headers, Mapping):
        own = {
            name: value
            for name, value in cast("Mapping[Any, Any]", headers).items()
            if family in HEADERS.get(str(name).lower(), (family,))
        }
        if own:
            kept["extra_headers"] = own
        else:
            del kept["extra_headers"]
    return kept


def clean_message(message: BaseMessage, family: str) -> BaseMessage:
    """Give a message as this family takes it; the same object where nothing had to go."""
    content: Any = message.content
    if isinstance(message, AIMessage):
        said_by = message.response_metadata.get("model_provider")
        if isinstance(said_by, str) and FAMILIES.get(said_by, said_by) != family:
            return _translated(message)
    if type(content) is str:
        return message
    blocks = [
        _unmarked(block, family)
        for block in content
        if not isinstance(block, dict) or family in _owners(cast("dict[str, Any]", block), family)
    ]
    if len(blocks) == len(content) and all(map(_is, blocks, content)):
        return message
    return message.model_copy(update={"content": blocks or ""})


def clean_messages(messages: list[Any], family: str) -> list[Any]:
    """Give messages as this family takes them; the same list where nothing had to go."""
    cleaned = [clean_message(message, family) for message in messages]
    return messages if all(map(_is, cleaned, messages)) else cleaned


def clean_tools(tools: list[Any], family: str) -> list[Any]:
    """Give tools as this family takes them; the same list where nothing had to go."""
    if family in SETTINGS[_MARKER]:
        return tools
    cleaned = [_clean_tool(tool) for tool in tools]
    return tools if all(map(_is, cleaned, tools)) else cleaned


def _clean_tool(tool: Any) -> Any:
    if isinstance(tool, BaseTool):
        extras: Any = tool.extras
        if not extras or _MARKER not in extras:
            return tool
        return tool.model_copy(update={"extras": _without(extras) or None})
    return _unmarked(tool, "")


def _translated(message: AIMessage) -> AIMessage:
    """Give what another provider said as anybody may have said it: text, media and tool calls.

    Tool calls stand beside the content, so blocks that repeat them can go.
    """
    content: Any = message.content
    if type(content) is not str:
        content = list(_portable(content)) or ""
    elif not message.additional_kwargs:
        return message
    return message.model_copy(update={"content": content, "additional_kwargs": {}})


def _portable(blocks: Iterable[Any]) -> Iterable[Any]:
    for block in blocks:
        if isinstance(block, str):
            yield block
            continue
        kind = block.get("type")
        if kind in _TEXT and isinstance(block.get("text"), str):
            yield {"type": "text", "text": block["text"]}
        elif kind in _MEDIA:
            yield _unmarked(block, "")


def _owners(block: Mapping[str, Any], family: str) -> Iterable[str]:
    """Give the families that take a block of an answer of which nobody says who made it."""
    kind: Any = block.get("type")
    if kind == "reasoning" and ("summary" in block or "encrypted_content" in block):
        return _OPENAI
    return BLOCKS.get(kind, (family,))


def _unmarked(block: Any, family: str) -> Any:
    """Give a block or a tool without the marker of another provider's cache."""
    if not isinstance(block, dict) or family in SETTINGS[_MARKER]:
        return cast("Any", block)
    fields = cast("dict[str, Any]", block)
    found = fields if _MARKER not in fields else _without(fields)
    for name in _MARKED:
        inner: Any = found.get(name)
        if isinstance(inner, dict) and _MARKER in inner:
            found = {**found, name: _without(cast("dict[str, Any]", inner))}
    return found


def _without(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != _MARKER}


def _is(one: object, other: object) -> bool:
    return one is other
