"""A chat model that needs no key: it calls the tool it is offered, then says what that said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool


class Scripted(BaseChatModel):
    """Stands in for a model that can call tools."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools, as every chat model that can call them lets you."""
        del tool_choice
        return self.bind(tools=[convert_to_openai_tool(one) for one in tools], **kwargs)

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        del stop, run_manager
        last = messages[-1]
        if isinstance(last, ToolMessage):
            answer = AIMessage(f"I looked it up. {last.text}")
        elif kwargs.get("tools"):
            name = kwargs["tools"][0]["function"]["name"]
            number = (re.findall(r"\d+", str(last.text)) or ["0"])[0]
            call = {"name": name, "args": {"number": number}, "id": f"call_{number}"}
            answer = AIMessage("", tool_calls=[call])
        else:
            answer = AIMessage("I have no tool for that.")
        answer.usage_metadata = {"input_tokens": 80, "output_tokens": 20, "total_tokens": 100}
        return ChatResult(generations=[ChatGeneration(message=answer)])
