"""How the core reads and changes a LangChain call: as OpenAI-style data, made when it is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
)
from langchain_core.runnables import RunnableConfig

from conductor_mw import ChatLens, Message, Part, Usage, Weight

from .dialect import beside_chat
from .joining import joined
from .masking import masked_messages, masked_tools
from .payload import Payload
from .reading import read_answer, usage_metadata

_CHAT: Final = ChatLens()
_PLACES: Final = ("__", "thread_id", "checkpoint_", "langgraph_", "run_id")
"""How the names begin of what LangGraph, and not the app, says in a config's `configurable`."""


class LangChainLens:
    """Reads and changes a `Payload`.

    What signals read is what they read of the same request in OpenAI's form, byte for byte, so a
    policy decides alike in every host.
    """

    __slots__ = ()

    def text(self, native: object) -> str:
        """Give the text of the last user message, or '' where there is none."""
        messages = _of(native).messages
        for message in reversed(messages):
            if message.type == "human":
                content = message.content
                return content if type(content) is str else _CHAT.text(_of(native).chat)
        return _CHAT.text(_of(native).chat)  # a `ChatMessage` may be the user's too

    def messages(self, native: object) -> Sequence[Message]:
        """Give all messages, oldest first."""
        return _CHAT.messages(_of(native).chat)

    def tools(self, native: object) -> Sequence[str]:
        """Give the names of the tools that the call offers."""
        return _CHAT.tools(_of(native).chat)

    def parameters(self, native: object) -> Mapping[str, object]:
        """Give everything beside messages and tools, for example `temperature` and `stop`."""
        return {key: value for key, value in _of(native).kwargs.items() if key != "tools"}

    def size(self, native: object) -> int:
        """Give the number of UTF-8 bytes of everything that would be sent, about as JSON."""
        return _CHAT.size(_of(native).chat)

    def pieces(self, native: object) -> Iterator[str]:
        """Give every text of messages, tool calls and tools; no data of media."""
        return _CHAT.pieces(_of(native).chat)

    def weight(self, native: object) -> Weight:
        """Give the call's weight."""
        return _CHAT.weight(_of(native).chat)

    def plain(self, native: object) -> Mapping[str, object] | None:
        """Give the call as plain data; None where its answer holds more than parts can carry."""
        payload = _of(native)
        if payload.shape is not None or payload.form != "message":
            return None
        beside: list[object] = [
            beside_chat(one) for one in (*payload.messages, *(payload.kwargs.get("tools") or ()))
        ]
        beside.append(_configured(payload.config))
        return {**payload.chat, "langchain": beside} if any(beside) else payload.chat

    def with_system(self, native: object, prompt: str) -> object:
        """Give a call that this prompt leads; the app's own system message stays after it."""
        if not prompt:
            return native
        return replace(_of(native), messages=[SystemMessage(prompt), *_of(native).messages])

    def with_parameters(self, native: object, parameters: Mapping[str, object]) -> object:
        """Give a call with these parameters set, the others and the messages kept."""
        if not parameters:
            return native
        return replace(_of(native), kwargs={**_of(native).kwargs, **parameters})

    def redacted(self, native: object, mask: Callable[[str], str]) -> object:
        """Give a call in which every text of messages and tools went through `mask`."""
        payload, kwargs = _of(native), _of(native).kwargs
        if kwargs.get("tools"):
            kwargs = {**kwargs, "tools": masked_tools(kwargs["tools"], mask)}
        return replace(payload, messages=masked_messages(payload.messages, mask), kwargs=kwargs)

    def fresh(self, native: object, text: str) -> object:
        """Give a call with one user message; tools and the shape of the answer are kept out."""
        return replace(
            _of(native), messages=[HumanMessage(text)], kwargs={}, form="message", shape=None,
            origin=None,
        )  # fmt: skip

    def shortened(self, native: object, dropped: Collection[int], note: str = "") -> object:
        """Give a call without the messages at these positions; a note may stand for them."""
        kept = [one for at, one in enumerate(_of(native).messages) if at not in dropped]
        if note:
            kept.insert(min(dropped), HumanMessage(note))
        return replace(_of(native), messages=kept)

    def read(self, native: object) -> Part:
        """Read a message, a chunk, an event, or the pair of a structured output."""
        return read_answer(native)

    def usage_after(self, so_far: Usage, report: Usage) -> Usage:
        """Give their sum: LangChain's chunks report what they add."""
        return so_far + report

    def show(self, part: Part) -> object:
        """Give a part as a LangChain caller expects it, also where no chat model spoke."""
        native = part.native
        if native is not None and not isinstance(native, str):
            return native
        return AIMessageChunk(
            content=part.text,
            additional_kwargs={"reasoning_content": part.reasoning} if part.reasoning else {},
            tool_call_chunks=cast(
                "Any",
                [
                    {"index": c.index, "id": c.id or None, "name": c.name or None,
                     "args": c.arguments, "type": "tool_call_chunk"}
                    for c in part.tool_calls
                ],
            ),
            usage_metadata=cast("Any", usage_metadata(part.usage)),
            response_metadata={"finish_reason": part.finish} if part.finish else {},
        )  # fmt: skip

    def join(self, parts: Sequence[Part]) -> object:
        """Give the whole message of a stream, or what its last part holds where it is none."""
        if len(parts) == 1 and isinstance(parts[0].native, AIMessage):
            return parts[0].native
        shown = [self.show(part) for part in parts]
        if shown and all(isinstance(one, AIMessageChunk) for one in shown):
            return message_chunk_to_message(joined(shown))
        return shown[-1] if shown else AIMessage("")


LENS: Final = LangChainLens()
"""The one lens; it holds no state."""


def _configured(config: RunnableConfig) -> dict[str, object]:
    """Give what may make another model of a child; not where in a graph its caller is."""
    return {
        name: value
        for name, value in (config.get("configurable") or {}).items()
        if not name.startswith(_PLACES)
        and isinstance(value, str | int | float | bool | list | tuple | dict)
    }


def _of(native: object) -> Payload:
    payload: Any = native  # nothing is cast here: `cast` is a call, and this runs for every reading
    found: Payload = payload
    return found
