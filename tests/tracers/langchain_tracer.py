"""A LangChain chat model over the real engine: the child's run is the only LLM run (design C)."""
# ruff: noqa: A002, ARG002 - the arguments and their names are LangChain's

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import (
    ensure_config,
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    patch_config,
    var_child_runnable_config,
)
from pydantic import Field, PrivateAttr

from conductor_mw import (
    Agent,
    AgentOptions,
    Attempt,
    Conductor,
    ConductorError,
    Failure,
    Io,
    Open,
    Part,
    Plugins,
    RegisterAgent,
    Request,
    Setting,
    Speaker,
    hookimpl,
)

from .langchain_lens import LENS, Payload, Shape


class LangChainOptions(AgentOptions):
    """An agent that the app binds a chat model to."""

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        del setting
        raise ConductorError(f"bind a chat model to agent {agent.id!r}")


class LangChainAgents:
    """Offers the integration through the public hook."""

    @hookimpl
    def conductor_agents(self, register: RegisterAgent) -> None:
        register("langchain", LangChainOptions, adapt=adapt)


def adapt(agent: Agent, bound: object) -> Speaker | None:
    return Child(agent.id, bound) if isinstance(bound, BaseChatModel) else None


@dataclass(frozen=True, slots=True)
class Child:
    """Speaks through a chat model of the app."""

    id: str
    model: BaseChatModel

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        request = attempt.request  # LangChain has no timeout that every model takes for one call
        payload = cast("Payload", request.native)
        runnable = self._runnable(payload)
        manager = cast("CallbackManager", payload.config.get("callbacks")).copy()
        manager.add_tags([f"conductor:{self.id}"], inherit=False)
        config = cast("RunnableConfig", {**payload.config, "callbacks": manager})
        # A bound child merges the config around it into the one it is given. The engine runs every
        # step of a run in one context, so a variable set here is found and reset by later steps.
        token = var_child_runnable_config.set(config)
        try:
            async with aclosing(_parts(request, runnable, config)) as parts:
                async for part in parts:
                    yield part
        finally:
            var_child_runnable_config.reset(token)

    def _runnable(self, payload: Payload) -> Any:
        kwargs, shape = dict(payload.kwargs), payload.shape
        if shape is not None:  # `include_raw`, so that its tokens are seen
            return self.model.with_structured_output(
                shape.schema, include_raw=True, **shape.options
            )
        tools, choice = kwargs.pop("tools", None), kwargs.pop("tool_choice", None)
        if tools:
            chosen = {} if choice is None else {"tool_choice": choice}
            return self.model.bind_tools(tools, **chosen, **kwargs)
        return self.model.bind(**kwargs) if kwargs else self.model


async def _parts(
    request: Request, runnable: Any, config: RunnableConfig
) -> AsyncGenerator[Part, None]:
    payload, read = cast("Payload", request.native), request.lens.read
    messages = payload.messages
    if not request.stream:
        answer = await Io(
            lambda: runnable.invoke(messages, config),
            aio=lambda: runnable.ainvoke(messages, config),
        )
        yield read(_parsed(answer))
        return
    if payload.form == "events":
        opened: Open[Any] = Open(
            lambda: iter(runnable.stream_events(messages, config, version="v3")),
            aio=lambda: _events(runnable, messages, config),
        )
    else:
        opened = Open(
            lambda: runnable.stream(messages, config),
            aio=lambda: runnable.astream(messages, config),
        )
    async with await opened as chunks:
        async for chunk in chunks:
            yield read(_parsed(chunk))


async def _events(runnable: Any, messages: Any, config: Any) -> AsyncGenerator[Any, None]:
    async with await runnable.astream_events(messages, config, version="v3") as events:
        async for event in events:
            yield event


def _parsed(answer: Any) -> Any:
    pair: dict[str, Any] = {}
    if isinstance(answer, dict):
        pair = cast("dict[str, Any]", answer)
    error: Exception | None = pair.get("parsing_error")
    if error is not None:
        raise Failure("invalid_output", str(error)) from error
    return cast("Any", answer)


class TracerChatModel(BaseChatModel):
    """Asks the agents of a policy, each of which is one of `children`."""

    policy: str
    children: Mapping[str, BaseChatModel] = Field(exclude=True, repr=False)
    _conductor: Conductor = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        plugins = Plugins.core()
        plugins.add(LangChainAgents(), "langchain tracer")
        bound: Mapping[str, BaseChatModel] = self.children
        if self.output_version is not None:
            told = {"output_version": self.output_version}
            bound = {name: child.model_copy(update=told) for name, child in bound.items()}
        self._conductor = Conductor.from_text(self.policy, agents=bound, plugins=plugins)

    @property
    def conductor(self) -> Conductor:
        return self._conductor

    @property
    def _llm_type(self) -> str:
        return "conductor-tracer"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        name = kwargs.get("model", self._conductor.policy.name or "tracer")
        told = super()._get_ls_params(stop=stop, **kwargs)
        return {**told, "ls_provider": "conductor", "ls_model_name": name}

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=tools, **chosen, **kwargs)

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        return self.bind(shape=Shape(schema, include_raw, kwargs))

    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        call = self._call(input, config, kwargs)
        manager = get_callback_manager_for_config(call.config).on_chain_start(None, **call.start)
        try:
            answer = self._conductor.call(call.request(manager), target=call.agent)
        except BaseException as error:
            manager.on_chain_error(error)
            raise
        manager.on_chain_end(answer.native)
        return cast("AIMessage", call.wanted(answer.native))

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        call = self._call(input, config, kwargs)
        manager = await _amanager(call.config).on_chain_start(None, **call.start)
        try:
            answer = await self._conductor.acall(call.request(manager), target=call.agent)
        except BaseException as error:
            await manager.on_chain_error(error)
            raise
        await manager.on_chain_end(answer.native)
        return cast("AIMessage", call.wanted(answer.native))

    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        call = self._call(input, config, kwargs)
        manager = get_callback_manager_for_config(call.config).on_chain_start(None, **call.start)
        try:
            with self._conductor.stream(call.request(manager, True), target=call.agent) as parts:
                for part in parts:
                    yield from call.shown(part)
        except BaseException as error:
            manager.on_chain_error(error)
            raise
        manager.on_chain_end(parts.answer.native)

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        call = self._call(input, config, kwargs)
        manager = await _amanager(call.config).on_chain_start(None, **call.start)
        request = call.request(manager, True)
        try:
            async with self._conductor.astream(request, target=call.agent) as parts:
                async for part in parts:
                    for shown in call.shown(part):
                        yield shown
        except BaseException as error:
            await manager.on_chain_error(error)
            raise
        await manager.on_chain_end(parts.answer.native)

    def stream_events(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        if kwargs.pop("version", "v2") != "v3":
            return cast("Any", super()).stream_events(input, config, **kwargs)
        told, events = ChatModelStream(), self.stream(input, config, form="events", **kwargs)

        def pump() -> bool:
            try:
                told.dispatch(cast("Any", next(events)))
            except StopIteration:
                return False
            except BaseException as error:  # noqa: BLE001 - the stream raises it at its reader
                told.fail(error)
                return False
            return True

        told.bind_pump(pump)
        return told

    def astream_events(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        if kwargs.pop("version", "v2") != "v3":
            return cast("Any", super()).astream_events(input, config, **kwargs)
        return self._aevents(self.astream(input, config, form="events", **kwargs))

    async def _aevents(self, events: AsyncIterator[Any]) -> AsyncChatModelStream:
        told = AsyncChatModelStream()

        async def pump() -> bool:
            try:
                told.dispatch(await anext(events))
            except StopAsyncIteration:
                return False
            except BaseException as error:  # noqa: BLE001 - the stream raises it at its reader
                told.fail(error)
                return False
            return True

        told.set_arequest_more(pump)
        return told

    def generate(
        self, messages: Any, stop: Any = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        told, config = _split(callbacks, kwargs)
        answers = [self.invoke(one, config, stop=stop, **told) for one in messages]
        return LLMResult(generations=[[ChatGeneration(message=one)] for one in answers])

    async def agenerate(
        self, messages: Any, stop: Any = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        told, config = _split(callbacks, kwargs)
        calls = [self.ainvoke(one, config, stop=stop, **told) for one in messages]
        answers = await asyncio.gather(*calls)
        return LLMResult(generations=[[ChatGeneration(message=one)] for one in answers])

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        # LangChain's own paths end in `invoke` above; this is for callers of the abstract method.
        message = self.invoke(messages, stop=stop, **kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _call(
        self, input: LanguageModelInput, config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> _Call:
        config = ensure_config(config)
        messages = self._convert_input(input).to_messages()
        shape, form = kwargs.pop("shape", None), kwargs.pop("form", "message")
        agent = kwargs.pop("model") if kwargs.get("model") in self.children else None
        if kwargs.get("stop", ()) is None:
            del kwargs["stop"]
        payload = Payload(messages, kwargs, config, form, shape)
        return _Call(payload, config, agent, config.get("run_name") or self.get_name())


@dataclass(frozen=True, slots=True)
class _Call:
    """What the app asked: its payload, the config of the chain run, the agent it named."""

    payload: Payload
    config: RunnableConfig
    agent: str | None
    name: str

    @property
    def start(self) -> dict[str, Any]:
        run_id = self.config.pop("run_id", None)
        inputs = {"messages": self.payload.messages}
        return {"inputs": inputs, "name": self.name, "run_id": run_id}

    def request(self, manager: Any, stream: bool = False) -> Request:
        config = patch_config(self.config, callbacks=manager.get_child())
        payload = replace(self.payload, config=config)
        return Request(payload, LENS, self.config.get("metadata") or {}, stream)

    def wanted(self, native: Any) -> Any:
        shape = self.payload.shape
        return native if shape is None or shape.include_raw else native["parsed"]

    def shown(self, part: Part) -> Iterator[Any]:
        shape, native = self.payload.shape, cast("Any", LENS.show(part))
        if shape is None or shape.include_raw:
            yield native
        elif "parsed" in native:
            yield native["parsed"]


def _amanager(config: RunnableConfig) -> AsyncCallbackManager:
    return get_async_callback_manager_for_config(config)


def _split(callbacks: Any, kwargs: dict[str, Any]) -> tuple[dict[str, Any], RunnableConfig]:
    config = {key: kwargs.pop(key, None) for key in ("tags", "metadata", "run_name", "run_id")}
    given = {key: value for key, value in {**config, "callbacks": callbacks}.items() if value}
    return kwargs, cast("RunnableConfig", given)
