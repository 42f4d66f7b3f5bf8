"""The hooks a plugin may implement. This file is their documentation.

Order of events: the `register` hooks once for each plugin, as it loads; `conductor_commands` once,
when the command line starts; then, for every run, the layers that the policy names, by rank, and
`conductor_event` for whatever happens.

Everything of ours comes through these hooks too: the built-in signals, flows, scorers, agents and
stores are plugins that happen to ship with the core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from .agents.base import Agent, AgentOptions, Speaker
    from .attempts import Attempted
    from .events import Event
    from .flows.base import FlowOptions
    from .parts import Parts
    from .run import Run
    from .scorers.base import ScorerOptions
    from .signals.registry import Signal
    from .stores.base import Store

hookspec = HookspecMarker("conductor_mw")
hookimpl = HookimplMarker("conductor_mw")


class AttemptLayer(Protocol):
    """A layer around every attempt, inside retry and fallback, that looks at the parts."""

    def around_attempt(self, attempt: Attempted, proceed: Callable[[Attempted], Parts]) -> Parts:
        """Answer the attempt, usually by passing on what `proceed(attempt)` yields.

        Call `proceed` never (answer alone), once (look or change), or again. A layer that may call
        it again says how often in an integer attribute `extra_calls`, 0 where it is left out: the
        calls it may add to each attempt. A run makes at most the calls that its target was compiled
        to make, times `1 + extra_calls` of every layer, because an outer layer that asks again asks
        the inner ones again; `at_most` holds all the same.

        Written once: sync callers, async callers and streams all come through here. In `finally`,
        `attempt.outcome` holds the final figures, also where the caller stopped reading.
        """
        ...


class AttemptBracket(Protocol):
    """A layer around every attempt that looks at no part, and costs a stream nothing."""

    def begin_attempt(self, attempt: Attempted) -> object:
        """Give a token, or a coroutine that gives one; raise `Failure` to refuse.

        Where it raises, inner layers and the agent are not reached. It may set `attempt.request`,
        for example through `attempt.bound()`: inner layers and the agent see that.
        """
        ...

    def end_attempt(self, attempt: Attempted, token: object) -> object:
        """Take the token back, once, however the attempt ended; may give a coroutine.

        `attempt.outcome` holds the final figures, or is None where nobody was asked.
        """
        ...


class RequestBracket(Protocol):
    """A layer around the whole request that looks at no part."""

    def begin_request(self, run: Run) -> object:
        """Give a token, or a coroutine that gives one; raise `Failure` to refuse."""
        ...

    def end_request(self, run: Run, token: object) -> object:
        """Take the token back, once, however the request ended; may give a coroutine."""
        ...


class Listener(Protocol):
    """A layer that hears of the events of its policy's runs.

    Attributes:
        hears: the names of the events; events that nobody hears are not even made.
    """

    hears: frozenset[str]

    def told(self, event: Event) -> None:
        """Take an event in. Nothing waits for an answer: keep it short and do no I/O in it."""
        ...


class RequestLayer(Protocol):
    """A layer around the whole request, outside deciding, that looks at the parts."""

    def around_request(self, run: Run, proceed: Callable[[Run], Parts]) -> Parts:
        """Answer the request, usually by passing on what `proceed(run)` yields.

        The decision is not made yet when this begins; it is in `run.decision` afterwards.
        """
        ...


class RegisterLayer(Protocol):
    """How a plugin offers a layer."""

    def __call__(
        self, name: str, options: type[Any], *, rank: int, own: type[BaseModel] | None = None
    ) -> None:
        """Offer a layer under a name that policies write below `plugins:`.

        Args:
            name: the key below `plugins:`.
            options: a dataclass or pydantic model; its fields are the layer's options, and the
                checker, the JSON Schema and the docs are made from them. Either the class itself
                is a layer, or it has `build(setting)`, called once for each policy that names the
                layer, which gives one. With `prepare(site)` it is asked while the policy is
                compiled, and may compile expressions and refuse; what that gives is built in its
                place. With `signals()` it gives signals that such policies have, and `narrowed`
                names those of them that tell less than they do without the layer.
            rank: layers with a lower rank lie further out. Ours: metrics 5, audit 10, quality 12,
                guard 15, cache 20, limits 30, budget 40, breaker 50, webhook 90.
            own: a pydantic model of what an agent or a rule may write under the layer's name.
        """
        ...


class RegisterFlow(Protocol):
    """How a plugin offers a strategy."""

    def __call__(self, name: str, options: type[FlowOptions]) -> None:
        """Offer a strategy under the key that marks it in a flow, for example `fallback`."""
        ...


class RegisterScorer(Protocol):
    """How a plugin offers a way to score an answer."""

    def __call__(self, name: str, options: type[ScorerOptions]) -> None:
        """Offer a scorer under the key that marks it below `score:`, for example `length`."""
        ...


class RegisterAgent(Protocol):
    """How a plugin offers a kind of agent."""

    def __call__(
        self,
        kind: str,
        options: type[AgentOptions],
        *,
        adapt: Callable[[Agent, object], Speaker | None] | None = None,
    ) -> None:
        """Offer a kind of agent under the key that marks it, for example `model`.

        Args:
            kind: the key in an agent's mapping.
            options: a pydantic model of that key's value, with `connect(agent)`.
            adapt: gives a speaker that speaks through an object which the host app bound to an
                agent's id, or None if it does not know such objects.
        """
        ...


class RegisterSignal(Protocol):
    """How a plugin offers a signal."""

    def __call__(self, signal: Signal) -> None:
        """Offer a signal under its dotted name."""
        ...


class RegisterStore(Protocol):
    """How a plugin offers a place for shared state."""

    def __call__(self, scheme: str, factory: Callable[[str], Store]) -> None:
        """Offer a store for addresses that begin with this scheme, for example `sqlite`."""
        ...


@hookspec(historic=True)
def conductor_signals(register: RegisterSignal) -> None:
    """Offer signals that conditions can read.

    Args:
        register: call it as `register(Signal(name, type, read))`.

    Called
        once for each plugin, as it loads; also for a plugin that is added later.
    Return
        nothing; a value is ignored.
    Errors
        a name that is taken raises `PluginError` that tells both owners.

    Example plugin and policy::

        register(Signal("clock.weekend", BOOL, lambda facts: is_weekend(facts.moment.utc)))

        routing:
          rules:
            - {condition: "clock.weekend", target: cheap}
    """
    raise NotImplementedError


@hookspec(historic=True)
def conductor_agents(register: RegisterAgent) -> None:
    """Offer kinds of agents.

    Args:
        register: call it as `register(kind, options)`; `options` is a pydantic model of what the
            policy writes below the kind's key, with `connect(agent)` that gives a speaker.

    Called
        once for each plugin, as it loads; also for a plugin that is added later.
    Return
        nothing; a value is ignored.
    Errors
        a kind that is taken raises `PluginError` that tells both owners.

    Example plugin and policy::

        register("telegraph", TelegraphOptions)

        agents:
          - {id: slow, telegraph: {office: Dover}}
    """
    raise NotImplementedError


@hookspec(historic=True)
def conductor_flows(register: RegisterFlow) -> None:
    """Offer strategies that may stand wherever an agent's name may stand.

    Args:
        register: call it as `register(name, options)`; `options` is a pydantic model of the whole
            flow mapping, with `build(site)` that gives the compiled flow.

    Called
        once for each plugin, as it loads; also for a plugin that is added later.
    Return
        nothing; a value is ignored.
    Errors
        a name that is taken raises `PluginError` that tells both owners.

    Example plugin and policy::

        register("coin", CoinOptions)

        flows:
          either: {coin: [heads, tails]}
    """
    raise NotImplementedError


@hookspec(historic=True)
def conductor_scorers(register: RegisterScorer) -> None:
    """Offer ways to score an answer, for `score:` wherever it may stand.

    Args:
        register: call it as `register(name, options)`; `options` is a pydantic model of the mapping
            below `score:`, with `build(site)` that gives the compiled scorer.

    Called
        once for each plugin, as it loads; also for a plugin that is added later.
    Return
        nothing; a value is ignored.
    Errors
        a name that is taken raises `PluginError` that tells both owners. A scorer that raises a
        `Failure`, or gives no number from 0 to 1, makes the answer fail as `scorer_failed`.

    Example plugin and policy::

        register("politeness", PolitenessOptions)

        agents:
          - {id: desk, model: openai/gpt-4o-mini, score: politeness, accept: answer.score > 0.7}
    """
    raise NotImplementedError


@hookspec(historic=True)
def conductor_layers(register: RegisterLayer) -> None:
    """Offer layers that a policy names below `plugins:`.

    Args:
        register: call it as `register(name, options, rank=...)`.

    Called
        once for each plugin, as it loads; also for a plugin that is added later.
    Return
        nothing; a value is ignored.
    Errors
        a name that is taken raises `PluginError` that tells both owners.

    Example plugin and policy::

        register("quiet_hours", QuietHours, rank=60)

        plugins:
          quiet_hours: {after: 22, until: 6}
    """
    raise NotImplementedError


@hookspec(historic=True)
def conductor_stores(register: RegisterStore) -> None:
    """Offer places where plugins keep state that several of them or several processes share.

    Args:
        register: call it as `register(scheme, factory)`; the factory gets the whole address.

    Called
        once for each plugin, as it loads; also for a plugin that is added later.
    Return
        nothing; a value is ignored.
    Errors
        a scheme that is taken raises `PluginError` that tells both owners.

    Example plugin and policy::

        register("etcd", EtcdStore.open)

        store: etcd://127.0.0.1:2379
    """
    raise NotImplementedError


@hookspec
def conductor_commands(group: click.Group) -> None:
    """Add commands to `conductor-mw`.

    Args:
        group: the command group; decorate with `@group.command()`.

    Called
        once, when the command line starts, after ours are there.
    Return
        nothing; a value is ignored.
    Errors
        a command that is taken raises `PluginError`; whatever a command raises itself reaches the
        terminal as one line if it is a `ConductorError`.

    Example::

        @hookimpl
        def conductor_commands(group):
            @group.command()
            def hello():
                click.echo("hello")
    """
    raise NotImplementedError


@hookspec
def conductor_event(event: Event) -> None:
    """Be told of everything that happens in a run. Told, not asked: nothing waits for an answer.

    Args:
        event: what happened, when and in which run; see `Event`. Content is never in it, only its
            length and a commitment.

    Called
        in the thread or task of the run, while it goes on; keep it short and do no I/O in it.
    Return
        nothing; a value is ignored.
    Errors
        what it raises reaches the caller of the run: a silent observer would be a lost record.

    Example::

        @hookimpl
        def conductor_event(event):
            counts[event.name] += 1
    """
    raise NotImplementedError


HOOKS: Mapping[str, Callable[..., None]] = {
    hook.__name__: hook
    for hook in (
        conductor_signals,
        conductor_agents,
        conductor_flows,
        conductor_scorers,
        conductor_layers,
        conductor_stores,
        conductor_commands,
        conductor_event,
    )
}
