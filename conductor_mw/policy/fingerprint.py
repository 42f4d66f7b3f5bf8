"""The hash of a policy's meaning: the same however it is written, another when it means another."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from conductor_mw.agents.base import Agent
from conductor_mw.agents.gateway import CACHE_TTL
from conductor_mw.flows.base import Flow
from conductor_mw.flows.named import Named
from conductor_mw.plugins import Plugins
from conductor_mw.policy.policy import LayerUse, Policy

FORM: Final = "conductor-mw policy 1"
"""Names the canonical form; whoever changes the form changes this with it."""


def digest(meaning: object) -> str:
    """Give the sha-256 of a piece of plain JSON, in hexadecimal.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(
        [FORM, meaning], sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return sha256(text.encode("ascii")).hexdigest()


def agent_fingerprint(agent: Agent) -> str:
    """Give the hash of everything that shapes an agent's answers; prices and labels do not."""
    meaning: dict[str, object] = {
        "id": agent.id,
        "kind": agent.kind,
        "options": options_meaning(agent.options),
        "prompt": agent.prompt,
        "parameters": agent.parameters,
        "max_output_tokens": agent.max_output_tokens,
        "max_media_tokens": agent.max_media_tokens,
    }
    if agent.replicas:
        meaning["replicas"] = [
            [one.name, options_meaning(one.options), one.weight] for one in agent.replicas
        ]
    if agent.gateway is not None:
        meaning["via"] = [agent.gateway.base_url, dict(agent.gateway.headers)]
    return digest(meaning)


def policy_fingerprint(
    policy: Policy,
    plugins: Plugins,
    *,
    routing: object,
    declared: Mapping[str, object],
    checks: Mapping[str, object],
    env: Collection[str],
    measures: Sequence[str],
) -> str:
    """Give the hash of everything that decides what happens to a request.

    The order of rules and of guarantees' agents aside, no order counts; neither do prices, names of
    files, the name of the policy, comments or how anything was written.

    Args:
        policy: the policy.
        plugins: tell the versions of the layers' plugins.
        routing: the meaning of the rules, the default and what happens after failures.
        declared: the meaning of each signal that the policy declares.
        checks: what the answers of some agents must meet, by the agent's id.
        env: the environment variables that conditions may read; their values are signals.
        measures: how tokens are counted, and the zone of the time.
    """
    return digest(
        {
            "mode": policy.mode,
            "agents": {name: _agent(agent) for name, agent in policy.agents.items()},
            "flows": {name: _inside(flow) for name, flow in policy.flows.items()},
            "routing": routing,
            "never": sorted(
                ([never.when.canonical, sorted(never.agents)] for never in policy.guarantees.never),
                key=json.dumps,
            ),
            "at_most": [
                policy.guarantees.at_most.calls,
                policy.guarantees.at_most.cost.nano if policy.guarantees.at_most.cost else None,
                policy.guarantees.at_most.seconds,
            ],
            "deadline": policy.deadline,
            "layers": [
                [
                    layer.name,
                    plugins.version(layer.owner),
                    options_meaning(layer.options),
                    *_own(layer),
                ]
                for layer in policy.layers
            ],
            "signals": declared,
            "env": sorted(set(env)),
            "measures": list(measures),
            "store": policy.store,
            **({"checks": dict(checks)} if checks else {}),
            **({"addresses": list(policy.addresses)} if policy.addresses else {}),
            **({"rollout": policy.rollout.canonical} if policy.rollout else {}),
        }
    )


def _own(layer: LayerUse) -> list[object]:
    own = (layer.own_of_agents, layer.own_of_rules)
    return [options_meaning(own)] if any(own) else []


def _inside(flow: Flow) -> object:
    # A named flow's own meaning is its name, wherever it is used; here it is what it holds.
    return flow.flow.canonical if isinstance(flow, Named) else flow.canonical


def _agent(agent: Agent) -> list[object]:
    times, retry = agent.timeouts, agent.retry
    # What came later stands here only where a policy says it, so that older policies keep their
    # fingerprints.
    said: dict[str, object] = dict(agent.declared)
    if retry.parameters:
        said["retry_with"] = list(retry.parameters)
    if agent.gateway is not None:
        way = agent.gateway
        told = (way.ttl_header, way.timeout_header)
        said["via"] = [
            way.name, way.base_url, dict(way.headers), way.cache_ttl,
            *(told if told != (CACHE_TTL, None) else ()),
        ]  # fmt: skip
    if agent.overflow is not None:
        said["on_overflow"] = agent.overflow.summarise
    return [
        agent.fingerprint,
        sorted(agent.labels),
        [times.whole, times.first_part, times.idle],
        [retry.times, sorted(retry.on), retry.wait, retry.longest],
        *([said] if said else []),
    ]


def options_meaning(options: Any) -> object:  # noqa: PLR0911 - one for each kind of value
    """Give an option object as plain JSON, defaults included.

    >>> options_meaning({"kinds": frozenset({"b", "a"}), "wait": (1, 2.5)})
    {'kinds': ['a', 'b'], 'wait': [1, 2.5]}
    """
    if isinstance(options, str | int | float | bool | None):
        return options
    if isinstance(options, BaseModel):
        # Not in JSON's form: that makes lists of sets, in an order that every process makes anew.
        return options_meaning(options.model_dump(by_alias=True))
    if isinstance(options, Mapping):
        stated = cast("Mapping[Any, Any]", options)
        return {str(key): options_meaning(one) for key, one in stated.items()}
    if isinstance(options, set | frozenset):
        return sorted(map(options_meaning, cast("Iterable[Any]", options)), key=json.dumps)
    if isinstance(options, list | tuple):
        return [options_meaning(one) for one in cast("Iterable[Any]", options)]
    if is_dataclass(options) and not isinstance(options, type):
        found = {one.name: getattr(options, one.name) for one in fields(options) if one.init}
        # An injected clock is not written in a policy.
        return options_meaning({name: one for name, one in found.items() if not callable(one)})
    return to_jsonable_python(options, fallback=lambda one: type(one).__qualname__)
