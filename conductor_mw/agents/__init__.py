"""The kinds of agents that come with the core, offered like a stranger's."""

from __future__ import annotations

from conductor_mw.hookspecs import RegisterAgent, hookimpl

from .bound import BoundOptions, adapt
from .human import HumanOptions
from .model import ModelOptions
from .simulated import SimulatedOptions
from .worker import WorkerOptions


@hookimpl
def conductor_agents(register: RegisterAgent) -> None:
    """Offer the core's kinds of agents."""
    register("bound", BoundOptions, adapt=adapt)
    register("human", HumanOptions)
    register("model", ModelOptions)
    register("simulated", SimulatedOptions)
    register("worker", WorkerOptions)
