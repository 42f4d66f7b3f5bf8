"""One LangChain call as the engine carries it: every object as the app made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from .dialect import openai_messages, openai_tools


@dataclass(frozen=True, slots=True)
class Shape:
    """What `with_structured_output` was told.

    Attributes:
        schema: the schema as the app gave it.
        include_raw: whether the caller wants the message beside what was parsed from it.
        options: everything else, for the child's own `with_structured_output`.
        built: what each child made of it, by the child's identity; making it takes milliseconds.
    """

    schema: Any
    include_raw: bool
    options: Mapping[str, Any]
    built: dict[int, tuple[Any, Any]] = field(
        default_factory=dict[int, tuple[Any, Any]], compare=False, repr=False
    )

    def __reduce__(self) -> tuple[Any, ...]:
        return Shape, (self.schema, self.include_raw, self.options)


@dataclass(frozen=True)
class Payload:
    """One LangChain call; nothing in it is converted.

    Attributes:
        messages: the conversation.
        kwargs: what the call or `bind` said: raw tools, tool_choice, stop, temperature.
        config: the config of the child's run, below the conductor's own chain run.
        form: whether the caller wants messages, or the events of `stream_events(version="v3")`.
        shape: the structured output that is asked for, or None.
        origin: what an integration's own speaker needs beside, for example the agent's request.
    """

    messages: list[BaseMessage]
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    config: RunnableConfig = field(default_factory=RunnableConfig)
    form: Literal["message", "events"] = "message"
    shape: Shape | None = None
    origin: Any = None

    @cached_property
    def chat(self) -> Mapping[str, Any]:
        """The same call as OpenAI-style messages, tools and parameters: what signals read.

        Made once, when something reads it. Contents are shared with the app's messages, so this is
        never changed.
        """
        chat: dict[str, Any] = {**self.kwargs}
        chat["messages"] = openai_messages(self.messages)
        if "tools" in chat:
            chat["tools"] = openai_tools(chat["tools"])
        return chat
