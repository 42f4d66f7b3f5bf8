"""The escape hatch: everything straight to one agent, whatever the rules say.

Guarantees hold, layers see every attempt, and the decision says that it was forced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .errors import ConductorError, nearest

if TYPE_CHECKING:
    from .policy import Policy
    from .request import Request

VARIABLE: Final = "CONDUCTOR_DIRECT"
"""The environment variable that names the agent; the app need not be changed to use it."""


@dataclass(frozen=True, slots=True)
class Direct:
    """Who answers everything, if anybody.

    Attributes:
        agent: the agent for every request, or None where the rules decide.
        key: the key in a request's metadata that names an agent for that request, or None where no
            request may name one: metadata may come from outside.
    """

    agent: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, agent: str | None, key: str | None, env: Mapping[str, str]) -> Direct:
        """Give the hatch as the app and the environment set it; the app's word goes first."""
        return cls(agent if agent is not None else env.get(VARIABLE) or None, key)

    def check(self, policy: Policy) -> None:
        """Refuse an agent that the policy does not have, before any request needs it.

        Raises:
            ConductorError: there is no such agent.
        """
        if self.agent is not None and self.agent not in policy.agents:
            raise ConductorError(
                f"everything is to go to {self.agent!r}, which is no agent of the policy",
                where=policy.name,
                mend=nearest(self.agent, policy.agents),
            )

    def target(self, request: Request) -> str | None:
        """Give the agent that answers this request without any rule, or None."""
        if self.key is not None:
            named = request.metadata.get(self.key)
            if isinstance(named, str) and named:
                return named
        return self.agent
