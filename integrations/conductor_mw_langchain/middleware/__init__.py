"""A routing policy for the agents of `langchain.agents.create_agent`, one decision a model call."""

from __future__ import annotations

from .middleware import ConductorMiddleware

__all__ = ["ConductorMiddleware"]
