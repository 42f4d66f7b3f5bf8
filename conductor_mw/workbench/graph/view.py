"""Sort a graph into what every renderer draws, and leave out what no reader could take in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .model import Edge, Graph, Node, NodeKind
from .style import HUES


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of each kind are drawn before the drawing only says how many more there are."""

    rules: int = 60
    failures: int = 20
    flows: int = 24
    agents: int = 40
    steps: int = 12
    guarantees: int = 20
    layers: int = 20


@dataclass(frozen=True, slots=True)
class View:
    """The part of a graph that is drawn.

    Attributes:
        title: the policy's name as it was given; every renderer cleans what it draws.
        more: how many of a kind are not drawn.
        total: how many of a kind the whole graph has.
        ways: the edges that leave a node, without those to the next rule.
        nodes: every node of the graph by its id, drawn or not.
        hues: a number for every agent and flow, which decides its colour.
    """

    title: str
    request: Node | None
    rules: tuple[Node, ...]
    defaults: tuple[Node, ...]
    failures: tuple[Node, ...]
    flows: tuple[Node, ...]
    agents: tuple[Node, ...]
    guarantees: tuple[Node, ...]
    layers: tuple[Node, ...]
    more: Mapping[NodeKind, int]
    total: Mapping[NodeKind, int]
    ways: Mapping[str, tuple[Edge, ...]] = field(repr=False)
    nodes: Mapping[str, Node] = field(repr=False)
    hues: Mapping[str, int] = field(repr=False)
    limits: Limits

    @property
    def entries(self) -> tuple[Node, ...]:
        """Return the first column: rules, the default, what happens on failures."""
        return (*self.rules, *self.defaults, *self.failures)

    @property
    def summary(self) -> str:
        """Say in one line how much there is, for example `2 rules · 1 flow · 3 agents`."""
        kinds: tuple[NodeKind, ...] = ("rule", "flow", "agent", "guarantee", "layer")
        counted = ((kind, self.total.get(kind, 0)) for kind in kinds)
        return " · ".join(plural(count, kind) for kind, count in counted if count)

    def steps(self, node: Node) -> tuple[tuple[Edge, ...], int]:
        """Return the edges of a node that are drawn, and how many more there are."""
        ways = self.ways.get(node.id, ())
        return ways[: self.limits.steps], max(len(ways) - self.limits.steps, 0)

    def hue(self, target: str) -> str:
        """Return the style of a target's colour; what leads to it is drawn in the same."""
        return f"h{self.hues.get(target, 0) % HUES}"

    def remainder(self, kind: NodeKind) -> str:
        """Say how many of a kind are not drawn: `9,940 more rules`, or nothing."""
        count = self.more.get(kind, 0)
        return f"{count:,} more {kind}{'s' if count != 1 else ''}" if count else ""


def plural(count: int, word: str) -> str:
    """Return a count with its word.

    >>> plural(1, "rule"), plural(10_000, "rule")
    ('1 rule', '10,000 rules')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def view(graph: Graph, limits: Limits | None = None) -> View:
    """Choose what is drawn of a graph.

    Flows and agents that a drawn rule leads to come before the others when there are too many.
    """
    bounds = limits or Limits()
    kinds: dict[NodeKind, list[Node]] = {}
    for node in graph.nodes:
        kinds.setdefault(node.kind, []).append(node)
    nodes = {node.id: node for node in graph.nodes}
    ways: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        if edge.kind != "next":
            ways.setdefault(edge.source, []).append(edge)

    def first(kind: NodeKind, count: int) -> tuple[Node, ...]:
        return tuple(kinds.get(kind, ())[:count])

    rules = first("rule", bounds.rules)
    defaults = first("default", 1)
    failures = first("failure", bounds.failures)
    reached = _reached([node.id for node in (*defaults, *rules, *failures)], ways, bounds)

    def targets(kind: NodeKind, count: int) -> tuple[Node, ...]:
        every = kinds.get(kind, [])
        if len(every) <= count:
            return tuple(every)
        wanted = sorted(every, key=lambda node: reached.get(node.id, len(reached)))[:count]
        chosen = {node.id for node in wanted}
        return tuple(node for node in every if node.id in chosen)

    drawn: dict[NodeKind, tuple[Node, ...]] = {
        "request": first("request", 1),
        "rule": rules,
        "default": defaults,
        "failure": failures,
        "flow": targets("flow", bounds.flows),
        "agent": targets("agent", bounds.agents),
        "guarantee": first("guarantee", bounds.guarantees),
        "layer": first("layer", bounds.layers),
    }
    total: dict[NodeKind, int] = {kind: len(found) for kind, found in kinds.items()}
    return View(
        title=graph.title if graph.title.strip() else "policy",
        request=drawn["request"][0] if drawn["request"] else None,
        rules=rules,
        defaults=defaults,
        failures=failures,
        flows=drawn["flow"],
        agents=drawn["agent"],
        guarantees=drawn["guarantee"],
        layers=drawn["layer"],
        more={kind: count - len(drawn[kind]) for kind, count in total.items()},
        total=total,
        ways={source: tuple(found) for source, found in ways.items()},
        nodes=nodes,
        hues={
            node.id: number
            for number, node in enumerate((*kinds.get("agent", ()), *kinds.get("flow", ())))
        },
        limits=bounds,
    )


def _reached(start: list[str], ways: Mapping[str, list[Edge]], limits: Limits) -> dict[str, int]:
    """Number what the drawn entries lead to, nearest first."""
    found: dict[str, int] = {}
    row = start
    while row:
        following: list[str] = []
        for source in row:
            for edge in ways.get(source, ())[: limits.steps]:
                if edge.target not in found:
                    found[edge.target] = len(found)
                    following.append(edge.target)
        row = following
    return found
