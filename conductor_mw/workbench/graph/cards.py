"""What stands on each card of the picture, and how tall that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from .lettering import ELLIPSIS, cells, clean, shorten, wrap
from .model import Edge, Node
from .view import View

RULE_WIDTH: Final = 376.0
FLOW_WIDTH: Final = 252.0
AGENT_WIDTH: Final = 264.0
_PAD: Final = 16.0
# Widths are guessed, since a file cannot measure; generously, and every card clips what is left.
CODE: Final = 7.3
NAME: Final = 8.4
SMALL: Final = 6.7
_ROW: Final = 27.0
_TOOLTIP: Final = 600


@dataclass(frozen=True, slots=True)
class Port:
    """Where a line leaves a card: how far down, its edge, and whether no row names that edge."""

    y: float
    edge: Edge
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A card without its place: markup in its own coordinates."""

    node: Node
    width: float
    height: float
    entry: float
    ports: tuple[Port, ...]
    markup: str


@dataclass(slots=True)
class _Pen:
    """Writes a card from top to bottom."""

    width: float
    y: float = 0.0
    parts: list[str] = field(default_factory=list[str])

    def text(self, x: float, y: float, style: str, text: str, *, end: bool = False) -> None:
        self.parts.append(text_at(x, y, style, text, end=end))

    def bar(self, x: float, style: str, width: float) -> None:
        box = f'x="{x:g}" y="{self.y + 11:g}" width="{width:g}" height="6" rx="3"'
        self.parts.append(f'<rect class="{style}" {box}/>')

    def add(self, markup: str) -> None:
        self.parts.append(markup)

    def chips(self, words: Sequence[str], left: float, right: float) -> None:
        """Lay small pills in at most two rows; what does not fit is counted."""
        x, row = left, 0
        for position, word in enumerate(words):
            shown = shorten(word, 24)
            wide = cells(shown) * SMALL + 14
            if x > left and x + wide > right - (30 if row else 0):
                if row:
                    self.text(x + 2, self.y + 13, "tiny", f"+{len(words) - position}")
                    break
                x, row = left, 1
                self.y += 22
            self.add(
                f'<rect class="chip" x="{x:g}" y="{self.y:g}" width="{wide:g}" height="18" rx="9"/>'
            )
            self.text(x + wide / 2, self.y + 12.5, "tiny middle", shown)
            x += wide + 6
        self.y += 18


def text_at(x: float, y: float, style: str, text: str, *, end: bool = False) -> str:
    """Return one line of text; `text` is shortened already and is escaped here."""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text class="{style}" x="{x:g}" y="{y:g}"{anchor}>{escape(text)}</text>'


def pill(x: float, y: float, text: str) -> str:
    """Return a short text on a line, with a ground of its own."""
    shown = shorten(text, 11)
    wide = cells(shown) * SMALL + 14
    box = f'x="{x:g}" y="{y - 9:g}" width="{wide:g}" height="18" rx="9"'
    return f'<rect class="label" {box}/>' + text_at(x + wide / 2, y + 4, "tiny middle", shown)


def put(card: Card, x: float, y: float) -> str:
    """Lay a card at its place; a nested picture clips what should turn out too wide."""
    size = f'width="{card.width:g}" height="{card.height:g}"'
    return f'<svg x="{x:g}" y="{y:g}" {size} overflow="hidden">{card.markup}</svg>'


def entry_card(seen: View, node: Node, number: int) -> Card:
    """Draw a rule, the default or a kind of failure."""
    pen = _Pen(RULE_WIDTH)
    edges, _ = seen.steps(node)
    only = edges[0] if len(edges) == 1 else None
    left = _PAD + (26 if node.kind == "rule" else 0)
    name_room = RULE_WIDTH - _PAD - left
    if only:
        target = shorten(seen.nodes[only.target].label, 16)
        pen.text(RULE_WIDTH - _PAD, 24, f"goal {seen.hue(only.target)}", target, end=True)
        name_room -= cells(target) * NAME + 20
    if node.kind == "rule":
        pen.text(_PAD, 24, "index", str(number))
    pen.text(left, 24, "name", shorten(node.label, int(name_room / NAME)))
    pen.y = 34.0
    if node.detail:
        for line in wrap(node.detail, int((RULE_WIDTH - left - _PAD) / CODE), 3):
            pen.text(left, pen.y + 11, "code", line)
            pen.y += 17
        pen.y += 4
    if node.badges:
        pen.y += 2
        pen.chips(node.badges, left, RULE_WIDTH - _PAD)
        pen.y += 4
    pen.y += 5
    if only:
        return _card(node, pen, (Port((round(pen.y) + 1) / 2, only, alone=True),))
    ports = _rows(seen, pen, node, left) if edges else ()
    return _card(node, pen, ports)


def flow_card(seen: View, node: Node) -> Card:
    """Draw a flow with a row for each of its steps."""
    pen = _Pen(FLOW_WIDTH)
    strategy = shorten(node.detail, 14)
    wide = cells(strategy) * SMALL + 16 if strategy else 0.0
    hue = seen.hue(node.id)
    pen.text(_PAD, 25, "name", shorten(node.label, int((FLOW_WIDTH - 2 * _PAD - wide - 8) / NAME)))
    if strategy:
        x = FLOW_WIDTH - _PAD - wide
        pen.add(f'<rect class="tag {hue}" x="{x:g}" y="11" width="{wide:g}" height="20" rx="10"/>')
        pen.text(x + 8, 25, f"tagged {hue}", strategy)
    pen.y = 36.0
    for name, value in node.facts[:3]:
        for line in wrap(f"{name} {value}", int((FLOW_WIDTH - 2 * _PAD) / CODE), 2):
            pen.text(_PAD, pen.y + 11, "code", line)
            pen.y += 17
    if node.badges:
        pen.y += 4
        pen.chips(node.badges, _PAD, FLOW_WIDTH - _PAD)
    pen.y += 6
    return _card(node, pen, _rows(seen, pen, node, _PAD), hue)


def agent_card(seen: View, node: Node) -> Card:
    """Draw an agent: who answers, with what, for how much, under which labels."""
    pen = _Pen(AGENT_WIDTH)
    room = AGENT_WIDTH - 2 * _PAD
    pen.text(_PAD, 25, "name", shorten(node.label, int(room / NAME)))
    pen.y = 34.0
    if node.detail:
        pen.text(_PAD, pen.y + 11, "code", shorten(node.detail, int(room / CODE)))
        pen.y += 19
    if node.facts:
        facts = " · ".join(f"{name} {value}" for name, value in node.facts[:6])
        for line in wrap(facts, int(room / SMALL), 2):
            pen.text(_PAD, pen.y + 11, "small", line)
            pen.y += 17
        pen.y += 2
    if node.badges:
        pen.y += 3
        pen.chips(node.badges, _PAD, AGENT_WIDTH - _PAD)
        pen.y += 3
    pen.y += 7
    return _card(node, pen, (), seen.hue(node.id))


def more_card(kind: str, text: str, width: float) -> Card:
    """Draw a dashed card that says how many are left out, or that there are none."""
    node = Node(f"\0more {kind}", "default", text)
    line = text_at(_PAD, 24, "small", text)
    frame = f'<rect class="more" x="1" y="1" width="{width - 2:g}" height="36" rx="10"/>'
    return Card(node, width, 38.0, 19.0, (), frame + line)


def _rows(seen: View, pen: _Pen, node: Node, left: float) -> tuple[Port, ...]:
    """Write one row for each step: its label left, its target right, a port at the border."""
    edges, more = seen.steps(node)
    widest = max((cells(shorten(seen.nodes[edge.target].label, 14)) for edge in edges), default=0)
    ports: list[Port] = []
    right = pen.width - _PAD
    for edge in edges:
        target = shorten(seen.nodes[edge.target].label, 14)
        hue = seen.hue(edge.target)
        room = right - left - cells(target) * NAME - 14
        pen.add(f'<path class="rule" d="M{left:g} {pen.y:g}H{right:g}"/>')
        lines = wrap(edge.label, int((right - left) / CODE), 3)
        fits = len(lines) == 1 and cells(lines[0]) * CODE <= room
        for line in lines:
            pen.text(left, pen.y + 18, "code", line)
            pen.y += 0 if fits else 17
        if (share := _share(edge.label)) is not None:
            bar = max(pen.width - _PAD - left - widest * NAME - 64, 20.0)  # alike in all rows
            pen.bar(left + 44, "track", bar)
            pen.bar(left + 44, f"bar {hue}", bar * share / 100)
        pen.text(right, pen.y + 18, f"goal {hue}", target, end=True)
        ports.append(Port(pen.y + _ROW / 2, edge))
        pen.y += _ROW
    if more:
        pen.add(f'<path class="rule" d="M{left:g} {pen.y:g}H{right:g}"/>')
        pen.text(left, pen.y + 18, "small", f"{ELLIPSIS} {more:,} more")
        pen.y += _ROW
    pen.y += 4
    return tuple(ports)


def _share(label: str) -> float | None:
    """Read a label such as `80 %` as a share; whatever is not one is only text."""
    digits = label.removesuffix("%").strip()
    if not (label.endswith("%") and digits.isascii() and digits.isdigit()):
        return None
    return min(float(digits[:4]), 100.0)


def _card(node: Node, pen: _Pen, ports: tuple[Port, ...], hue: str = "") -> Card:
    height = round(pen.y) + 1.0
    box = f'width="{pen.width - 2:g}" height="{height - 2:g}"'
    frame = f'<rect class="card" x="1" y="1" {box} rx="10"/>'
    if hue:
        down = f"V{height - 3:g}"
        frame += f'<path class="mark" d="M1 11a10 10 0 0 1 4 -8{down}a10 10 0 0 1 -4 -8z"/>'
    told = " — ".join(part for part in (clean(node.label), clean(node.detail)) if part)
    title = f"<title>{escape(shorten(told, _TOOLTIP))}</title>"
    markup = f'<g class="{node.kind} {hue}">{title}{frame}{"".join(pen.parts)}</g>'
    return Card(node, pen.width, height, 21.0 if hue else height / 2, ports, markup)
