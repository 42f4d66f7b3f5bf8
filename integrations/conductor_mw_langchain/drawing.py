"""Draw a policy between chains: its rules as branches, its flows, and the chains themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.graph import Graph, Node

from conductor_mw import Flow, Policy

DEFAULT: Final = "otherwise"
"""What the branch is called that is taken where no rule matches."""


def drawn(
    policy: Policy,
    chains: Mapping[str, Runnable[Any, Any]],
    ends: tuple[Any, Any],
    name: str,
    config: RunnableConfig | None = None,
) -> Graph:
    """Give the graph of a policy.

    Args:
        policy: whose rules and flows are drawn.
        chains: the chains that answer for agents, by the agent's id.
        ends: the schemas of input and output.
        name: what the node is called that decides.
        config: for the chains' own graphs.
    """
    return _Drawing(policy, chains, config).graph(ends, name)


class _Drawing:
    def __init__(
        self,
        policy: Policy,
        chains: Mapping[str, Runnable[Any, Any]],
        config: RunnableConfig | None,
    ) -> None:
        self._policy = policy
        self._chains = chains
        self._config = config
        self._graph = Graph()
        self._agents: dict[str, tuple[Node, Node]] = {}
        self._targets: dict[str, Node] = {}
        self._drawn: set[tuple[str, str, str]] = set()

    def graph(self, ends: tuple[Any, Any], name: str) -> Graph:
        first = self._graph.add_node(ends[0])
        router = self._graph.add_node(None, name)
        last = self._graph.add_node(ends[1])
        self._graph.add_edge(first, router)
        policy = self._policy
        for rule in policy.rules:
            label = f"rule {rule.position + 1}" if rule.id.startswith("#") else rule.id
            self._branch(router, label, rule.target, rule.flow)
        if policy.default is not None and policy.default_flow is not None:
            self._branch(router, DEFAULT, policy.default, policy.default_flow)
        for _, end in self._agents.values():
            self._graph.add_edge(end, last)
        return self._graph

    def _branch(self, router: Node, label: str, target: str, flow: Flow) -> None:
        if target not in self._targets:
            self._targets[target] = self._target(label, target, flow)
        self._graph.add_edge(router, self._targets[target], label, conditional=True)

    def _target(self, label: str, target: str, flow: Flow) -> Node:
        main, beside = _unwrapped(flow)
        if main.children:
            named = target if target in self._policy.flows else f"{main.label} of {label}"
            start = end = self._graph.add_node(None, named)
            for word, step in main.children:
                self._edges(start, word, step)
        else:
            start, end = self._agent(main.label)
        for word, step in beside:
            self._edges(end, word, step)
        return start

    def _edges(self, source: Node, word: str, flow: Flow) -> None:
        for agent in dict.fromkeys(agents_below(flow)):
            edge = (source.id, word, agent)
            if edge not in self._drawn:
                self._drawn.add(edge)
                self._graph.add_edge(source, self._agent(agent)[0], word or None, conditional=True)

    def _agent(self, agent: str) -> tuple[Node, Node]:
        if agent not in self._agents:
            self._agents[agent] = self._chain(agent)
        return self._agents[agent]

    def _chain(self, agent: str) -> tuple[Node, Node]:
        chain = self._chains.get(agent)
        if chain is not None:
            inside = chain.get_graph(self._config).reid()
            inside.trim_first_node()
            inside.trim_last_node()
            ends = inside.first_node(), inside.last_node()
            if len(inside.nodes) > 1 and None not in ends:
                first, last = self._graph.extend(inside, prefix=agent)
                if first is not None and last is not None:
                    return first, last
        node = self._graph.add_node(chain, agent)
        return node, node


def agents_below(flow: Flow) -> Iterator[str]:
    """Give the id of every agent below a flow, in order; one may come several times."""
    if not flow.children:
        yield flow.label
    for _, child in flow.children:
        yield from agents_below(child)


def _unwrapped(flow: Flow) -> tuple[Flow, Sequence[tuple[str, Flow]]]:
    """Give the step that answers, and what stands around it: who helps out, shadows, scores."""
    beside: list[tuple[str, Flow]] = []
    while flow.children and not flow.children[0][0]:
        beside += flow.children[1:]
        flow = flow.children[0][1]
    return flow, beside
