"""Draw a graph as a tree of box characters for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .lettering import ELLIPSIS, cells, clean, shorten
from .model import Edge, Graph, Node
from .view import Limits, View, view

Paint = Literal["title", "name", "condition", "target", "failure", "guarantee", "quiet"]
Run = tuple[Paint, str]
Line = tuple[Run, ...]

_NARROWEST: Final = 40
_NAME_ROOM: Final = 20
_TARGET_ROOM: Final = 30
_COLOURS: Final[dict[Paint, str]] = {
    "title": "1",
    "name": "1",
    "condition": "36",
    "target": "32",
    "failure": "33",
    "guarantee": "35",
    "quiet": "2",
}


def draw_terminal(
    graph: Graph, *, width: int = 100, colour: bool = False, limits: Limits | None = None
) -> str:
    """Return the drawing as lines of at most `width` columns.

    Args:
        graph: what to draw.
        width: columns of the terminal; below 40 it is drawn as if there were 40.
        colour: paint with ANSI colours; the letters are the same without.
        limits: how much to draw of each kind.
    """
    room = max(width, _NARROWEST)
    seen = view(graph, limits)
    lines: list[Line] = [
        (("title", clean(seen.title)),),
        (("quiet", seen.summary),),
        (),
        *_Tree(seen, room).lines(),
        *_agents(seen),
        *_guarantees(seen),
    ]
    return "\n".join(_print(line, room, colour) for line in lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Branch:
    """One line of the tree, and what hangs below it."""

    line: Line
    below: tuple[_Branch, ...] = ()


class _Tree:
    """The routes of one view; remembers which flows have been opened already."""

    def __init__(self, seen: View, width: int) -> None:
        self.seen = seen
        self.width = width
        self.opened: set[str] = set()

    def lines(self) -> list[Line]:
        seen = self.seen
        start = seen.request.label if seen.request else "request"
        layers = [shorten(node.label, _NAME_ROOM) for node in seen.layers]
        names = " → ".join(filter(None, [*layers, seen.remainder("layer")]))
        through: Line = (("quiet", f"  through {names}"),) if names else ()
        rules = self.entries(seen.rules, "rule", len(str(len(seen.rules))))
        lines: list[Line] = [
            (("title", shorten(start, _NAME_ROOM)), *through),
            *_hang((*rules, *self.entries(seen.defaults, "default", len(str(len(seen.rules)))))),
        ]
        if seen.failures:
            lines.append(())
            lines.append((("title", "when an attempt fails"),))
            lines += _hang(self.entries(seen.failures, "failure", 0))
        return lines

    def entries(
        self, nodes: Sequence[Node], kind: Literal["rule", "default", "failure"], digits: int
    ) -> tuple[_Branch, ...]:
        """Draw nodes one below the other, their targets in one column."""
        peers = (*self.seen.rules, *self.seen.defaults) if kind != "failure" else nodes
        name_room = max((cells(shorten(node.label, _NAME_ROOM)) for node in peers), default=0)
        target_room = min(_TARGET_ROOM, self.width // 3)
        widest = max((cells(self.ending(node, target_room)) for node in peers), default=0)
        left = self.width - (3 + digits + bool(digits) + name_room + 2) - (4 + widest)
        wanted = max((cells(shorten(node.detail, max(left, 4))) for node in peers), default=0)
        room = max(min(left, wanted), 4)
        found: list[_Branch] = []
        for position, node in enumerate(nodes, start=1):
            number = str(position).rjust(digits) if kind == "rule" else " " * digits
            condition = shorten(node.detail, room)
            ending = self.ending(node, target_room)
            leader = ("" if condition else "──") + "─" * (room - cells(condition))
            arrow = f"{' ' if condition else ''}{leader[: None if condition else -1]}─▶ "
            name = shorten(node.label, _NAME_ROOM)
            line: Line = (
                ("quiet", f"{number} " if digits else ""),
                ("failure" if kind == "failure" else "name", name),
                ("quiet", " " * (name_room - cells(name) + 2)),
                ("condition", condition),
                ("quiet", arrow if ending else ""),
                ("target", ending),
            )
            found.append(_Branch(line, self.below(node)))
        if left_out := self.seen.remainder(kind):
            found.append(_Branch((("quiet", f"{ELLIPSIS} {left_out}"),)))
        return tuple(found)

    def ending(self, node: Node, room: int) -> str:
        """Name the only target of an entry; several are drawn below it instead."""
        edges, _ = self.seen.steps(node)
        return self.target(edges[0], room) if len(edges) == 1 else ""

    def target(self, edge: Edge, room: int) -> str:
        node = self.seen.nodes[edge.target]
        strategy = f" · {node.detail}" if node.kind == "flow" and node.detail else ""
        return shorten(node.label + strategy, room)

    def below(self, node: Node) -> tuple[_Branch, ...]:
        edges, _ = self.seen.steps(node)
        return self.open(edges[0].target) if len(edges) == 1 else self.ways(node)

    def open(self, target: str) -> tuple[_Branch, ...]:
        """Return the steps of a flow where it is met first, and afterwards only say so."""
        node = self.seen.nodes[target]
        if node.kind != "flow":
            return ()
        if target in self.opened:
            return (_Branch((("quiet", "as above"),)),)
        if len(self.opened) >= self.seen.limits.flows:  # also the deepest a flow in a flow may go
            return (_Branch((("quiet", f"{ELLIPSIS} not drawn"),)),)
        self.opened.add(target)
        facts = (_Branch((("quiet", clean(f"{name}: {value}")),)) for name, value in node.facts)
        return (*facts, *self.ways(node))

    def ways(self, node: Node) -> tuple[_Branch, ...]:
        edges, more = self.seen.steps(node)
        labels = [shorten(edge.label, self.width // 2) for edge in edges]
        room = max(map(cells, labels), default=0)
        found: list[_Branch] = []
        for edge, label in zip(edges, labels, strict=True):
            arrow = "─▶ " if edge.kind in ("match", "step") else "┄▶ "
            line: Line = (
                ("condition", label),
                ("quiet", " " * (room - cells(label) + bool(room)) + arrow),
                ("target", self.target(edge, self.width // 2)),
            )
            found.append(_Branch(line, self.open(edge.target)))
        if more:
            found.append(_Branch((("quiet", f"{ELLIPSIS} {more:,} more"),)))
        return tuple(found)


def _hang(branches: Sequence[_Branch], prefix: str = "") -> list[Line]:
    lines: list[Line] = []
    for branch in branches:
        last = branch is branches[-1]
        lines.append((("quiet", prefix + ("└─ " if last else "├─ ")), *branch.line))
        lines += _hang(branch.below, prefix + ("   " if last else "│  "))
    return lines


def _agents(seen: View) -> list[Line]:
    rows = [
        (
            shorten(node.label, _NAME_ROOM),
            shorten(node.detail, 36),
            shorten(", ".join(node.badges), 36),
            clean(", ".join(f"{name} {value}" for name, value in node.facts)),
        )
        for node in seen.agents
    ]
    rooms = [max((cells(row[column]) for row in rows), default=0) for column in range(3)]
    lines: list[Line] = [(), (("title", "agents"),)] if seen.total.get("agent") else []
    for row in rows:
        name, model, badges = (
            text + " " * (room - cells(text) + 2) if room else ""
            for text, room in zip(row[:3], rooms, strict=True)
        )
        lines.append(
            (("target", f"  {name}"), ("name", model), ("condition", badges), ("quiet", row[3]))
        )
    if left_out := seen.remainder("agent"):
        lines.append((("quiet", f"  {ELLIPSIS} {left_out}"),))
    return lines


def _guarantees(seen: View) -> list[Line]:
    lines: list[Line] = [(), (("title", "guarantees"),)] if seen.total.get("guarantee") else []
    room = max((cells(shorten(node.label, _NAME_ROOM)) for node in seen.guarantees), default=0)
    for node in seen.guarantees:
        label = shorten(node.label, _NAME_ROOM)
        gap = " " * (room - cells(label) + 2)
        lines.append((("guarantee", f"  {label}{gap}"), ("condition", clean(node.detail))))
    if left_out := seen.remainder("guarantee"):
        lines.append((("quiet", f"  {ELLIPSIS} {left_out}"),))
    return lines


def _print(line: Line, width: int, colour: bool) -> str:
    """Clip a line to the width as a whole, whatever its parts asked for."""
    text = ""
    left = width
    parts = list(line)
    while parts and not parts[-1][1].rstrip():
        parts.pop()
    if parts:  # before painting, since afterwards no blank stands at the end
        parts[-1] = (parts[-1][0], parts[-1][1].rstrip())
    for paint, part in parts:
        shown = _cut(part, left)
        left -= cells(shown)
        text += f"\x1b[{_COLOURS[paint]}m{shown}\x1b[0m" if colour and shown.strip() else shown
        if shown != part:
            break
    return text


def _cut(text: str, room: int) -> str:
    """Shorten without joining spaces, since they align the columns."""
    if cells(text) <= room:
        return text
    kept = text[: max(room, 0)]
    while kept and cells(kept) > room - 1:
        kept = kept[:-1]
    return kept + ELLIPSIS if room else ""
