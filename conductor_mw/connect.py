"""Connect every agent of a policy to somebody who speaks for it."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .agents.base import Agent, Speaker
from .agents.replicas import Replicated, each_of
from .agents.simulated import SimulatedOptions
from .effects import Io
from .errors import ConductorError
from .parts import Part, Parts

if TYPE_CHECKING:
    from .effects import Attempt
    from .plugins import Plugins
    from .setting import Setting

Connect: TypeAlias = Callable[[Agent], object | None]
"""Gives the host's own object for an agent, or None for the usual way."""


def connect_agents(
    setting: Setting,
    plugins: Plugins,
    bound: Mapping[str, object],
    connect: Connect | None = None,
    *,
    simulate: bool = False,
) -> Mapping[str, Speaker]:
    """Give a speaker for each agent.

    Args:
        setting: the compiled policy and what surrounds it.
        plugins: knows the kinds of agents.
        bound: the host app's objects, by agent id.
        connect: gives such an object at an agent's first call.
        simulate: whether every agent that is not bound is simulated instead of called.

    Raises:
        ConductorError: no kind of agent knows such objects.
    """
    return {
        agent.id: _speaker(agent, setting, plugins, bound, connect, simulate=simulate)
        for agent in setting.policy.agents.values()
    }


def _speaker(
    agent: Agent,
    setting: Setting,
    plugins: Plugins,
    bound: Mapping[str, object],
    connect: Connect | None,
    *,
    simulate: bool,
) -> Speaker:
    if agent.id in bound:
        return adapted(agent, plugins, bound[agent.id])
    if agent.kind == "simulated":
        return agent.options.connect(agent, setting)
    if simulate:
        return SimulatedOptions().connect(agent, setting)
    if connect is None:
        _check_native(agent)
    # Later, so that a policy can be checked and explained where its models cannot be reached.
    if not agent.replicas:
        return _Unconnected(agent, setting, plugins, connect)
    # Each for itself, so that one without its key does not keep the others from answering.
    replicas = each_of(agent).items()
    return Replicated(
        {name: _Unconnected(one, setting, plugins, connect) for name, one in replicas}
    )


def _check_native(agent: Agent) -> None:
    if agent.gateway is not None and agent.gateway.name == "native":
        raise ConductorError(
            f"agent {agent.id!r} says `via: native`, and the app binds no object to it",
            mend=f"Conductor(..., agents={{{agent.id!r}: my_model}}), or `via: direct`.",
        )


def adapted(agent: Agent, plugins: Plugins, bound: object) -> Speaker:
    """Give a speaker that speaks through an object of the host app.

    Raises:
        ConductorError: no kind of agent knows such objects.
    """
    offers = plugins.agents.items()
    # The core's own adapter takes any callable, so the others are asked first.
    for _, offer in sorted(offers, key=lambda item: item[0] == "bound"):
        speaker = offer.adapt(agent, bound) if offer.adapt else None
        if speaker is not None:
            return speaker
    raise ConductorError(
        f"agent {agent.id!r} cannot speak through a {type(bound).__name__}",
        mend="Bind a callable that takes a Request, or install the integration that knows it.",
    )


@dataclass(slots=True)
class _Unconnected:
    """Connects at the first call that succeeds in it. Safe from many threads."""

    agent: Agent
    setting: Setting
    plugins: Plugins
    connect: Connect | None
    _speaker: Speaker | None = field(default=None)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, attempt: Attempt) -> Parts:
        speaker = self._speaker
        return self._first(attempt) if speaker is None else speaker.answer(attempt)

    async def _first(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        if self.connect is None:
            speaker = self._connected()
        else:
            # In a thread for async callers: the host may import an SDK for it, which takes seconds.
            speaker = await Io(self._connected)
        async with aclosing(speaker.answer(attempt)) as parts:
            async for part in parts:
                yield part

    def _connected(self) -> Speaker:
        with self._lock:
            if self._speaker is None:
                self._speaker = self._given() or self.agent.options.connect(
                    self.agent, self.setting
                )
            return self._speaker

    def _given(self) -> Speaker | None:
        found = None if self.connect is None else self.connect(self.agent)
        if found is None:
            _check_native(self.agent)
            return None
        return adapted(self.agent, self.plugins, found)
