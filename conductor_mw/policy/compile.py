"""Compile a policy that was read: look up every name, check every condition, tell every mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from conductor_mw.errors import PolicyError
from conductor_mw.flows.below import agents_below
from conductor_mw.plugins import Plugins
from conductor_mw.policy.agents import check_bound, compile_agents
from conductor_mw.policy.capability_check import check_capabilities
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.facts import allowed_env, gather_signals
from conductor_mw.policy.fingerprint import policy_fingerprint
from conductor_mw.policy.gateways import check_gateways
from conductor_mw.policy.guarantees import Guarantees, compile_guarantees
from conductor_mw.policy.layer_signals import check_signals_kept
from conductor_mw.policy.layers import Around, check_store, compile_layers, read_layers
from conductor_mw.policy.loading import Loaded
from conductor_mw.policy.paid import compile_paid, weigh, worker_agents, worst_calls
from conductor_mw.policy.policy import Policy
from conductor_mw.policy.rollout import Beside, compile_rollout
from conductor_mw.policy.routing import Routes, compile_routing
from conductor_mw.policy.site import Flows
from conductor_mw.policy.step_parameters import check_step_parameters
from conductor_mw.policy.workers import compile_addresses
from conductor_mw.rules.table import RuleTable
from conductor_mw.signals.paid import Paid


def compile_policy(
    loaded: Loaded,
    plugins: Plugins,
    *,
    env: Mapping[str, str],
    app_signals: Mapping[str, Callable[..., object]],
    bound: Collection[str],
    beside: Beside | None = None,
) -> Policy:
    """Give the compiled policy.

    Args:
        loaded: the document with everything it includes.
        plugins: the registries to compile against.
        env: the process's environment.
        app_signals: Python functions that the app bound to names.
        bound: ids of agents to which the app binds an object.
        beside: loads another policy that this one names, or None where it can name none.

    Raises:
        PolicyError: the policy cannot be used as written; it holds every finding.
    """
    findings = loaded.findings
    file = loaded.file
    if file is None:
        raise PolicyError(findings.told())
    draft = Draft(file, loaded.positions, plugins, env, app_signals, bound, findings)
    read_layers(draft)
    check_gateways(draft)
    addresses = compile_addresses(draft)
    agents = {**compile_agents(draft), **worker_agents(draft)}
    allowed = allowed_env(draft)
    signals = gather_signals(draft, agents, allowed)
    flows = Flows(draft, agents)
    flows.compile_all()
    paid = compile_paid(draft, flows)
    routes = compile_routing(draft, flows)
    guarantees = compile_guarantees(draft, agents)
    paid = weigh(draft, paid, flows, routes.rules, guarantees)
    layers = compile_layers(
        draft,
        flows,
        Around(agents, signals, tuple(rule.id for rule in routes.rules), paid, loaded.environment),
    )
    check_signals_kept(draft, guarantees, loaded.lower)
    check_store(draft)
    check_step_parameters(draft)
    check_capabilities(draft, agents, routes.rules)
    rollout = compile_rollout(draft, beside, loaded.files[1:], paid)
    check_bound(draft, {*agents, *(rollout.policy.agents if rollout else ())})
    for other, positions in loaded.others:
        _check_environment(replace(draft, file=other, positions=positions))
    if findings.errors:
        raise PolicyError(findings.told())
    _check_use(draft, flows, routes, guarantees, paid.values())
    policy = Policy(
        name=(file.workflow.name if file.workflow else "") or loaded.name,
        fingerprint="",
        mode=file.mode,
        agents=MappingProxyType(agents),
        flows=MappingProxyType(dict(flows.named)),
        rules=routes.rules,
        table=RuleTable.build(
            [rule.condition for rule in routes.rules], [rule.on_error for rule in routes.rules]
        ),
        default=routes.default,
        default_flow=routes.default_flow,
        guarantees=guarantees,
        layers=layers,
        signals=MappingProxyType(signals),
        live_signals=frozenset(
            name for name in draft.reads if name in signals and signals[name].live
        ),
        scope=draft.scope,
        deadline=min(
            (one for one in (routes.deadline, guarantees.at_most.seconds) if one is not None),
            default=None,
        ),
        env=MappingProxyType(allowed),
        environment=loaded.environment,
        decide=routes.decide,
        worst_calls=MappingProxyType(worst_calls(routes, paid)),
        paid=MappingProxyType(paid),
        store=file.store,
        addresses=addresses,
        warnings=tuple(findings.told()),
        sources=(*loaded.files, *(rollout.policy.sources if rollout else ())),
        rollout=rollout,
        checked=MappingProxyType(dict(flows.checked)),
        documents=MappingProxyType(dict(loaded.documents)),
    )
    return replace(
        policy,
        fingerprint=policy_fingerprint(
            policy,
            plugins,
            routing=routes.meaning,
            declared=draft.declared,
            checks={name: flow.meaning for name, flow in flows.checked.items()},
            env=file.env,
            measures=[file.tokens, file.time_zone],
        ),
    )


def _check_environment(draft: Draft) -> None:
    """Find what is wrong in an environment that was not chosen, before somebody chooses it."""
    check_gateways(draft)
    compile_agents(draft)
    read_layers(draft)


def _check_use(
    draft: Draft, flows: Flows, routes: Routes, guarantees: Guarantees, paid: Iterable[Paid]
) -> None:
    """Warn of what no request can reach, and of agents that a guarantee would never let answer."""
    asked = agents_below(
        [*(rule.flow for rule in routes.rules), routes.default_flow, *(one.flow for one in paid)]
    )
    for position, entry in enumerate(draft.file.agents):
        agent = asked.get(entry.id)
        if agent is None:
            draft.find(
                ("agents", position, "id"),
                "unused-agent",
                f"no rule leads to the agent {entry.id!r}",
                "remove it, or name it in a rule",
                severity="warning",
            )
        elif (
            agent.price is None
            and agent.kind != "simulated"
            and guarantees.at_most.cost is not None
        ):
            draft.find(
                ("agents", position, "id"),
                "unknown-price",
                f"the price of {entry.id!r} is unknown, so `at_most: dollars` never lets it answer",
                "add `price: {input: ..., output: ...}`",
                severity="warning",
            )
    for name in draft.file.flows:
        if name not in flows.used:
            draft.find(
                ("flows", name),
                "unused-flow",
                f"nothing uses the flow {name!r}",
                "remove it, or name it in a rule",
                key=True,
                severity="warning",
            )
