"""Connect every agent of a policy to somebody who speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .agents.base import Agent, Speaker
from .agents.replicas import connect
from .agents.simulated import SimulatedOptions
from .errors import ConductorError
from .parts import Parts

if TYPE_CHECKING:
    from .effects import Attempt
    from .plugins import Plugins
    from .setting import Setting


def connect_agents(
    setting: Setting, plugins: Plugins, bound: Mapping[str, object], *, simulate: bool = False
) -> Mapping[str, Speaker]:
    """Give a speaker for each agent.

    Args:
        setting: the compiled policy and what surrounds it.
        plugins: knows the kinds of agents.
        bound: the host app's objects, by agent id.
        simulate: whether every agent that is not bound is simulated instead of called.

    Raises:
        ConductorError: no kind of agent knows such objects.
    """
    return {
        agent.id: _speaker(agent, setting, plugins, bound, simulate=simulate)
        for agent in setting.policy.agents.values()
    }


def _speaker(
    agent: Agent,
    setting: Setting,
    plugins: Plugins,
    bound: Mapping[str, object],
    *,
    simulate: bool,
) -> Speaker:
    if agent.id in bound:
        return adapted(agent, plugins, bound[agent.id])
    if agent.gateway is not None and agent.gateway.name == "native" and not simulate:
        raise ConductorError(
            f"agent {agent.id!r} says `via: native`, and the app binds no object to it",
            mend=f"Conductor(..., agents={{{agent.id!r}: my_model}}), or `via: direct`.",
        )
    if simulate and agent.kind != "simulated":
        return SimulatedOptions().connect(agent, setting)
    # Later, so that a policy can be checked and explained where its models cannot be reached.
    return _Unconnected(agent, setting)


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
    """Connects at the first call."""

    agent: Agent
    setting: Setting
    speaker: Speaker | None = field(default=None)

    def answer(self, attempt: Attempt) -> Parts:
        if self.speaker is None:
            self.speaker = connect(self.agent, self.setting)
        return self.speaker.answer(attempt)
