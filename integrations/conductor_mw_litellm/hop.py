"""Requests that a policy sends to one model group, and that need nothing else of it.

The proxy can send such a request there itself, which saves the nested call of `conductor/<policy>`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from conductor_mw import (
    Agent,
    ChatLens,
    Conductor,
    ConductorError,
    Guarantees,
    ModelOptions,
    Policy,
    Request,
    Timeouts,
)

from .answering import PREFIX
from .asking import metadata_of

_CHAT: Final = ChatLens()
_OF_THE_CALL: Final = frozenset(
    ("functions", "max_completion_tokens", "max_tokens", "messages", "reasoning_effort",
     "response_format", "stop", "temperature", "tool_choice", "tools", "top_p", "user")
)  # fmt: skip
"""What signals read of a chat request."""


@dataclass(frozen=True)
class Hop:
    """Where a request goes.

    Attributes:
        group: the model group.
        headers: what the response says about the decision.
    """

    group: str
    headers: Mapping[str, str]


def hop_of(conductor: Conductor, data: Mapping[str, Any], groups: Collection[str]) -> Hop | None:
    """Give where the proxy can send a chat request itself; None where the policy must do it.

    Args:
        conductor: the policy.
        data: the request, as the proxy gives it to callbacks.
        groups: the proxy's model groups.
    """
    if not _only_chooses(conductor.policy):
        return None
    native = {name: value for name, value in data.items() if name in _OF_THE_CALL}
    request = Request(native, _CHAT, metadata_of(data), bool(data.get("stream")))
    run = conductor.begin(request)
    policy = run.policy
    try:
        decision = run.decide()
        agent = policy.agents.get(decision.target)
        if agent is None or decision.flow.worst_calls != 1 or not is_group(agent, groups):
            return None
        run.refuse_forbidden(agent)
    except ConductorError:
        return None  # the policy itself says why, in the words that it always has
    options = agent.options
    group = options.model if isinstance(options, ModelOptions) else ""
    headers = {
        f"{PREFIX}agent": agent.id,
        f"{PREFIX}rule": decision.rule or "",
        f"{PREFIX}target": decision.target,
        f"{PREFIX}fingerprint": decision.fingerprint,
        f"{PREFIX}decision": run.id,
    }
    return Hop(group, headers)


def _only_chooses(policy: Policy) -> bool:
    return (
        policy.mode == "enforce"
        and not policy.layers
        and not policy.rollout
        and not policy.checked
        and policy.deadline is None
        and policy.guarantees == Guarantees(never=policy.guarantees.never)
    )


def is_group(agent: Agent, groups: Collection[str]) -> bool:
    """Whether a group answers as this agent would: the policy says no more about it."""
    options = agent.options
    return (
        isinstance(options, ModelOptions)
        and options == ModelOptions(model=options.model)
        and options.model in groups
        and not (agent.prompt or agent.parameters or agent.replicas or agent.capabilities)
        and agent.context_window is None
        and agent.overflow is None
        and agent.gateway is None
        and agent.timeouts == Timeouts()
    )
