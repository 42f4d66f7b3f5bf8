"""An agent that is a whole chain of LangChain: any runnable, given the app's own input."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from conductor_mw import Attempt, ConductorError, Io, Open, Part, Speaker

from .child import config_of
from .inputs import Input
from .joining import joined
from .meter import Meter
from .outputs import NOTHING, read_chunk, read_output

_CEILING: Final = "max_tokens"
"""What a budget or a guarantee writes into a call; nothing can hold a whole chain to it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Speaks through a chain.

    Attributes:
        id: the agent's id.
        chain: the app's own runnable.
        as_model: speaks through it where it is given messages, in the place of a chat model.
    """

    id: str
    chain: Runnable[Any, Any]
    as_model: Speaker

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give what the chain gives, as it gives it, and at the end the tokens it used.

        Tokens are what the meter counted: a message that the chain gives may be one of many.

        Raises:
            ConductorError: the policy says something that no chain can be told. What the chain
                raises itself passes through.
        """
        asked = attempt.request.native
        if not isinstance(asked, Input):
            async with aclosing(self.as_model.answer(attempt)) as parts:
                async for part in parts:
                    yield part
            return
        meter = Meter()
        config = meter.within(config_of(asked.config, self.id, hidden=attempt.hidden))
        value, kwargs = self._value(asked), self._kwargs(asked)
        try:
            if not attempt.request.stream:
                chain = self.chain
                given: Any = await Io(
                    lambda: chain.invoke(value, config, **kwargs),
                    aio=lambda: chain.ainvoke(value, config, **kwargs),
                )
                yield replace(read_output(given), usage=meter.usage)
                return
            chunks = self._chunks if attempt.visible else self._held
            async with aclosing(chunks(value, config, kwargs)) as parts:
                async for part in parts:
                    yield part if part.usage is None else replace(part, usage=None)
        except Exception:
            if meter.usage is not None:
                yield Part(usage=meter.usage)  # what was spent before it failed
            raise
        if meter.usage is not None:
            yield Part(usage=meter.usage)

    async def _chunks(
        self, value: Any, config: RunnableConfig, kwargs: dict[str, Any]
    ) -> AsyncGenerator[Part, None]:
        chain = self.chain
        opened: Open[Any] = Open(
            lambda: chain.stream(value, config, **kwargs),
            aio=lambda: chain.astream(value, config, **kwargs),
        )
        async with await opened as chunks:
            async for chunk in chunks:
                yield read_chunk(chunk)

    async def _held(
        self, value: Any, config: RunnableConfig, kwargs: dict[str, Any]
    ) -> AsyncGenerator[Part, None]:
        """Give the chunks of an answer that somebody judges first: the last has the whole text."""
        async with aclosing(self._chunks(value, config, kwargs)) as parts:
            natives = [part.native async for part in parts]
        if not natives:
            return
        for native in natives[:-1]:
            yield Part(native=native)
        whole = joined([None if one is NOTHING else one for one in natives])
        yield replace(read_output(whole), native=natives[-1])

    def _value(self, asked: Input) -> Any:
        try:
            return asked.for_chain()
        except ConductorError as error:
            raise ConductorError(
                error.problem, where=f"agent {self.id!r}: {error.where}", mend=error.mend
            ) from error

    def _kwargs(self, asked: Input) -> dict[str, Any]:
        unheard = [key for key in asked.kwargs if key not in asked.said and key != _CEILING]
        if unheard:
            raise untold(self.id, f"the parameter {unheard[0]!r}", f"agent {self.id!r}")
        return {key: one for key, one in asked.kwargs.items() if key in asked.said}


def untold(agent: str, what: str, where: str) -> ConductorError:
    """Give the error for something that the policy says and no chain can be told."""
    return ConductorError(
        f"{agent!r} is a chain, and a chain cannot be told {what}",
        where=where,
        mend="Put it into the chain itself, or bind a chat model to the agent.",
    )


def stands_for_model(bound: Any) -> bool:
    """Whether a runnable is a chat model, also with settings, retries or fallbacks around it."""
    while isinstance(bound, RunnableBindingBase):
        bound = cast("Any", bound).bound
    if isinstance(bound, RunnableWithFallbacks):
        return stands_for_model(cast("Any", bound).runnable)
    # `init_chat_model` gives an object of its own where the model is chosen for every call.
    return isinstance(bound, BaseChatModel) or type(bound).__name__ == "_ConfigurableModel"
