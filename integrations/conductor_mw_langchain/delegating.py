"""What LangChain's abstract chat model wants of one that delegates: everything ends in `invoke`.

LangChain's own paths go through `invoke` and `stream`; these are for callers of the older ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, cast

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import RunnableConfig


class DelegatingChatModel(BaseChatModel):
    """A chat model whose `invoke` and `stream`, and their async twins, are all that it does."""

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Give an answer to each conversation."""
        told, configs = _split(callbacks, kwargs, len(messages))
        answers = [
            self.invoke(one, config, stop=stop, **told)
            for one, config in zip(messages, configs, strict=True)
        ]
        return LLMResult(generations=[[ChatGeneration(message=one)] for one in answers])

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Give an answer to each conversation, all at once."""
        told, configs = _split(callbacks, kwargs, len(messages))
        answers = await asyncio.gather(
            *(
                self.ainvoke(one, config, stop=stop, **told)
                for one, config in zip(messages, configs, strict=True)
            )
        )
        return LLMResult(generations=[[ChatGeneration(message=one)] for one in answers])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self.invoke(messages, _below(run_manager), stop=stop, **kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = await self.ainvoke(messages, _below(run_manager), stop=stop, **kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self.stream(messages, _below(run_manager), stop=stop, **kwargs):
            yield ChatGenerationChunk(message=cast("Any", chunk))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self.astream(messages, _below(run_manager), stop=stop, **kwargs):
            yield ChatGenerationChunk(message=cast("Any", chunk))

    def get_num_tokens(self, text: str) -> int:
        """Give about how many tokens a text has; each child counts in its own way."""
        return self.get_num_tokens_from_messages([AIMessage(text)])

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Give about how many tokens messages have; each child counts in its own way."""
        del tools
        return count_tokens_approximately(messages)


def _split(
    callbacks: Callbacks, kwargs: dict[str, Any], count: int
) -> tuple[dict[str, Any], list[RunnableConfig]]:
    """Give what `generate` was told as parameters, and as a config for each conversation."""
    own = {key: kwargs.pop(key, None) for key in ("tags", "metadata", "run_name")}
    run_id = kwargs.pop("run_id", None)
    given = {key: one for key, one in {**own, "callbacks": callbacks}.items() if one}
    configs = [cast("RunnableConfig", dict(given)) for _ in range(count)]
    if run_id is not None and configs:
        configs[0]["run_id"] = run_id
    return kwargs, configs


def _below(run: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None) -> RunnableConfig:
    """Give the config of what runs below a model's run, which LangChain knows no way to make."""
    if run is None:
        return RunnableConfig()
    told: Any = run
    kind = CallbackManager if isinstance(run, CallbackManagerForLLMRun) else AsyncCallbackManager
    manager = kind(handlers=[], parent_run_id=run.run_id)
    manager.set_handlers(told.inheritable_handlers)
    manager.add_tags(told.inheritable_tags)
    manager.add_metadata(told.inheritable_metadata)
    return RunnableConfig(callbacks=manager)
