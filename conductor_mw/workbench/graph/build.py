"""Make the drawing's nodes and edges from a compiled policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from conductor_mw.agents.base import Agent
from conductor_mw.agents.model import ModelOptions
from conductor_mw.flows.agent import AskAgent
from conductor_mw.flows.base import Flow
from conductor_mw.flows.below import agents_below
from conductor_mw.flows.named import Named
from conductor_mw.flows.rescue import Rescue
from conductor_mw.money import Price
from conductor_mw.policy import Policy
from conductor_mw.policy.guarantees import AtMost

from .model import Edge, EdgeKind, Graph, Node

_PICO_PER_DOLLAR_A_MILLION = 1_000_000


def graph_of(policy: Policy) -> Graph:
    """Give the graph of everything that may happen to a request under a policy.

    Args:
        policy: the compiled policy.

    Returns:
        The graph, ready for any of the drawings: rules in order, flows with their steps, agents,
        what happens after failures, guarantees and layers.
    """
    build = _Builder(_asked_for(policy))
    build.nodes.append(Node("request", "request", "request"))
    everywhere = _rescues_everywhere(policy)
    above = "request"
    for rule in policy.rules:
        node = f"rule:{rule.position}"
        badges = () if rule.on_error == "fail" else (f"on error: {rule.on_error}",)
        build.nodes.append(Node(node, "rule", rule.id, rule.condition.text, badges))
        build.edges.append(Edge(above, node, kind="next"))
        build.route(node, rule.flow, everywhere)
        above = node
    if policy.default_flow is not None:
        build.nodes.append(Node("default", "default", "default"))
        build.edges.append(Edge(above, "default", kind="next"))
        build.route("default", policy.default_flow, everywhere)
    for kind, flow in everywhere.items():
        build.nodes.append(Node(f"failure:{kind}", "failure", kind))
        build.edges.append(Edge(f"failure:{kind}", build.place(flow), kind="fallback"))
    build.nodes.extend(_guarantees(policy))
    build.nodes.extend(Node(f"layer:{use.name}", "layer", use.name) for use in policy.layers)
    # Agents that nothing reaches are drawn too: a reader wants to see that they are idle.
    for agent in policy.agents.values():
        build.agent(agent)
    return Graph(policy.name, tuple(build.nodes), tuple(build.edges))


@dataclass(slots=True)
class _Builder:
    """Collects nodes and edges; a flow or agent that several use is one node."""

    asked_for: dict[str, list[str]]
    nodes: list[Node] = field(default_factory=list[Node])
    edges: list[Edge] = field(default_factory=list[Edge])
    _placed: dict[int, str] = field(default_factory=dict[int, str])
    _agents: set[str] = field(default_factory=set[str])

    def route(self, source: str, flow: Flow, everywhere: dict[str, Flow]) -> None:
        """Draw where a rule goes, and its own rescues."""
        target = flow.flow if isinstance(flow, Rescue) else flow
        self.edges.append(Edge(source, self.place(target), kind="match"))
        if isinstance(flow, Rescue):
            for kind, rescue in sorted(flow.by_kind.items()):
                if everywhere.get(kind) is not rescue:
                    self.edges.append(Edge(source, self.place(rescue), kind, "on_failure"))

    def place(self, flow: Flow) -> str:
        """Give the node of a flow, and draw what is below it the first time."""
        if isinstance(flow, AskAgent):
            return self.agent(flow.agent)
        if id(flow) in self._placed:
            return self._placed[id(flow)]
        inner = flow.flow if isinstance(flow, Named) else flow
        node = self._placed[id(flow)] = f"flow:{len(self._placed)}"
        label = flow.label if isinstance(flow, Named) else f"({inner.label})"
        about = inner.label if isinstance(flow, Named) else ""
        self.nodes.append(Node(node, "flow", label, about))
        step: EdgeKind = "step"
        for word, child in inner.children:
            around, within = _unwrapped(child)
            label = " · ".join(one for one in (word, ", ".join(around)) if one)
            self.edges.append(Edge(node, self.place(within), label, step))
        return node

    def agent(self, agent: Agent) -> str:
        """Give the node of an agent."""
        node = f"agent:{agent.id}"
        if agent.id not in self._agents:
            self._agents.add(agent.id)
            labels = tuple(sorted(agent.labels))
            facts = list(_facts(agent))
            if agent.id in self.asked_for:
                facts.append(("asked for", ", ".join(self.asked_for[agent.id])))
            self.nodes.append(Node(node, "agent", agent.id, _who(agent), labels, tuple(facts)))
        return node


def _asked_for(policy: Policy) -> dict[str, list[str]]:
    """Give the signals that each agent is asked for, by the agent's id."""
    found: dict[str, list[str]] = {}
    for name, paid in policy.paid.items():
        for agent in agents_below([paid.flow]):
            found.setdefault(agent, []).append(name)
    return found


def _unwrapped(flow: Flow) -> tuple[tuple[str, ...], Flow]:
    """Give what a step puts around its target, outermost first, and the target.

    A prompt, a limit or a schema is no place that a request may go to: it stands on the arrow.
    """
    around: list[str] = []
    while not isinstance(flow, AskAgent | Named) and [word for word, _ in flow.children] == [""]:
        around.append(flow.label)
        flow = flow.children[0][1]
    return tuple(around), flow


def _rescues_everywhere(policy: Policy) -> dict[str, Flow]:
    """Give the rescues that every route has: those of `routing.fallback`."""
    flows = [rule.flow for rule in policy.rules]
    if policy.default_flow is not None:
        flows.append(policy.default_flow)
    if not flows or not all(isinstance(flow, Rescue) for flow in flows):
        return {}
    rescues = [flow for flow in flows if isinstance(flow, Rescue)]
    return {
        kind: flow
        for kind, flow in rescues[-1].by_kind.items()
        if all(other.by_kind.get(kind) is flow for other in rescues)
    }


def _guarantees(policy: Policy) -> Iterator[Node]:
    for number, never in enumerate(policy.guarantees.never):
        yield Node(f"never:{number}", "guarantee", "never", _sentence(never.text))
    limits = list(_limits(policy.guarantees.at_most))
    if limits:
        yield Node("at_most", "guarantee", "at most", ", ".join(limits))


def _sentence(text: str) -> str:
    return text.removeprefix("the policy says never ")


def _limits(at_most: AtMost) -> Iterator[str]:
    if at_most.calls is not None:
        yield f"{at_most.calls} calls"
    if at_most.cost is not None:
        yield str(at_most.cost)
    if at_most.seconds is not None:
        yield f"{at_most.seconds:g} s"


def _who(agent: Agent) -> str:
    return agent.options.model if isinstance(agent.options, ModelOptions) else agent.kind


def _facts(agent: Agent) -> tuple[tuple[str, str], ...]:
    facts: list[tuple[str, str]] = []
    if agent.price is not None and agent.price_source != "free":
        facts += [
            ("input", _dollars(agent.price, "input")),
            ("output", _dollars(agent.price, "output")),
        ]
    if agent.timeouts.whole is not None:
        facts.append(("timeout", f"{agent.timeouts.whole:g} s"))
    if agent.retry.times:
        facts.append(("retries", str(agent.retry.times)))
    return tuple(facts)


def _dollars(price: Price, side: str) -> str:
    pico = price.input if side == "input" else price.output
    return f"${pico / _PICO_PER_DOLLAR_A_MILLION:.2f}"
