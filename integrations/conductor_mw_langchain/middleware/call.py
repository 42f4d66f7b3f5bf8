"""One model call of an agent: as the engine reads it, and as each child is asked through it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain.agents.structured_output import StructuredOutputError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from conductor_mw import Attempt, Failure, Io, Part, Request
from conductor_mw_langchain.child import Child
from conductor_mw_langchain.conducted import CONDUCTED
from conductor_mw_langchain.lens import LENS
from conductor_mw_langchain.payload import Payload, Shape
from conductor_mw_langchain.sanitise import (
    clean_message,
    clean_messages,
    clean_settings,
    clean_tools,
    family_of,
)

from .models import Copies

_CHOICE = "tool_choice"


@dataclass(slots=True)
class ModelCall:
    """A model call; a `Payload` of it carries it as its `origin`.

    Attributes:
        request: what `create_agent` asks.
        handler: carries it out; of the caller's colour.
        copies: the models with their tags.
        config: of the agent's run.
        messages: the conversation as the engine begins with it, the system message included.
        kwargs: what the engine begins with beside it.
        responses: what the handler gave, oldest first.
    """

    request: ModelRequest[Any]
    handler: Callable[[ModelRequest[Any]], Any]
    copies: Copies
    config: RunnableConfig
    messages: list[BaseMessage] = field(init=False)
    kwargs: dict[str, Any] = field(init=False)
    responses: list[ModelResponse[Any]] = field(default_factory=list[ModelResponse[Any]])

    def __post_init__(self) -> None:
        asked = self.request
        self.kwargs = dict(asked.model_settings)
        if asked.tools:
            self.kwargs["tools"] = asked.tools
        if asked.tool_choice is not None:
            self.kwargs[_CHOICE] = asked.tool_choice
        leading = () if asked.system_message is None else (asked.system_message,)
        self.messages = [*leading, *asked.messages]

    def asks(self, metadata: Mapping[str, object]) -> Request:
        """Give the engine's request."""
        form = self.request.response_format
        shape = None if form is None else Shape(form, include_raw=True, options={})
        # The payload knows this call, and not the other way round: no garbage is left behind.
        payload = Payload(self.messages, self.kwargs, self.config, shape=shape, origin=self)
        return Request(payload, LENS, metadata)

    def response_of(self, native: object) -> ModelResponse[Any] | None:
        """Give the response that holds a message, or None where the handler gave none that does."""
        for response in self.responses:
            if any(message is native for message in response.result):
                return response
        return None

    async def answer(self, child: Child, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give what a child says.

        Args:
            child: speaks for the attempt's agent.
            attempt: what is asked; its payload is of this call.

        Raises:
            Failure: its structured output cannot be parsed. What it raises itself passes through.
        """
        payload: Any = attempt.request.native
        speaks: Any = child.model
        if attempt.purpose == "shadow" or not isinstance(speaks, BaseChatModel):
            async with aclosing(child.answer(_alone(attempt, payload, child))) as parts:
                async for part in parts:
                    yield part
            return
        model = self.copies.of(speaks, attempt.agent, hidden=attempt.hidden)
        async with aclosing(self._handled(self._request(payload, model))) as handled:
            async for part in handled:
                yield part

    async def answer_as_app(self) -> AsyncGenerator[Part, None]:
        """Give what the app's own model says: the call as if no policy stood around it."""
        async with aclosing(self._handled(self.request)) as handled:
            async for part in handled:
                yield part

    async def _handled(self, request: ModelRequest[Any]) -> AsyncGenerator[Part, None]:
        CONDUCTED.set(True)
        try:
            response: ModelResponse[Any] = await Io(
                lambda: self.handler(request), aio=lambda: self.handler(request)
            )
        except StructuredOutputError as error:
            yield Part(usage=LENS.read(error.ai_message).usage)  # it is paid for all the same
            raise Failure("invalid_output", str(error)) from error
        said = [one for one in response.result if isinstance(one, AIMessage)]
        if not said:
            raise Failure("invalid_output", "the model call gave no message of a model")
        self.responses.append(response)
        yield LENS.read(said[-1])

    def _request(self, payload: Payload, model: BaseChatModel) -> ModelRequest[Any]:
        """Give what the handler is asked: the engine's payload, as this model takes it."""
        asked, family = self.request, family_of(model)
        changes: dict[str, Any] = {"model": model}
        system, messages = asked.system_message, asked.messages
        if payload.messages is not self.messages:
            system, messages = _parted(payload.messages)
        settings = asked.model_settings
        tools: list[Any] = asked.tools
        if settings:
            settings = clean_settings(settings, family)
        if payload.kwargs is not self.kwargs:
            settings = {**settings, **_added(payload.kwargs, self.kwargs)}
            tools = payload.kwargs.get("tools") or []
            if payload.kwargs.get(_CHOICE) != asked.tool_choice:
                changes[_CHOICE] = payload.kwargs.get(_CHOICE)
        told = {
            "system_message": None if system is None else clean_message(system, family),
            "messages": clean_messages(messages, family),
            "tools": clean_tools(tools, family) if tools else tools,
            "model_settings": settings,
        }
        changes.update(
            (name, value) for name, value in told.items() if value is not getattr(asked, name)
        )
        return _changed(asked, changes)


def _changed(request: ModelRequest[Any], changes: Mapping[str, Any]) -> ModelRequest[Any]:
    """Give a request with other fields.

    `override` changes Python's list of warning filters meanwhile, which branches that run at the
    same time in threads would leave changed.
    """
    changed = object.__new__(type(request))
    vars(changed).update(vars(request), **changes)
    return changed


def _parted(messages: list[Any]) -> tuple[SystemMessage | None, list[Any]]:
    """Give the system message that leads a conversation, and the rest of it."""
    if messages and isinstance(messages[0], SystemMessage):
        return messages[0], messages[1:]
    return None, messages


def _added(kwargs: Mapping[str, Any], begun: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters that the policy set: they are for this agent, and nobody cleans them."""
    return {
        key: value
        for key, value in kwargs.items()
        if key not in ("tools", _CHOICE) and (key not in begun or value is not begun[key])
    }


def _alone(attempt: Attempt, payload: Payload, child: Child) -> Attempt:
    """Give an attempt beside the agent's own model call: of a chain, or when that call is over."""
    kwargs = payload.kwargs
    if not hasattr(child.model, "bind_tools"):
        kwargs = {key: one for key, one in kwargs.items() if key not in ("tools", _CHOICE)}
    native = replace(payload, origin=None, shape=None, kwargs=kwargs)
    return replace(attempt, request=attempt.request.with_native(native))
