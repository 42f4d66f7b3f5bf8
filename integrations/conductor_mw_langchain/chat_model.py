"""`ConductorChatModel`: a routing policy where a LangChain app has a chat model."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import ConfigDict, Field, SecretStr

from . import calls
from .asked import Asked
from .building import Made
from .calls import NOTHING_OWN, Own
from .delegating import DelegatingChatModel
from .dialect import Tools
from .events import async_event_stream, event_stream
from .payload import Shape
from .profile import common_profile

if TYPE_CHECKING:
    from conductor_mw import Conductor, Decision

_DEFAULTS: Final = ("temperature", "max_tokens", "stop", "timeout")


class ConductorChatModel(DelegatingChatModel):
    """A chat model whose policy says, for every request, which model answers it.

    ??? info "Setup"

        ```bash
        pip install 'conductor-mw[langchain]'         # you bind chat models of your own
        pip install 'conductor-mw[langchain-agents]'  # the policy names them, as in `openai/gpt-4o`
        ```

    ??? info "Key init args"

        | name | what it is |
        |---|---|
        | `policy` | the path of the policy file, or its text |
        | `agents` | your chat models, by agent id; agents with `model:` need none |
        | `conductor` | instead of both: a `Conductor` shared with other parts of the app |
        | `environment` | which of the policy's environments holds |
        | `simulate` | answer for every agent that is not bound, without calling a model |
        | `temperature`, `max_tokens`, `stop`, `timeout` | for every child, unless said nearer |

    ??? info "Instantiate"

        ```python
        model = ConductorChatModel(policy="conductor.yaml", agents={"triage": ChatOpenAI(...)})
        ```

    ??? info "Invoke"

        ```python
        model.invoke("When do you open?", {"metadata": {"tenant": "acme"}})
        ```

    ??? info "Stream"

        ```python
        for chunk in model.stream("When do you open?"):
            print(chunk.text, end="")
        ```

    ??? info "Async"

        ```python
        await model.ainvoke("When do you open?")
        ```

    ??? info "Tool calling"

        The raw tools go to whichever child is chosen, which makes its provider's form of them.

        ```python
        model.bind_tools([get_weather]).invoke("Weather in Oslo?").tool_calls
        ```

    ??? info "Structured output"

        Each child uses its own way. What it cannot parse is the failure `invalid_output`, and a
        fallback of the policy may answer instead.

        ```python
        model.with_structured_output(Ticket).invoke("My invoice is wrong")
        ```

    ??? info "Token usage"

        `usage_metadata` is the answering child's own; `response_metadata["conductor"]` tells the
        tokens and dollars of all attempts.

    ??? info "Response metadata"

        ```python
        answer.response_metadata["conductor"]["agent"]  # who answered, of which rule, at what cost
        ```

    Example:
        >>> policy = '''
        ... agents: [{id: small, simulated: {answer: "We open at nine."}}]
        ... routing: {default: small}
        ... '''
        >>> model = ConductorChatModel(policy=policy)
        >>> answer = model.invoke("When do you open?")
        >>> answer.text, answer.response_metadata["conductor"]["agent"]
        ('We open at nine.', 'small')
    """

    policy: str | Path | None = Field(default=None, repr=False)
    """The path of the policy file, or the policy itself, as YAML text of several lines.

    The environment's `CONDUCTOR_POLICY` where neither this nor a conductor is given.
    """
    agents: Mapping[str, Any] = Field(default_factory=dict[str, Any], exclude=True, repr=False)
    """The app's own objects, by the id of the agent that they answer for."""
    given: Any = Field(default=None, alias="conductor", exclude=True, repr=False)
    """A `Conductor` that other parts of the app use too, instead of a policy."""
    environment: str | None = None
    """Which of the policy's environments holds; `CONDUCTOR_ENV` by default."""
    simulate: bool = False
    """Whether every agent that is not bound is simulated."""
    signals: Mapping[str, Callable[..., object]] | None = Field(
        default=None, exclude=True, repr=False
    )
    """Python functions that the policy's signals name."""
    approvals: Any = Field(default=None, exclude=True, repr=False)
    """Asks people in the app's own way, outside a graph; inside one `interrupt()` does."""
    reload_every: float | None = None
    """Look at the policy's files this often, in seconds."""

    made: Any = Field(default=None, exclude=True, repr=False)
    """The conductor at work, for copies of this model: `Made` of what is said above."""

    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | str | None = None
    timeout: float | None = None
    max_retries: int | None = Field(default=None, exclude=True)
    """Taken and left aside: how often what is tried again is the policy's business."""
    api_key: SecretStr | None = Field(default=None, exclude=True, repr=False)
    """Taken and left aside: each child has a key of its own provider."""

    streaming: bool = Field(default=False, exclude=True)
    """Taken and left aside: `stream` streams, and `invoke` gives the whole answer."""

    model_config = ConfigDict(arbitrary_types_allowed=True, populate_by_name=True, extra="forbid")

    def model_post_init(self, context: Any, /) -> None:
        """Load the policy.

        Raises:
            PolicyError: it cannot be used as written.
            ConductorError: an object cannot answer for its agent.
        """
        super().model_post_init(context)
        if self.policy is None and self.given is None:
            self.policy = os.environ.get("CONDUCTOR_POLICY") or None
        self.conductor  # noqa: B018 - now, so that what is wrong with the policy is said here

    @cached_property
    def conductor(self) -> Conductor:
        """What decides and asks: for `feedback`, `reload`, `layer` and `close`."""
        earlier: Made | None = self.made
        made = Made.again(
            earlier,
            {
                "policy": self.policy,
                "agents": self.agents,
                "conductor": self.given,
                "output_version": self.output_version,
                "approvals": self.approvals,
                "environment": self.environment,
                "simulate": self.simulate,
                "signals": self.signals,
                "reload_every": self.reload_every,
            },
        )
        self.made = made
        return made.conductor

    def decide(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Decision:
        """Give where a call would go and why, without sending anything. Arguments as `invoke`."""
        return self._asked(input, config, kwargs).decision(self.conductor)

    # LangChain's surface.

    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        """Give the answer of the agent that the policy chose.

        Args:
            input: a text, messages or a prompt.
            config: its `metadata` and `configurable` are what rules read as `metadata.*`.
            kwargs: parameters of the call; `model` may name an agent, which is asked whatever the
                rules say; guarantees hold all the same.

        Raises:
            Exception: the original exception of the agent that was asked first, where no agent
                answered; `conductor_mw.attempts_of(error)` tells every attempt.
            Failure: a guarantee, a layer or a person refused.
        """
        answer: AIMessage = calls.invoke(self.conductor, self._asked(input, config, kwargs).call())
        return answer

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        """Give the answer on the running event loop. Arguments and errors as for `invoke`."""
        asked = self._asked(input, config, kwargs)
        answer: AIMessage = await calls.ainvoke(self.conductor, asked.call())
        return answer

    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        """Give the answer chunk by chunk; the last one says how it came about.

        Another agent may take over until the first chunk that says something, and not afterwards.
        """
        asked = self._asked(input, config, kwargs)
        if self._whole(asked.payload.kwargs):
            yield cast("AIMessageChunk", calls.invoke(self.conductor, asked.call()))
        else:
            yield from calls.stream(self.conductor, asked.call())

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        """Give the answer chunk by chunk, on the running event loop. See `stream`."""
        asked = self._asked(input, config, kwargs)
        if self._whole(asked.payload.kwargs):
            yield cast("AIMessageChunk", await calls.ainvoke(self.conductor, asked.call()))
        else:
            async with aclosing(calls.astream(self.conductor, asked.call())) as chunks:
                async for chunk in chunks:
                    yield chunk

    def stream_events(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Give the typed event stream of `version="v3"`, and LangChain's own of others."""
        if kwargs.pop("version", "v2") != "v3":
            return cast("Any", super()).stream_events(input, config, **kwargs)
        return event_stream(self.stream(input, config, form="events", **kwargs))

    def astream_events(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Give the typed event stream of `version="v3"`, and LangChain's own of others."""
        version = kwargs.pop("version", "v2")
        if version != "v3":
            return cast("Any", super()).astream_events(input, config, version=version, **kwargs)
        return async_event_stream(self.astream(input, config, form="events", **kwargs))

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Give the same model with tools, kept as they are for whichever child is asked."""
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=Tools(tools, tuple(kwargs)), **chosen, **kwargs)

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Give a runnable whose answers are of a schema; each child makes them in its own way.

        Args:
            schema: a pydantic class, a TypedDict or a JSON Schema.
            include_raw: give `raw`, `parsed` and `parsing_error` together.
            kwargs: passed to the child's own `with_structured_output`, for example `method`.
        """
        return self.bind(shape=Shape(schema, include_raw, kwargs))

    # Identity.

    @property
    def _llm_type(self) -> str:
        return "conductor"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        policy = self.conductor.policy
        return {"policy": policy.name, "fingerprint": policy.fingerprint}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        told = super()._get_ls_params(stop=stop, **kwargs)
        name = kwargs.get("model") or self.conductor.policy.name or "policy"
        return {**told, "ls_provider": "conductor", "ls_model_name": name}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether LangChain's `dumps` writes it so that `loads` makes it again: never."""
        return False

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Give where it lives."""
        return ["conductor_mw", "langchain"]

    def _resolve_model_profile(self) -> Any:
        return common_profile(self.agents.values()) if self.agents else None

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        if self.given is not None:
            raise TypeError(
                "a ConductorChatModel with a conductor of the app's cannot be pickled; "
                "pickle one that was made for a policy"
            )
        kept = {key: one for key, one in state["__dict__"].items() if key != "conductor"}
        # The policy is loaded again where it is used first.
        return {**state, "__dict__": {**kept, "made": None}}

    def __copy__(self) -> Self:
        copied = super().__copy__()
        vars(copied).pop("conductor", None)  # `model_copy` may change what it is made of
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self.__copy__()  # children hold connections and locks, of which there is no copy

    # How an app's call becomes the engine's.

    def _asked(
        self, input: LanguageModelInput, config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> Asked:
        messages = self._convert_input(input).to_messages()
        for name in _DEFAULTS:
            one = getattr(self, name)
            if one is not None and kwargs.get(name) is None:
                kwargs[name] = one
        own = NOTHING_OWN
        if self.callbacks or self.tags or self.metadata or self.verbose:
            own = Own(self.callbacks, self.tags, self.metadata, self.verbose)
        return Asked.of(messages, config, kwargs, self.conductor.policy, self.get_name(), own)

    def _whole(self, kwargs: Mapping[str, Any]) -> bool:
        disabled = self.disable_streaming
        return disabled is True or (disabled == "tool_calling" and bool(kwargs.get("tools")))
