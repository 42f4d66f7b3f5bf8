"""An agent that is a chat model of LangChain: asked natively, below the conductor's chain run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig

from conductor_mw import Agent, Attempt, ConductorError, Failure, Io, Open, Part, Speaker

from .conducted import CONDUCTED
from .dialect import Tools, fields_of
from .payload import Payload
from .sanitise import KNOWN, clean_messages, clean_tools, family_of
from .structured import nothing_in, pair_of, shaped, structured

TAG: Final = "conductor:"
"""What the tag of an agent's run begins with; the rest is the agent's id."""
_MOST_BOUND: Final = 64
"""Ways to bind the same tools that are remembered."""
HIDDEN: Final = "nostream"
"""LangGraph's word for a run whose tokens nobody shall see."""


def speaker_of(agent: Agent, bound: object) -> Speaker | None:
    """Give a speaker for an object of LangChain, or None for anything else."""
    if not isinstance(bound, Runnable):
        return None
    from .chain import Chain, stands_for_model

    runnable = cast("Any", bound)
    model = Child(agent.id, runnable)
    # A chat model, also with fallbacks or retries of its own around it, takes messages only.
    return model if stands_for_model(runnable) else Chain(agent.id, runnable, model)


@dataclass(frozen=True, slots=True)
class Child:
    """Speaks through a chat model, or through a runnable that stands in for one.

    Attributes:
        id: the agent's id.
        model: the app's own object, or the one that was made for a `model:` of the policy.
    """

    id: str
    model: BaseChatModel

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give what the model says, as it says it.

        Raises:
            Failure: its structured output cannot be parsed. What it raises itself passes through.
        """
        request = attempt.request
        payload, read = self._payload(request.native), request.lens.read
        if payload.origin is not None:  # an agent's model call, which has its own way to be made
            async with aclosing(payload.origin.answer(self, attempt)) as parts:
                async for part in parts:
                    yield part
            return
        config = config_of(payload.config, self.id, hidden=attempt.hidden)
        payload = _taken(payload, family_of(self.model))
        runnable, kwargs = self._runnable(payload)
        messages = payload.messages
        if not request.stream:
            with shaped(payload.shape):
                answer = await Io(
                    lambda: runnable.invoke(messages, config, **kwargs),
                    aio=lambda: runnable.ainvoke(messages, config, **kwargs),
                )
            part = read(answer)
            if payload.shape is not None:
                try:
                    pair_of(answer)
                except Failure:
                    yield Part(usage=part.usage)  # it is paid for all the same
                    raise
            yield part
            return
        chunks = _chunks(runnable, payload, config, kwargs)
        if payload.shape is not None and payload.form == "message":
            async with aclosing(_once_parsed(chunks, read)) as parts:
                with shaped(payload.shape):
                    async for part in parts:
                        yield part
            return
        async with aclosing(chunks):
            with shaped(payload.shape):
                async for chunk in chunks:
                    yield read(chunk)

    def _payload(self, native: object) -> Payload:
        if isinstance(native, Payload):
            return native
        raise ConductorError(
            f"agent {self.id!r} is a {type(self.model).__name__} of LangChain, "
            f"and the request is no call of LangChain",
            mend="Ask through ConductorChatModel, ConductorMiddleware or ConductorRunnable.",
        )

    def _runnable(self, payload: Payload) -> tuple[Any, dict[str, Any]]:
        """Give what is called, and with which parameters: binding them would copy every config."""
        kwargs = dict(payload.kwargs)
        if payload.shape is not None:
            return structured(self.model, payload.shape, kwargs), {}
        tools = kwargs.pop("tools", None)
        if tools:
            return self._with_tools(tools, kwargs), kwargs
        kwargs.pop("tool_choice", None)  # of no tools; providers refuse it
        return self.model, kwargs

    def _with_tools(self, tools: Any, kwargs: dict[str, Any]) -> Any:
        """Give the model with tools; what `bind_tools` takes is taken out of the parameters."""
        names = ("tool_choice", *(tools.options if isinstance(tools, Tools) else ()))
        given = {name: kwargs.pop(name) for name in names if kwargs.get(name) is not None}
        if not isinstance(tools, Tools):
            bound: Any = self.model.bind_tools(tools, **given)
        else:
            # Making a provider's schema of a tool takes longer than everything of ours.
            key = (id(self.model), repr(given))
            found = tools.bound.get(key)
            if found is None or found[0] is not self.model:
                found = self.model, self.model.bind_tools(list(tools), **given)
                if len(tools.bound) >= _MOST_BOUND:
                    tools.bound.clear()
                tools.bound[key] = found
            bound = found[1]
        return bound


def _taken(payload: Payload, family: str) -> Payload:
    """Give the call as a provider takes it that did not say what stands in it.

    It is the same call where nothing had to go, and for a provider of which nothing is known.
    """
    if family not in KNOWN:
        return payload
    messages, tools = clean_messages(payload.messages, family), payload.kwargs.get("tools")
    kwargs = payload.kwargs
    if isinstance(tools, Tools):
        kept = clean_tools(tools, family)
        if kept is not tools:
            kwargs = {**kwargs, "tools": Tools(kept, tools.options)}
    if messages is payload.messages and kwargs is payload.kwargs:
        return payload
    return replace(payload, messages=messages, kwargs=kwargs)


def config_of(around: RunnableConfig, agent: str, *, hidden: bool) -> RunnableConfig:
    """Give the config of one attempt: tagged with its agent, and hidden where nobody shall see it.

    Args:
        around: the config below the conductor's chain run.
        agent: the agent's id.
        hidden: whether its tokens must not be streamed to anybody.
    """
    CONDUCTED.set(True)
    given: Any = around.get("callbacks")
    if given is None:
        return around
    manager: Any = given.copy()
    manager.add_tags([TAG + agent], inherit=False)
    if hidden:
        manager.add_tags([HIDDEN], inherit=True)  # also of what a chain calls
    return cast("RunnableConfig", {**around, "callbacks": manager})


async def _chunks(
    runnable: Any, payload: Payload, config: RunnableConfig, kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    messages = payload.messages
    opened: Open[Any]
    if payload.form == "events":
        opened = Open(
            lambda: iter(runnable.stream_events(messages, config, version="v3", **kwargs)),
            aio=lambda: _events(runnable, messages, config, kwargs),
        )
    else:
        opened = Open(
            lambda: runnable.stream(messages, config, **kwargs),
            aio=lambda: runnable.astream(messages, config, **kwargs),
        )
    async with await opened as chunks:
        async for chunk in chunks:
            yield chunk


async def _events(
    runnable: Any, messages: Any, config: Any, kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    opened = await runnable.astream_events(messages, config, version="v3", **kwargs)
    async with opened as events:
        async for event in events:
            yield event


async def _once_parsed(
    chunks: AsyncGenerator[Any, None], read: Callable[[object], Part]
) -> AsyncGenerator[Part, None]:
    """Hold a structured output back until something is parsed of it: another may answer till then.

    Raises:
        Failure: nothing was; LangChain's own streams just end then.
    """
    held: list[Any] = []
    found = False
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                held.append(chunk)
                pair = fields_of(pair_of(chunk, whole=False)) or {}
                found = found or pair.get("parsed") is not None
                if found:
                    for one in held:
                        yield read(one)
                    held.clear()
        if not found:
            raise nothing_in(held)
    except Failure:
        for one in held:
            yield Part(usage=read(one).usage)  # it is paid for all the same
        raise
