"""Find plugins and keep what they offer: typed doors around pluggy's untyped `pm.hook`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points, version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy

from . import hookspecs
from .errors import ConductorError, PluginError, nearest

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from .agents.base import Agent, AgentOptions, Speaker
    from .events import Event
    from .flows.base import FlowOptions
    from .scorers.base import ScorerOptions
    from .signals.registry import Signal
    from .stores.base import Store

GROUP = "conductor_mw"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LayerOffer:
    """A layer that policies may name."""

    name: str
    options: type[Any]
    rank: int
    owner: str
    own: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True)
class AgentOffer:
    """A kind of agent that policies may name."""

    kind: str
    options: type[AgentOptions]
    adapt: Callable[[Agent, object], Speaker | None] | None


@dataclass(frozen=True, slots=True)
class Installed:
    """A plugin as `conductor-mw plugins` lists it."""

    name: str
    distribution: str
    version: str
    offers: tuple[str, ...]
    problem: str = ""
    mend: str = ""


class Offers(Generic[T]):
    """What plugins offer of one sort, by name; a name is given once."""

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self._taken: dict[str, tuple[T, str]] = {}

    def add(self, name: str, offer: T, owner: str) -> None:
        """Take an offer.

        Raises:
            PluginError: the name is taken; the message tells both owners.
        """
        if name in self._taken:
            owners = f"{self._taken[name][1]} and {owner}"
            raise PluginError(
                f"{self.sort} {name!r} is offered twice: by {owners}", mend="Uninstall one of them."
            )
        self._taken[name] = (offer, owner)

    def get(self, name: str) -> T | None:
        """Give the offer of that name, or None."""
        found = self._taken.get(name)
        return found[0] if found else None

    def owner(self, name: str) -> str:
        """Give the name of the plugin that offers it."""
        return self._taken[name][1]

    def nearest(self, name: str) -> str:
        """Say which offer was probably meant."""
        return nearest(name, self._taken)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._taken))

    def items(self) -> tuple[tuple[str, T], ...]:
        """All names with their offers, sorted by name."""
        return tuple((name, self._taken[name][0]) for name in self.names)


class Plugins:
    """The plugins of a process, or of a test, and everything they offer."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._owner = "core"
        self._absent: dict[str, Installed] = {}
        self._distributions: dict[str, tuple[str, str]] = {}
        self.signals: Offers[Signal] = Offers("signal")
        self.agents: Offers[AgentOffer] = Offers("kind of agent")
        self.flows: Offers[type[FlowOptions]] = Offers("flow")
        self.scorers: Offers[type[ScorerOptions]] = Offers("scorer")
        self.layers: Offers[LayerOffer] = Offers("layer")
        self.stores: Offers[Callable[[str], Store]] = Offers("store")
        hook = self._manager.hook
        hook.conductor_signals.call_historic(kwargs={"register": self._signal})
        hook.conductor_agents.call_historic(kwargs={"register": self._agent})
        hook.conductor_flows.call_historic(kwargs={"register": self._flow})
        hook.conductor_scorers.call_historic(kwargs={"register": self._scorer})
        hook.conductor_layers.call_historic(kwargs={"register": self._layer})
        hook.conductor_stores.call_historic(kwargs={"register": self._store})

    @classmethod
    def core(cls) -> Plugins:
        """Give the built-in signals, agents, flows, scorers and stores, and nothing else."""
        from . import agents, flows, scorers, signals, stores  # noqa: PLC0415 - they import this module

        self = cls()
        for name, plugin in (
            ("core signals", signals),
            ("core agents", agents),
            ("core flows", flows),
            ("core scorers", scorers),
            ("core stores", stores),
        ):
            self.add(plugin, name)
        return self

    @classmethod
    def installed(cls) -> Plugins:
        """Give the built-ins and every plugin in the environment; ours and yours alike."""
        self = cls.core()
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            try:
                plugin = entry.load()
            except ImportError as error:
                self._absent[entry.name] = _absent(entry, error)
                continue
            if entry.dist is not None:
                self._distributions[entry.name] = (entry.dist.name, entry.dist.version)
            self.add(plugin, entry.name)
        return self

    def add(self, plugin: object, name: str) -> None:
        """Take in one plugin; what it offers is known when this returns.

        Raises:
            PluginError: the plugin implements a hook that does not exist, or offers a taken name.
        """
        self._owner = name
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except ValueError as error:
            raise PluginError(
                f"plugin {name!r} is registered already", mend="Register it once."
            ) from error
        except pluggy.PluginValidationError as error:
            self._manager.unregister(name=name)
            raise PluginError(f"plugin {name!r}: {error}", mend=_hook_mend(str(error))) from error

    def observers(self) -> tuple[Callable[[Event], None], ...]:
        """Give every `conductor_event` implementation, compiled once so that telling is cheap."""
        hooks: Any = self._manager.hook.conductor_event
        return tuple(_by_position(impl) for impl in reversed(hooks.get_hookimpls()))

    def add_commands(self, group: click.Group) -> None:
        """Let every plugin add its commands to the command line."""
        self._manager.hook.conductor_commands(group=group)

    @property
    def absent(self) -> Mapping[str, Installed]:
        """Plugins that are shipped but cannot load, by name, each with the mend."""
        return MappingProxyType(self._absent)

    def listing(self) -> tuple[Installed, ...]:
        """Give every plugin with what it offers, also those that cannot load."""
        offered: dict[str, list[str]] = {}
        sorts = (self.signals, self.agents, self.flows, self.scorers, self.layers, self.stores)
        for offers in sorts:
            for name in offers.names:
                offered.setdefault(offers.owner(name), []).append(f"{offers.sort} {name}")
        loaded: list[Installed] = []
        for name, _ in self._manager.list_name_plugin():
            distribution, number = self._distributions.get(name, ("conductor-mw", _own_version()))
            loaded.append(Installed(name, distribution, number, tuple(offered.get(name, ()))))
        return (*loaded, *self._absent.values())

    def version(self, name: str) -> str:
        """Give the version of the distribution that holds a plugin; it is part of a fingerprint."""
        return self._distributions.get(name, ("conductor-mw", _own_version()))[1]

    def _signal(self, signal: Signal) -> None:
        self.signals.add(signal.name, signal, self._owner)

    def _agent(
        self,
        kind: str,
        options: type[AgentOptions],
        *,
        adapt: Callable[[Agent, object], Speaker | None] | None = None,
    ) -> None:
        self.agents.add(kind, AgentOffer(kind, options, adapt), self._owner)

    def _flow(self, name: str, options: type[FlowOptions]) -> None:
        self.flows.add(name, options, self._owner)

    def _scorer(self, name: str, options: type[ScorerOptions]) -> None:
        self.scorers.add(name, options, self._owner)

    def _layer(
        self, name: str, options: type[Any], *, rank: int, own: type[BaseModel] | None = None
    ) -> None:
        self.layers.add(name, LayerOffer(name, options, rank, self._owner, own), self._owner)

    def _store(self, scheme: str, factory: Callable[[str], Store]) -> None:
        self.stores.add(scheme, factory, self._owner)


@cache
def installed() -> Plugins:
    """Give the plugins of this environment; the scan of entry points happens once a process."""
    return Plugins.installed()


def chosen(plugins: object) -> Plugins:
    """Give what an app passes as `plugins=`, or whatever is installed where it passes None.

    Raises:
        ConductorError: it is something else, such as a list of plugins.
    """
    if plugins is None:
        return installed()
    if isinstance(plugins, Plugins):
        return plugins
    raise ConductorError(
        f"plugins: must be a Plugins, not {type(plugins).__name__}",
        mend="write plugins = Plugins.installed(), then plugins.add(plugin, name) for each",
    )


def _by_position(impl: Any) -> Callable[[Event], None]:
    # A hook implementation may leave out arguments it does not need.
    if impl.argnames:
        return impl.function  # type: ignore[no-any-return]  # pluggy has no types here
    return lambda _: impl.function()


def _absent(entry: EntryPoint, error: ImportError) -> Installed:
    missing = isinstance(error, ModuleNotFoundError)
    problem = f"needs {error.name!r}" if missing else f"cannot be imported: {error}"
    if entry.dist is None:
        return Installed(entry.name, "?", "?", (), problem, "install it")
    offered = entry.dist.metadata.get_all("Provides-Extra") or []
    extra = f"[{entry.name}]" if entry.name in offered else ""
    mend = f"pip install {'' if missing else '--upgrade '}'{entry.dist.name}{extra}'"
    return Installed(entry.name, entry.dist.name, entry.dist.version, (), problem, mend)


def _hook_mend(problem: str) -> str:
    unknown = problem.partition("unknown hook '")[2].partition("'")[0]
    return nearest(unknown, hookspecs.HOOKS) if unknown else ""


@cache
def _own_version() -> str:
    return version("conductor-mw")
