"""`ConductorRunnable`: a routing policy between whole chains."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from langchain_core.runnables import (
    ConfigurableFieldSpec,
    Runnable,
    RunnableConfig,
    RunnableSerializable,
)
from langchain_core.runnables.config import ensure_config
from langchain_core.runnables.graph import Graph
from langchain_core.runnables.utils import get_unique_config_specs
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from typing_extensions import TypeVar

from conductor_mw import Answer, Conductor, Decision, Policy, Request

from . import calls
from .building import conductor_of
from .chain import stands_for_model, untold
from .drawing import agents_below, drawn
from .input_lens import INPUT_LENS
from .inputs import Input, Read, Write
from .outputs import NOTHING, shown

In_contra = TypeVar("In_contra", contravariant=True, default=Any)
Out_co = TypeVar("Out_co", covariant=True, default=Any)


class ConductorRunnable(RunnableSerializable[In_contra, Out_co]):
    """A runnable whose policy says, for every input, which chain answers it.

    A chain is any runnable: a sequence, a graph, a function, a chat model. The chosen one gets the
    input as it is, and what it gives is given, chunk by chunk where it streams.

    ??? info "Setup"

        ```bash
        pip install 'conductor-mw[langchain]'
        ```

    ??? info "Key init args"

        | name | what it is |
        |---|---|
        | `policy` | the path of the policy file, or its text |
        | `agents` | your chains, by agent id; agents with `model:` need none |
        | `conductor` | instead of both: a `Conductor` shared with other parts of the app |
        | `read` | gives the text or the messages that rules read of an input |
        | `write` | gives an input with another text, for flows that say one |

    ??? info "Instantiate"

        ```python
        chain = ConductorRunnable(policy="conductor.yaml", agents={"faq": faq, "research": graph})
        ```

    ??? info "Invoke"

        ```python
        chain.invoke({"question": "When do you open?"}, {"metadata": {"tenant": "acme"}})
        ```

    ??? info "Stream"

        ```python
        for chunk in chain.stream({"question": "When do you open?"}):
            print(chunk, end="")
        ```

    ??? info "Async"

        ```python
        await chain.ainvoke({"question": "When do you open?"})
        ```

    ??? info "Token usage"

        Whatever model calls inside a chain report is counted on its attempt, for budgets, audit and
        metrics; a call that reports nothing leaves the cost unknown.

    Example:
        >>> from langchain_core.runnables import RunnableLambda
        >>> policy = '''
        ... agents: [{id: faq}, {id: research}]
        ... routing:
        ...   rules: [{condition: "input.text.contains('why')", target: research}]
        ...   default: faq
        ... '''
        >>> chains = {
        ...     "faq": RunnableLambda(lambda asked: "At nine."),
        ...     "research": RunnableLambda(lambda asked: f"Let me look into {asked['question']!r}"),
        ... }
        >>> chain = ConductorRunnable(policy=policy, agents=chains)
        >>> chain.invoke({"question": "When do you open?"})
        'At nine.'
        >>> chain.invoke({"question": "why nine?"})
        "Let me look into 'why nine?'"
    """

    policy: str | Path | None = Field(default=None, repr=False)
    """The path of the policy file; or the policy itself, as YAML text of several lines."""
    agents: Mapping[str, Any] = Field(default_factory=dict[str, Any], exclude=True, repr=False)
    """The app's own chains, by the id of the agent that they answer for."""
    given: Conductor | None = Field(default=None, alias="conductor", exclude=True, repr=False)
    """A conductor that other parts of the app use too, instead of a policy."""
    read: Read | None = Field(default=None, exclude=True, repr=False)
    """Gives the text or the messages that rules read of an input."""
    write: Write | None = Field(default=None, exclude=True, repr=False)
    """Gives an input with another text, where a flow says one."""
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

    model_config = ConfigDict(arbitrary_types_allowed=True, populate_by_name=True, extra="forbid")

    _conductor: Conductor = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Load the policy.

        Raises:
            PolicyError: it cannot be used as written.
            ConductorError: an object cannot answer for its agent, or the policy tells a chain
                something that no chain can be told.
        """
        super().model_post_init(context)
        self._begin()

    def _begin(self) -> None:
        self._conductor = conductor_of(
            self.policy,
            agents=self.agents,
            conductor=self.given,
            approvals=self.approvals,
            environment=self.environment,
            simulate=self.simulate,
            signals=self.signals,
            reload_every=self.reload_every,
        )
        _refuse_untold(self._conductor.policy, self.chains)

    @property
    def conductor(self) -> Conductor:
        """What decides and asks: for `feedback`, `reload`, `layer` and `close`."""
        return self._conductor

    @property
    def chains(self) -> Mapping[str, Runnable[Any, Any]]:
        """The chains among what the app bound, by the agent's id."""
        return {
            key: cast("Runnable[Any, Any]", one)
            for key, one in self.agents.items()
            if isinstance(one, Runnable)
        }

    def decide(
        self, input: In_contra, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Decision:
        """Give where an input would go and why, without asking anybody. Arguments as `invoke`."""
        config = ensure_config(config)
        return self._conductor.decide(self._request(input, config, kwargs, config, stream=False))

    # LangChain's surface. Batches, `transform`, `astream_events`, `astream_log` and what dresses a
    # runnable (`bind`, `with_retry`, ...) are LangChain's own over these four.

    def invoke(
        self, input: In_contra, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Out_co:
        """Give what the chain gives that the policy chose.

        Args:
            input: whatever the chains take.
            config: its `metadata` and `configurable` are what rules read as `metadata.*`.
            kwargs: passed on to the chain.

        Raises:
            Exception: the original exception of the chain that was asked first, where none
                answered; `conductor_mw.attempts_of(error)` tells every attempt.
            Failure: a guarantee, a layer or a person refused.
        """
        output: Out_co = calls.invoke(self._conductor, self._call(input, config, kwargs))
        return output

    async def ainvoke(
        self, input: In_contra, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Out_co:
        """Give it on the running event loop. Arguments and errors as for `invoke`."""
        output: Out_co = await calls.ainvoke(self._conductor, self._call(input, config, kwargs))
        return output

    def stream(
        self, input: In_contra, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Out_co]:
        """Give it chunk by chunk; another chain may take over until the first chunk."""
        yield from calls.stream(self._conductor, self._call(input, config, kwargs))

    async def astream(
        self, input: In_contra, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Out_co]:
        """Give it chunk by chunk, on the running event loop. See `stream`."""
        call = self._call(input, config, kwargs)
        chunks = cast("Any", calls.astream(self._conductor, call))
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    # What it is to LangChain: what its default chain is, and the parts that all of them have.

    @property
    def InputType(self) -> Any:  # noqa: N802 - LangChain's name
        """What the default agent's chain takes."""
        chain = self._default
        return Any if chain is None else chain.InputType

    @property
    def OutputType(self) -> Any:  # noqa: N802 - LangChain's name
        """What the default agent's chain gives."""
        chain = self._default
        return Any if chain is None else chain.OutputType

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Give the schema of what the default agent's chain takes."""
        chain, own = self._default, cast("Any", super())
        schema: type[BaseModel] = (own if chain is None else chain).get_input_schema(config)
        return schema

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Give the schema of what the default agent's chain gives."""
        chain, own = self._default, cast("Any", super())
        schema: type[BaseModel] = (own if chain is None else chain).get_output_schema(config)
        return schema

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What can be configured of any chain."""
        return get_unique_config_specs(
            spec for chain in self.chains.values() for spec in chain.config_specs
        )

    def get_graph(self, config: RunnableConfig | None = None) -> Graph:
        """Give the graph: rules as branches, flows, and each chain's own graph."""
        ends = self.get_input_schema(config), self.get_output_schema(config)
        return drawn(self._conductor.policy, self.chains, ends, self.get_name(), config)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether LangChain's `dumps` writes it so that `loads` makes it again: never."""
        return False

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Give where it lives."""
        return ["conductor_mw", "langchain"]

    def __getstate__(self) -> dict[Any, Any]:
        if self.given is not None:
            raise TypeError(
                "a ConductorRunnable with a conductor of the app's cannot be pickled; "
                "pickle one that was made for a policy"
            )
        return {**super().__getstate__(), "__pydantic_private__": {}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self._begin()

    @property
    def _default(self) -> Any:
        policy, chains = self._conductor.policy, self.chains
        flow = policy.default_flow
        first = next((one for one in agents_below(flow) if one in chains), None) if flow else None
        return chains[first] if first is not None else next(iter(chains.values()), None)

    # How an app's call becomes the engine's.

    def _call(
        self, input: In_contra, config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> calls.Call:
        around = ensure_config(config)
        return calls.Call(
            name=self.get_name(),
            inputs=input,
            config=around,
            ask=lambda below, stream: self._request(input, around, kwargs, below, stream=stream),
            give=_given,
            show=shown,
        )

    def _request(
        self,
        input: In_contra,
        config: RunnableConfig,
        kwargs: Mapping[str, Any],
        below: RunnableConfig,
        *,
        stream: bool,
    ) -> Request:
        asked = Input.of(input, kwargs, self.read, self.write, below)
        metadata, facts = calls.metadata_of(config), asked.facts()
        if facts:
            metadata.setdefault("input", facts)  # what the app itself says counts
        return Request(asked, INPUT_LENS, metadata, stream)


def _given(answer: Answer) -> Any:
    native = answer.native
    return None if native is NOTHING else native


def _refuse_untold(policy: Policy, chains: Mapping[str, Runnable[Any, Any]]) -> None:
    """Refuse what the policy tells an agent that is a chain. Raises `ConductorError`."""
    file = policy.sources[0] if policy.sources else policy.name
    for agent in policy.agents.values():
        if agent.id not in chains or stands_for_model(chains[agent.id]):
            continue
        told: dict[str, tuple[Any, str]] = {
            "prompt": (agent.prompt, "a prompt"),
            "parameters": (agent.parameters, "parameters"),
            "retry.parameters": (agent.retry.parameters, "parameters"),
        }
        for key, (there, what) in told.items():
            if there:
                raise untold(agent.id, what, f"{file}: agents.{agent.id}.{key}")
