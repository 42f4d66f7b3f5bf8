"""Write a graph as mermaid text, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

from typing import Final

from .lettering import shorten
from .model import EdgeKind, Graph, Node, NodeKind
from .view import Limits, View, view

_NAME_ROOM: Final = 40
_DETAIL_ROOM: Final = 72
_PLAIN: Final = frozenset(" ,.-=+/'")
_SHAPES: Final[dict[NodeKind, tuple[str, str]]] = {
    "request": ('(["', '"])'),
    "rule": ('["', '"]'),
    "default": ('["', '"]'),
    "failure": ('["', '"]'),
    "flow": ('[["', '"]]'),
    "agent": ('("', '")'),
    "guarantee": ('["', '"]'),
    "layer": ('["', '"]'),
}
# A class named `default` would repaint every node that has a class of its own.
_CLASS: Final[dict[NodeKind, str]] = {"default": "otherwise"}
_ARROWS: Final[dict[EdgeKind, str]] = {
    "next": "-->",
    "match": "==>",
    "step": "-->",
    "on_failure": "-.->",
    "fallback": "-.->",
    "score": "-.->",
    "shadow": "-.->",
}
# Fill and letters are set together, so that the text stays legible on a light and a dark page.
_CLASSES: Final = (
    "  classDef request fill:#312e81,stroke:#312e81,color:#ffffff",
    "  classDef rule fill:#eef2ff,stroke:#6366f1,color:#1e1b4b",
    "  classDef otherwise fill:#f1f5f9,stroke:#64748b,color:#0f172a",
    "  classDef failure fill:#fff7ed,stroke:#ea580c,color:#431407",
    "  classDef flow fill:#faf5ff,stroke:#9333ea,color:#3b0764",
    "  classDef agent fill:#f0fdfa,stroke:#0d9488,color:#042f2e",
    "  classDef guarantee fill:#fff1f2,stroke:#e11d48,color:#4c0519",
    "  classDef layer fill:#f8fafc,stroke:#94a3b8,color:#0f172a",
)


def draw_mermaid(graph: Graph, *, limits: Limits | None = None) -> str:
    """Return a `flowchart LR`; no text of the policy can add a node, an edge or a setting.

    >>> print(draw_mermaid(Graph("demo", (Node("a", "agent", "small"),), ())).splitlines()[4])
      n0("small"):::agent
    """
    seen = view(graph, limits)
    drawn = _drawn(seen)
    names = {node.id: f"n{number}" for number, node in enumerate(drawn)}
    lines = ["---", f'title: "{_quoted(seen.title)}"', "---", "flowchart LR"]
    placed = (node for node in drawn if node.kind not in ("guarantee", "layer"))
    lines += [f"  {_node(names[node.id], node)}" for node in placed]
    lines += _start(seen, names)
    for node in (*seen.entries, *seen.flows):
        edges, more = seen.steps(node)
        for edge in edges:
            if edge.target in names:
                arrow = _ARROWS[edge.kind]
                label = f'|"{_escape(edge.label, _NAME_ROOM)}"|' if edge.label else ""
                lines.append(f"  {names[edge.source]} {arrow}{label} {names[edge.target]}")
        if more:
            name = f"{names[node.id]}m"
            lines += [f'  {name}["{more} more"]:::otherwise', f"  {names[node.id]} --> {name}"]
    lines += _aside("layers", seen.layers, names)
    lines += _aside("guarantees", seen.guarantees, names)
    lines += _CLASSES
    return "\n".join(lines) + "\n"


def _drawn(seen: View) -> tuple[Node, ...]:
    request = (seen.request,) if seen.request else ()
    return (*request, *seen.entries, *seen.flows, *seen.agents, *seen.layers, *seen.guarantees)


def _node(name: str, node: Node) -> str:
    opening, closing = _SHAPES[node.kind]
    detail = f"<br/>{_escape(node.detail, _DETAIL_ROOM)}" if node.detail else ""
    look = _CLASS.get(node.kind, node.kind)
    return f"{name}{opening}{_escape(node.label, _NAME_ROOM)}{detail}{closing}:::{look}"


def _start(seen: View, names: dict[str, str]) -> list[str]:
    """Fan out from the request; a chain of rules would be drawn far too wide to read."""
    ways = [(f'-->|"{place}"|', names[node.id]) for place, node in enumerate(seen.rules, start=1)]
    lines: list[str] = []
    if left_out := seen.remainder("rule"):
        lines.append(f'  more["{left_out}"]:::otherwise')
        ways.append(("-->", "more"))
    ways += [('-->|"else"|', names[node.id]) for node in seen.defaults]
    ways += [('-.->|"on failure"|', names[node.id]) for node in seen.failures]
    if seen.request:
        lines += [f"  {names[seen.request.id]} {arrow} {name}" for arrow, name in ways]
    return lines


def _aside(title: str, nodes: tuple[Node, ...], names: dict[str, str]) -> list[str]:
    if not nodes:
        return []
    inside = [f"    {_node(names[node.id], node)}" for node in nodes]
    return [f"  subgraph {title}", *inside, "  end"]


def _escape(text: str, room: int) -> str:
    """Return text in which mermaid reads no quote, tag, entity, list, link or emphasis."""
    letters = list(shorten(text, room))
    for position, letter in enumerate(letters):
        inside = 0 < position < len(letters) - 1
        between = inside and letters[position + 1].isalnum() and letters[position - 1][-1].isalnum()
        # Mermaid reads `1. x`, `- x`, `www.x` and `_x_` as markdown, and then refuses to draw it.
        plain = between if letter in "._-+" else letter in _PLAIN
        if letter == "." and between:
            plain = "".join(letters[max(position - 3, 0) : position]).lower() != "www"
        if not (letter.isalnum() or plain):
            letters[position] = f"#{ord(letter)};"
    return "".join(letters)


def _quoted(title: str) -> str:
    """Return text for a double-quoted YAML scalar; mermaid rewrites tags inside it otherwise."""
    return "".join(
        letter if letter.isalnum() or letter in " -._" else f"\\U{ord(letter):08x}"
        for letter in shorten(title, _DETAIL_ROOM)
    )
