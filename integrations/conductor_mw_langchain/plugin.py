"""The hooks of the integration: objects of LangChain may be bound to any agent of a policy."""

from __future__ import annotations

import sys

from conductor_mw import (
    Agent,
    AgentOptions,
    ConductorError,
    RegisterAgent,
    Setting,
    Speaker,
    hookimpl,
)

__all__ = ["LangChainOptions", "conductor_agents"]


class LangChainOptions(AgentOptions):
    """An agent for which the app binds a LangChain object."""

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        """Refuse: an agent of this kind speaks only through what the app binds."""
        del setting
        raise ConductorError(
            f"agent {agent.id!r} speaks through a LangChain object, and the app binds none to it",
            mend=f"Bind one: Conductor(..., agents={{{agent.id!r}: model}}).",
        )


def adapt(agent: Agent, bound: object) -> Speaker | None:
    """Give a speaker for a chat model of LangChain, or None for anything else."""
    if "langchain_core.runnables" not in sys.modules:
        return None  # then nothing can be an object of LangChain
    from .child import speaker_of

    return speaker_of(agent, bound)


@hookimpl
def conductor_agents(register: RegisterAgent) -> None:
    """Let LangChain's objects answer for agents."""
    register("langchain", LangChainOptions, adapt=adapt)
