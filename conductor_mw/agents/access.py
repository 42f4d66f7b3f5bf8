"""Where a model is reached and with which key, as the environment has it at this moment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from conductor_mw.errors import Failure

if TYPE_CHECKING:
    from .base import Agent

_FROM_ENVIRONMENT: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]{0,127})\}")

# As the SDKs write them: they compare names by their letters, and would send theirs as well.
_NAMES: Final = {
    "authorization": "Authorization",
    "api-key": "api-key",
    "x-api-key": "x-api-key",
    "x-goog-api-key": "x-goog-api-key",
    "user-agent": "User-Agent",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How a call reaches a model. Secrets do not show in its `repr`.

    Attributes:
        base_url: another address than the provider's own, or None.
        api_key: the key that the policy names, or None where the client looks for its own.
        headers: what a gateway wants on every call.
    """

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def access_of(agent: Agent) -> Access:
    """Give how a `model:` agent is reached: `${env:NAME}` resolved, `via:` applied.

    Args:
        agent: the agent; with `replicas:`, as one of them.

    Raises:
        Failure: of kind `auth` or `invalid_request`: a variable of the environment is not set.
    """
    options, gateway = agent.options, agent.gateway
    base_url: str | None = getattr(options, "base_url", None)
    api_key: str | None = getattr(options, "api_key", None)
    if gateway is not None and gateway.base_url:
        base_url = gateway.base_url
    return Access(
        None if base_url is None else _filled(base_url, agent.id, "base_url"),
        None if api_key is None else _filled(api_key, agent.id, "api_key"),
        {} if gateway is None else _each(gateway.sent, agent.id),
    )


def _each(headers: Mapping[str, str], agent: str) -> dict[str, str]:
    return {
        _NAMES.get(name.lower(), name): _filled(value, agent, "api_key")
        for name, value in headers.items()
    }


def _filled(value: str, agent: str, name: str) -> str:
    return _FROM_ENVIRONMENT.sub(lambda found: _set(found[1], agent, name), value)


def _set(variable: str, agent: str, name: str) -> str:
    secret = os.environ.get(variable)
    if not secret:
        raise Failure(
            "auth" if name == "api_key" else "invalid_request",
            f"agent {agent!r}: the environment variable {variable} is not set",
            agent=agent,
        )
    return secret
