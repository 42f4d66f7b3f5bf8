"""What is drawn: a policy's nodes and edges, without anything of the policy itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NodeKind = Literal["request", "rule", "default", "failure", "flow", "agent", "guarantee", "layer"]
EdgeKind = Literal["next", "match", "step", "on_failure", "fallback", "score", "shadow"]


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in the drawing; its texts may be hostile, every renderer cleans and clips them.

    Attributes:
        id: unique in the graph; never shown.
        kind: decides the column and the shape.
        label: the name people know it by: `pii`, `#3`, `triage`, `audit`.
        detail: a rule's condition, an agent's model, a flow's strategy, a guarantee's sentence.
        badges: short words: an agent's labels, a rule's options.
        facts: names and values, such as `("price", "$0.15 in, $0.60 out")`; in the page each
            name becomes a column.
    """

    id: str
    kind: NodeKind
    label: str
    detail: str = ""
    badges: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """One way a request may take.

    Attributes:
        source: id of the node it leaves.
        target: id of the node it reaches.
        label: what stands beside it: `1`, `80 %`, a condition.
        kind: `next` goes to the rule below, `match` from a rule to its target, `step` from a flow
            to a part of it; the others are drawn dashed, since they are not the normal way.
    """

    source: str
    target: str
    label: str = ""
    kind: EdgeKind = "step"


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole policy, ready to be drawn; nodes of one kind are drawn in the order given.

    Raises:
        ValueError: two nodes share an id, or an edge names a node that is not there.

    >>> ask, small = Node("request", "request", "request"), Node("a", "agent", "small")
    >>> Graph("demo", (ask, small), (Edge("request", "a", kind="match"),)).title
    'demo'
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        known: set[str] = set()
        for node in self.nodes:
            if node.id in known:
                raise ValueError(f"two nodes have the id {node.id[:80]!r}")
            known.add(node.id)
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in known:
                    raise ValueError(f"an edge names {end[:80]!r}, which is no node")
