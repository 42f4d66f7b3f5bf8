"""How the core reads a LangChain call: messages, raw tools and config, none of them converted."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any, Final, Literal, cast

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
)
from langchain_core.messages.utils import get_buffer_string
from langchain_core.runnables import RunnableConfig
from langchain_core.utils.function_calling import convert_to_openai_tool

from conductor_mw import Finish, Message, Part, ToolCall, Usage, Weight

_ROLES: Final = {"human": "user", "ai": "assistant", "function": "tool", "developer": "system"}
_FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop", "end_turn": "stop", "length": "length", "max_tokens": "length",
    "tool_calls": "tool_calls", "tool_use": "tool_calls", "content_filter": "refusal",
    "refusal": "refusal",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """What `with_structured_output` was told."""

    schema: Any
    include_raw: bool
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """One LangChain call, every object as the app made it.

    Attributes:
        messages: the conversation.
        kwargs: what the call or `bind` said: raw tools, tool_choice, stop, temperature.
        config: the config of the child's run, below the conductor's chain run.
        form: whether the caller wants messages, or the events of `stream_events(version="v3")`.
        shape: the structured output that is asked for, or None.
    """

    messages: list[BaseMessage]
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    config: RunnableConfig = field(default_factory=RunnableConfig)
    form: Literal["message", "events"] = "message"
    shape: Shape | None = None


class LangChainLens:
    """Reads and changes a `Payload`; answers are messages, chunks, events, or raw and parsed."""

    def text(self, native: object) -> str:
        messages = _of(native).messages
        return next((str(m.text) for m in reversed(messages) if m.type == "human"), "")

    def messages(self, native: object) -> Sequence[Message]:
        return [_message(message) for message in _of(native).messages]

    def tools(self, native: object) -> Sequence[str]:
        return [_tool_name(tool) for tool in _of(native).kwargs.get("tools") or ()]

    def parameters(self, native: object) -> Mapping[str, object]:
        return {key: value for key, value in _of(native).kwargs.items() if key != "tools"}

    def size(self, native: object) -> int:
        # The one reading that converts: nobody knows a tool's bytes before it is a schema.
        tools = [convert_to_openai_tool(tool) for tool in _of(native).kwargs.get("tools") or ()]
        said = get_buffer_string(_of(native).messages)
        return len(said.encode()) + len(json.dumps(tools).encode())

    def plain(self, native: object) -> Mapping[str, object] | None:
        del native
        return None

    def with_system(self, native: object, prompt: str) -> object:
        return replace(_of(native), messages=[SystemMessage(prompt), *_of(native).messages])

    def with_parameters(self, native: object, parameters: Mapping[str, object]) -> object:
        return replace(_of(native), kwargs={**_of(native).kwargs, **parameters})

    def redacted(self, native: object, mask: Callable[[str], str]) -> object:
        return replace(_of(native), messages=[_masked(m, mask) for m in _of(native).messages])

    def fresh(self, native: object, text: str) -> object:
        return Payload([HumanMessage(text)], {}, _of(native).config)

    def shortened(self, native: object, dropped: Collection[int], note: str = "") -> object:
        kept = [one for at, one in enumerate(_of(native).messages) if at not in dropped]
        if note:
            kept.insert(min(dropped), HumanMessage(note))
        return replace(_of(native), messages=kept)

    def read(self, native: object) -> Part:
        if isinstance(native, AIMessage):
            return _read(native, native)
        answer: Mapping[str, Any] = {}
        if isinstance(native, Mapping):
            answer = cast("Mapping[str, Any]", native)
        if "event" in answer:
            return _read_event(answer)
        if "raw" in answer:  # a structured output: the message that it was parsed from counts
            return _read(answer["raw"], answer)
        return Part(native=cast("object", native))

    def pieces(self, native: object) -> Iterator[str]:
        for message in _of(native).messages:
            yield message.text
            if isinstance(message, AIMessage) and message.tool_calls:
                yield json.dumps(message.tool_calls)
        for tool in _of(native).kwargs.get("tools") or ():
            yield json.dumps(convert_to_openai_tool(tool))

    def weight(self, native: object) -> Weight:
        messages = self.messages(native)
        return Weight(
            sum(len(text.encode()) for text in self.pieces(native)),
            len(messages),
            sum(len(message.media) for message in messages),
            sum(message.role == "user" for message in messages),
        )

    def usage_after(self, so_far: Usage, report: Usage) -> Usage:
        return so_far + report  # LangChain's chunks report what they add

    def join(self, parts: Sequence[Part]) -> object:
        if len(parts) == 1 and isinstance(parts[0].native, AIMessage):
            return parts[0].native
        shown = [self.show(part) for part in parts]
        if shown and all(isinstance(one, AIMessageChunk) for one in shown):
            return message_chunk_to_message(reduce(add, cast("list[AIMessageChunk]", shown)))
        return shown[-1] if shown else None

    def show(self, part: Part) -> object:
        """Give a part as a LangChain caller expects it, also where no child model spoke."""
        if part.native is not None and not isinstance(part.native, str):
            return part.native
        calls: Any = [
            {"index": c.index, "id": c.id or None, "name": c.name or None, "args": c.arguments}
            for c in part.tool_calls
        ]
        return AIMessageChunk(
            content=part.text, tool_call_chunks=calls, usage_metadata=_told(part.usage)
        )


LENS: Final = LangChainLens()


def _of(native: object) -> Payload:
    return cast("Payload", native)


def _message(message: BaseMessage) -> Message:
    pieces = message.content if isinstance(message.content, list) else []
    kinds = [piece.get("type", "") for piece in pieces if isinstance(piece, dict)]
    media = tuple(k.removesuffix("_url") for k in kinds if k.split("_")[0] in _MEDIA)
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    role = _ROLES.get(message.type, message.type)
    return Message(role, str(message.text), media, tuple(call["name"] for call in calls))


_MEDIA: Final = frozenset({"image", "audio", "file", "video"})


def _tool_name(tool: Any) -> str:
    if isinstance(tool, Mapping):
        written = cast("Mapping[str, Any]", tool)
        function = cast("Mapping[str, Any]", written.get("function", written))
        return str(function.get("name") or function.get("title") or function.get("type"))
    return str(getattr(tool, "name", None) or tool.__name__)


def _masked(message: BaseMessage, mask: Callable[[str], str]) -> BaseMessage:
    content: Any = message.content
    if isinstance(message.content, str):
        content = mask(message.content)
    else:
        content = [_masked_piece(piece, mask) for piece in message.content]
    return message.model_copy(update={"content": content})


def _masked_piece(piece: str | dict[Any, Any], mask: Callable[[str], str]) -> str | dict[Any, Any]:
    if isinstance(piece, str):
        return mask(piece)
    return {**piece, "text": mask(piece["text"])} if "text" in piece else piece


def _read(message: AIMessage, native: object) -> Part:
    calls: tuple[ToolCall, ...] = ()
    if isinstance(message, AIMessageChunk):
        if message.tool_call_chunks:
            calls = tuple(
                ToolCall(c["index"] or 0, c["id"] or "", c["name"] or "", c["args"] or "")
                for c in message.tool_call_chunks
            )
    elif message.tool_calls:
        calls = tuple(
            ToolCall(at, c["id"] or "", c["name"], json.dumps(c["args"], ensure_ascii=False))
            for at, c in enumerate(message.tool_calls)
        )
    told = message.response_metadata
    reason = told.get("finish_reason") or told.get("stop_reason") or ""
    return Part(
        text=str(message.text),
        reasoning=message.additional_kwargs.get("reasoning_content") or "",
        tool_calls=calls,
        usage=_usage(message.usage_metadata),
        finish=_FINISHES.get(reason, "stop") if reason else "",
        native=native,
    )


def _usage(told: Any) -> Usage | None:
    if not told:
        return None
    given: dict[str, int] = told.get("input_token_details") or {}
    made: dict[str, int] = told.get("output_token_details") or {}
    return Usage(
        told["input_tokens"], told["output_tokens"],
        given.get("cache_read") or 0, made.get("reasoning") or 0,
    )  # fmt: skip


def _told(usage: Usage | None) -> Any:
    if usage is None:
        return None
    given, made = usage.input_tokens, usage.output_tokens
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}


def _read_event(event: Mapping[str, Any]) -> Part:
    delta: Any = event.get("delta") or {}
    return Part(
        text=delta.get("text", "") if delta.get("type") == "text-delta" else "",
        reasoning=delta.get("reasoning", "") if delta.get("type") == "reasoning-delta" else "",
        tool_calls=(ToolCall(event["index"]),) if delta.get("type") == "block-delta" else (),
        usage=_usage(event.get("usage")),
        native=event,
    )
