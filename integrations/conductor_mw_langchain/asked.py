"""What an app asked of a chat model, and how the answer is given in the form it asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config

from conductor_mw import ConductorError, Request

from .calls import NOTHING_OWN, Call, Own, metadata_of
from .dialect import fields_of
from .lens import LENS
from .payload import Payload, Shape
from .stamp import stamped
from .structured import parsed

if TYPE_CHECKING:
    from conductor_mw import Answer, Conductor, Decision, Part, Policy

_UNSAID: Final = ("stop", "tool_choice")
"""Parameters that LangChain passes as None where nothing was said."""


@dataclass(slots=True)
class Asked:
    """One call of a chat model.

    Attributes:
        payload: the call as the engine carries it.
        config: the caller's, complete.
        name: what the chain run is called.
        target: the agent or flow that the caller named, or None.
        own: what belongs to the chat model itself.
    """

    payload: Payload
    config: RunnableConfig
    name: str
    target: str | None = None
    own: Own = NOTHING_OWN
    _held: AIMessageChunk | None = field(default=None)
    _parsed: bool = field(default=False)

    @classmethod
    def of(
        cls,
        messages: Sequence[BaseMessage],
        config: RunnableConfig | None,
        kwargs: dict[str, Any],
        policy: Policy,
        name: str,
        own: Own,
    ) -> Self:
        """Give what was asked.

        Args:
            messages: the conversation.
            config: the caller's.
            kwargs: what the call and `bind` said; it is taken apart.
            policy: knows what a `model=` may name.
            name: what the chain run is called.
            own: what belongs to the chat model itself.

        Raises:
            ConductorError: `model=` names neither an agent nor a flow.
        """
        shape: Shape | None = kwargs.pop("shape", None)
        form: Any = kwargs.pop("form", "message")
        target: Any = kwargs.pop("model", None)
        if target is not None and not _named(target, policy):
            raise ConductorError(
                f"`model={target!r:.80}` names neither an agent nor a flow of the policy",
                where=policy.name,
                mend=f"Name one of {', '.join(sorted(policy.agents)[:10])}, or leave it out.",
            )
        for key in _UNSAID:
            if kwargs.get(key, key) is None:
                del kwargs[key]
        payload = Payload(list(messages), kwargs, RunnableConfig(), form, shape)
        return cls(payload, ensure_config(config), name, target, own)

    def call(self) -> Call:
        """Give it as one of the four ways runs it."""
        return Call(
            name=self.name,
            inputs={"messages": self.payload.messages},
            config=self.config,
            ask=self.request,
            give=self._give,
            show=self._show,
            end=self._end if self.payload.form == "message" else None,
            target=self.target,
            own=self.own,
        )

    def request(self, config: RunnableConfig, stream: bool) -> Request:
        """Give the engine's request.

        Args:
            config: of what runs below the chain run.
            stream: whether the caller reads the answer chunk by chunk.
        """
        payload = replace(self.payload, config=config)
        return Request(payload, LENS, metadata_of(self.config), stream)

    def decision(self, conductor: Conductor) -> Decision:
        """Give where it would go."""
        return conductor.decide(self.request(self.config, stream=False))

    def _give(self, answer: Answer) -> Any:
        native: Any = answer.native
        shape = self.payload.shape
        if shape is None:
            return stamped(_message(native), answer)
        pair = fields_of(native) or _pair(_message(native), shape)
        if not shape.include_raw:
            return pair["parsed"]
        return {**pair, "raw": stamped(pair["raw"], answer)}

    def _show(self, part: Part) -> Iterator[Any]:
        native: Any = LENS.show(part)
        shape = self.payload.shape
        if self.payload.form == "events":
            yield native
        elif shape is None:
            if isinstance(native, AIMessageChunk) and native.chunk_position == "last":
                self._held = (
                    native  # it waits for the figures, which are there when the run is over
                )
            elif isinstance(native, AIMessageChunk):
                yield native
            elif isinstance(native, AIMessage):  # of a model that does not stream
                yield _chunk(native)
        elif isinstance(native, dict):
            self._parsed = True
            if shape.include_raw:
                yield native
            elif "parsed" in native:
                yield native["parsed"]

    def _end(self, answer: Answer) -> Any:
        if self.payload.shape is not None:
            # Who answered has no way of its own to make structured output.
            return None if self._parsed else self._give(answer)
        last = self._held or AIMessageChunk(content="", chunk_position="last")
        return stamped(last, answer)


def _named(target: object, policy: Policy) -> bool:
    return isinstance(target, str) and (target in policy.agents or target in policy.flows)


def _message(native: Any) -> AIMessage:
    if isinstance(native, AIMessage) and not isinstance(native, AIMessageChunk):
        return native
    if isinstance(native, AIMessageChunk):
        return _whole(native)
    return AIMessage(content=str(native))


def _whole(chunk: AIMessageChunk) -> AIMessage:
    from langchain_core.messages import message_chunk_to_message

    whole: Any = message_chunk_to_message(chunk)
    message: AIMessage = whole
    return message


def _chunk(message: AIMessage) -> AIMessageChunk:
    fields = {name: getattr(message, name) for name in AIMessage.model_fields if name != "type"}
    return AIMessageChunk(**fields)


def _pair(message: AIMessage, shape: Shape) -> dict[str, Any]:
    return {"raw": message, "parsed": parsed(message, shape), "parsing_error": None}
