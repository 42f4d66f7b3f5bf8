"""A LangChain chat model whose every answer follows from its question: a child for tests."""
# ruff: noqa: ARG002 - the arguments are LangChain's

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

Schema = Mapping[str, Any]
_JOKE: Schema = {"properties": {"setup": {}, "punchline": {}}}
"""What LangChain's tests ask for where they name no schema."""


class Oracle(BaseChatModel):
    """Calls the first (or the chosen) tool that it is offered, and greets otherwise.

    Attributes:
        model: the name it reports.
        fails: the error it raises.
        when: `start` raises at once, `silent` after a first chunk without text, `middle` after two
            chunks of text.
        asked: the messages and parameters of every call.
        look: called at the beginning of every call.
    """

    model: str = "oracle"
    fails: Exception | None = Field(default=None, exclude=True)
    when: Literal["start", "silent", "middle"] = "start"
    asked: list[tuple[list[BaseMessage], dict[str, Any]]] = Field(
        default_factory=list[tuple[list[BaseMessage], dict[str, Any]]], exclude=True
    )
    look: Callable[[], object] | None = Field(default=None, exclude=True)

    @property
    def _llm_type(self) -> str:
        return "oracle"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model}

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        converted = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=converted, tool_choice=tool_choice, **kwargs)

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        if self.fails is not None:
            self._note(messages, {"stop": stop, **kwargs})
            raise self.fails
        message = self.answer(messages, {"stop": stop, **kwargs})
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        await asyncio.sleep(0)
        return self._generate(messages, stop, **kwargs)

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        if self.fails is not None and self.when == "start":
            self._note(messages, {"stop": stop, **kwargs})
            raise self.fails
        chunks = self._chunks(self.answer(messages, {"stop": stop, **kwargs}))
        for number, chunk in enumerate(chunks):
            if self.fails is not None and number == (1 if self.when == "silent" else 3):
                raise self.fails
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop, **kwargs):
            await asyncio.sleep(0)
            yield chunk

    def _note(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> None:
        self.asked.append((messages, kwargs))
        if self.look is not None:
            self.look()

    def answer(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        self._note(messages, kwargs)
        last = messages[-1]
        tools: list[dict[str, Any]] = kwargs.get("tools") or []
        calls: list[Any] = []
        if tools and not isinstance(last, ToolMessage):
            chosen = [t for t in tools if t["function"]["name"] == kwargs.get("tool_choice")]
            function = (chosen or tools)[0]["function"]
            arguments = _sample(function.get("parameters", {}), str(last.text), "it", {})
            number = sha256(str(last.text).encode()).hexdigest()[:8]
            calls = [{"name": function["name"], "args": arguments, "id": f"call_{number}"}]
        content = "" if calls else f"Hello from {self.model}, nice to see you"
        if "response_format" in kwargs:
            schema = kwargs["response_format"].get("json_schema", {}).get("schema", _JOKE)
            content = json.dumps(_sample(schema, str(last.text), "it", {}))
        asked, said = (
            sum(len(str(m.text).split()) for m in messages) or 1,
            len(content.split()) or 1,
        )
        return AIMessage(
            content=content,
            tool_calls=calls,
            response_metadata={"model_name": self.model, "finish_reason": "stop"},
            usage_metadata={
                "input_tokens": asked, "output_tokens": said, "total_tokens": asked + said
            },
        )  # fmt: skip

    def _chunks(self, message: AIMessage) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk(content="", response_metadata={"model_name": self.model})
        for word in re.findall(r"\S+\s*", str(message.text)):
            yield AIMessageChunk(content=word)
        for index, call in enumerate(message.tool_calls):
            text = json.dumps(call["args"], ensure_ascii=False)
            for name, id_, piece in ((call["name"], call["id"], text[:3]), (None, None, text[3:])):
                chunk: Any = {"name": name, "args": piece, "id": id_, "index": index}
                yield AIMessageChunk(content="", tool_call_chunks=[chunk])
        yield AIMessageChunk(
            content="",
            response_metadata={"finish_reason": "stop"},
            usage_metadata=message.usage_metadata,
            chunk_position="last",
        )


def _sample(  # noqa: PLR0911 - one for each kind of schema
    schema: Schema, text: str, name: str, defined: Schema
) -> Any:
    """Give a value of a JSON Schema, made from what the question quotes and counts."""
    defined = schema.get("$defs", defined)
    if "$ref" in schema:
        return _sample(defined[schema["$ref"].rpartition("/")[2]], text, name, defined)
    if "anyOf" in schema:
        return _sample(schema["anyOf"][0], text, name, defined)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if kind == "object":
        fields = schema.get("properties", {})
        return {key: _sample(field, text, key, defined) for key, field in fields.items()}
    if kind in ("integer", "number"):
        return int((re.findall(r"-?\d+", text) or ["1"])[0])
    if kind == "boolean":
        return True
    if kind == "array":
        return []
    return (re.findall(r"'([^']+)'", text) or [f"some {name}"])[0]
