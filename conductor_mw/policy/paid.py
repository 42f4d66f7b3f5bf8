"""Compile paid signals: whom they ask, how often, and that none waits for itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from conductor_mw.agents.base import Agent
from conductor_mw.flows.agent import AskAgent
from conductor_mw.flows.base import Flow
from conductor_mw.flows.named import Named
from conductor_mw.policy.agents import compile_agent
from conductor_mw.policy.document import AgentEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.guarantees import Guarantees
from conductor_mw.policy.policy import Rule
from conductor_mw.policy.routing import Routes
from conductor_mw.policy.site import Flows
from conductor_mw.signals.paid import Paid, worst_of
from conductor_mw.signals.reading import chains
from conductor_mw.signals.shapes import MISSING, fitting


def worker_agents(draft: Draft) -> dict[str, Agent]:
    """Give the agents that stand behind `worker:` signals; findings go to the draft."""
    agents: dict[str, Agent] = {}
    declared = {entry.id for entry in draft.file.agents}
    for name, entry in draft.file.signals.items():
        if entry.worker is None:
            continue
        agent_id = worker_id(name)
        if agent_id in declared:
            problem = f"the agent {agent_id!r} has the name of this signal's worker"
            draft.find(("signals", name), "duplicate-id", problem, "rename the agent", key=True)
            continue
        stated = AgentEntry.model_validate(
            {"id": agent_id, "labels": entry.labels, "worker": entry.worker}
        )
        # A duration that was read is seconds already, and would be read again as text.
        stated = stated.model_copy(update={"timeout": entry.timeout})
        agent = compile_agent(draft, stated, ("signals", name))
        if agent is not None:
            agents[agent_id] = agent
    return agents


def worker_id(signal: str) -> str:
    """Give the id of the agent behind a `worker:` signal."""
    return f"signal-{signal}"


def compile_paid(draft: Draft, flows: Flows) -> dict[str, Paid]:
    """Give the paid signals by name; findings go to the draft."""
    paid: dict[str, Paid] = {}
    for name, entry in draft.file.signals.items():
        for key, of in (("prompt", "ask"), ("labels", "worker"), ("timeout", "worker")):
            if key in entry.model_fields_set and getattr(entry, of) is None:
                problem = f"{key!r} is only for signals with `{of}:`"
                draft.find(("signals", name, key), "signal", problem, "remove it", key=True)
        if (entry.ask is None and entry.worker is None) or name not in draft.scope.facts:
            continue
        key, target = ("ask", entry.ask) if entry.ask is not None else ("worker", worker_id(name))
        if key == "worker" and target not in flows.agents:
            continue  # it could not be compiled, and the findings say so
        type_ = draft.scope.facts[name]
        given = "default" in entry.model_fields_set
        paid[name] = Paid(
            name=name,
            type=type_,
            flow=flows.target(target, ("signals", name, key)),
            prompt=entry.prompt or "",
            one_of=tuple(entry.one_of or ()),
            default=fitting(entry.default, type_) if given else MISSING,
            worker=key == "worker",
        )
    return paid


def weigh(
    draft: Draft,
    paid: Mapping[str, Paid],
    flows: Flows,
    rules: Sequence[Rule],
    guarantees: Guarantees,
) -> dict[str, Paid]:
    """Give the paid signals with how often each may be asked, and refuse circles.

    Args:
        draft: takes the findings.
        paid: the paid signals.
        flows: know which names the conditions of flows read.
        rules: the rules in their order.
        guarantees: what must never happen.
    """
    if not paid:
        return {}
    reads = _Reads(draft, paid)
    _refuse_circles(draft, paid, _needs(paid, flows, guarantees, reads))
    never = (name for one in guarantees.never for name in one.when.reads)
    beyond = reads.of([*never, *(name for names in flows.reads.values() for name in names)])
    first: dict[str, int] = {}
    for rule in rules:
        for name in reads.of(rule.condition.reads):
            first.setdefault(name, rule.position)
    return {
        name: replace(
            one,
            beyond=name in beyond,
            # Rules are read before anything runs at the same time; what else reads it may stand in
            # a branch that is stopped while it asks.
            asks=2 if name in beyond else 1,
            first_rule=first.get(name),
        )
        for name, one in paid.items()
    }


def worst_calls(routes: Routes, paid: Mapping[str, Paid]) -> dict[str, int]:
    """Give the most calls that one request can cost, by target, with what decides where it goes."""
    last: dict[str, int | None] = {rule.target: rule.position for rule in routes.rules}
    if routes.default is not None:
        last[routes.default] = None
    return {
        target: calls + worst_of(paid.values(), last.get(target))
        for target, calls in routes.worst_calls.items()
    }


def paid_among(draft: Draft, paid: Mapping[str, Paid], names: Iterable[str]) -> frozenset[str]:
    """Give the paid signals among these names, and behind the expressions of others."""
    return _Reads(draft, paid).of(names)


class _Reads:
    """Which paid signals an expression reads, also through other signals' expressions."""

    def __init__(self, draft: Draft, paid: Mapping[str, Paid]) -> None:
        self._signals = draft.file.signals
        self._known: dict[str, frozenset[str]] = {name: frozenset((name,)) for name in paid}

    def of(self, names: Iterable[str]) -> frozenset[str]:
        """Give the paid signals among these names and behind them."""
        found: set[str] = set()
        for name in names:
            found |= self._behind(name)
        return frozenset(found)

    def _behind(self, name: str) -> frozenset[str]:
        if name not in self._known:
            self._known[name] = frozenset()  # a circle was refused already, and ends here
            entry = self._signals.get(name)
            if entry is not None and entry.expr is not None:
                self._known[name] = self.of(chains(entry.expr) & self._signals.keys())
        return self._known[name]


def _needs(
    paid: Mapping[str, Paid], flows: Flows, guarantees: Guarantees, reads: _Reads
) -> dict[str, frozenset[str]]:
    """Give the paid signals that must have a value before each one can be asked."""
    needs: dict[str, frozenset[str]] = {}
    for name, one in paid.items():
        nodes = list(_below(one.flow))
        agents = {node.agent.id for node in nodes if isinstance(node, AskAgent)}
        named = {node.name for node in nodes if isinstance(node, Named)}
        read = [word for place in named | agents for word in flows.reads.get(place, ())]
        for never in guarantees.never:
            if not agents.isdisjoint(never.agents):
                read += never.when.reads
        needs[name] = reads.of(read)
    return needs


def _refuse_circles(
    draft: Draft, paid: Mapping[str, Paid], needs: Mapping[str, Collection[str]]
) -> None:
    told: set[str] = set()
    for name in paid:
        circle = _circle(name, needs)
        if not circle or name in told:
            continue
        told.update(circle)
        key = "worker" if paid[name].worker else "ask"
        if len(circle) == 1:
            problem = "whether its agent may be asked depends on this very signal"
        else:
            problem = f"paid signals wait for each other: {' -> '.join([*circle[:8], circle[0]])}"
        draft.find(
            ("signals", name, key), "cycle", problem,
            "give the agent the label that the guarantee asks for, or let the flow that it asks "
            "read another signal",
        )  # fmt: skip


def _circle(start: str, needs: Mapping[str, Collection[str]]) -> list[str]:
    """Give a way from a signal through what it needs back to itself, or nothing."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:  # grows while it is walked
        for name in sorted(needs[way[-1]]):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _below(flow: Flow) -> Iterator[Flow]:
    waiting, seen = [flow], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting.extend(child for _, child in node.children)
