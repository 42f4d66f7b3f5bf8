"""Draw a graph as one SVG picture that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from .cards import AGENT_WIDTH, FLOW_WIDTH, RULE_WIDTH, Card, agent_card, entry_card, flow_card
from .cards import more_card, text_at
from .layout import GAP, Box, Places, place
from .lettering import cells, shorten
from .model import Graph, Node
from .style import HUES, PALETTE, PICTURE
from .view import Limits, View, view

_MARGIN: Final = 32.0
_SPINE: Final = 30.0
_BETWEEN: Final = 100.0
_DEEPEST: Final = 6


def draw_svg(graph: Graph, *, limits: Limits | None = None) -> str:
    """Return a whole SVG file: no script, no font, no address, light and dark by itself."""
    picture = paint(view(graph, limits))
    size = f'width="{picture.width:g}" height="{picture.height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cmw" role="img" {size} '
        f'viewBox="0 0 {picture.width:g} {picture.height:g}">'
        f"<title>{escape(shorten(graph.title, 200))}</title>"
        f"<style>{PALETTE}{PICTURE}</style>"
        f'<rect class="paper" width="100%" height="100%"/>{picture.markup}</svg>\n'
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """The drawing without the file around it."""

    width: float
    height: float
    markup: str


def paint(seen: View, *, alone: bool = True) -> Picture:
    """Draw a view.

    Args:
        seen: what to draw.
        alone: whether title, layers and guarantees belong into the picture; a page around it
            has them in its own text.
    """
    hues = {target: number % HUES for target, number in seen.hues.items()}
    columns = _columns(seen, hues)
    lefts = _lefts(columns)
    width = lefts[-1] + columns[-1][0].width + _MARGIN if columns else 2 * _MARGIN
    width = max(width, 720.0)
    parts: list[str] = []
    y = _MARGIN
    if alone:
        y = _heading(seen, parts, width, y)
    tops, spine = _first_column(seen, columns[0], y, lefts[0])
    boxes = [[_box(card) for card in column] for column in columns]
    places = place(tops, boxes)
    parts += _captions(seen, columns, lefts, y)
    parts += _lines(columns, lefts, places, hues)
    parts += spine
    for column, left in zip(columns, lefts, strict=True):
        parts += [_put(card, left, places.tops[card.node.id]) for card in column]
    bottom = places.bottom
    if alone:
        bottom = _guarantees(seen, parts, width, bottom)
    return Picture(width, round(bottom + _MARGIN), "".join(parts))


def _columns(seen: View, hues: dict[str, int]) -> list[list[Card]]:
    """Sort the cards: entries, flows by how deep they are reached, agents."""
    entries: list[Card] = []
    for number, node in enumerate(seen.rules, start=1):
        entries.append(entry_card(seen, node, number, hues))
    if left_out := seen.remainder("rule"):
        entries.append(more_card("rule", left_out, RULE_WIDTH))
    entries += [entry_card(seen, node, 0, hues) for node in (*seen.defaults, *seen.failures)]
    if left_out := seen.remainder("failure"):
        entries.append(more_card("failure", left_out, RULE_WIDTH))
    depths = _depths(seen)
    flows: list[list[Card]] = [[] for _ in range(max(depths.values(), default=0))]
    for node in seen.flows:
        flows[depths[node.id] - 1].append(flow_card(seen, node, hues))
    if left_out := seen.remainder("flow"):
        flows[0].append(more_card("flow", left_out, FLOW_WIDTH))
    agents = [agent_card(node, hues) for node in seen.agents]
    if left_out := seen.remainder("agent"):
        agents.append(more_card("agent", left_out, AGENT_WIDTH))
    return [column for column in ([*entries], *flows, agents) if column] or [
        [more_card("rule", "nothing to draw", RULE_WIDTH)]
    ]


def _depths(seen: View) -> dict[str, int]:
    """Give each flow a column right of everything that leads to it.

    Each round moves a flow right of its sources; the number of rounds is fixed, so flows that
    lead to each other end too.
    """
    depths = {node.id: 1 for node in seen.flows}
    for _ in range(_DEEPEST - 1):
        for node in seen.flows:
            for edge in seen.steps(node)[0]:
                if edge.target in depths and edge.target != node.id:
                    deeper = max(depths[edge.target], depths[node.id] + 1)
                    depths[edge.target] = min(deeper, _DEEPEST)
    used = sorted(set(depths.values()))
    return {flow: used.index(depth) + 1 for flow, depth in depths.items()}


def _lefts(columns: Sequence[Sequence[Card]]) -> list[float]:
    lefts: list[float] = []
    x = _MARGIN + _SPINE
    for column in columns:
        lefts.append(x)
        x += column[0].width + _BETWEEN
    return lefts


def _box(card: Card) -> Box:
    ports = tuple((port.y, port.edge.target) for port in card.ports)
    return Box(card.node.id, card.height, card.entry, ports)


def _put(card: Card, x: float, y: float) -> str:
    """Lay a card at its place; a nested picture clips what should turn out too wide."""
    size = f'width="{card.width:g}" height="{card.height:g}"'
    return f'<svg x="{x:g}" y="{y:g}" {size} overflow="hidden">{card.markup}</svg>'


def _first_column(
    seen: View, cards: Sequence[Card], y: float, left: float
) -> tuple[dict[str, float], list[str]]:
    """Hang the entries on a spine: the request runs down it until a rule matches."""
    x = _MARGIN + 9
    start = shorten(seen.request.label if seen.request else "request", 20)
    wide = cells(start) * 8.2 + 28
    over = [
        f'<rect class="pill" x="{_MARGIN:g}" y="{y:g}" width="{wide:g}" height="30" rx="15"/>',
        text_at(_MARGIN + 14, y + 19.5, "onpill", start),
        text_at(_MARGIN + wide + 12, y + 19.5, "sub", "goes down the rules; the first match wins"),
    ]
    tops: dict[str, float] = {}
    dots: list[str] = []
    end = y + 30
    top = y + 52
    failing = False
    for card in cards:
        if card.node.kind == "failure" and not failing:
            failing = True
            top += 22
            over.append(text_at(left, top, "head", "WHEN AN ATTEMPT FAILS"))
            top += 14
        tops[card.node.id] = top
        if not failing:
            end = top + card.entry
            dots.append(f'<path class="spine" d="M{x:g} {end:g}H{left:g}"/>')
            if card.markup.startswith("<g"):
                dots.append(f'<circle class="dot" cx="{x:g}" cy="{end:g}" r="5"/>')
        top += card.height + (10 if failing else 12)
    line = f'<path class="spine" d="M{x:g} {y + 30:g}V{end:g}"/>'
    return tops, [line, *dots, *over]


def _captions(
    seen: View, columns: Sequence[Sequence[Card]], lefts: Sequence[float], y: float
) -> list[str]:
    found: list[str] = []
    told: set[str] = set()
    flows = {node.id for node in seen.flows}
    for column, left in zip(columns[1:], lefts[1:], strict=True):
        word = "FLOWS" if column[0].node.id in flows else "AGENTS"
        if word not in told:
            found.append(text_at(left, y + 20, "head", word))
        told.add(word)
    return found


def _lines(
    columns: Sequence[Sequence[Card]],
    lefts: Sequence[float],
    places: Places,
    hues: dict[str, int],
) -> list[str]:
    """Draw the lines, target after target, each with a halo that lifts it off those it crosses."""
    where = {card.node.id: number for number, column in enumerate(columns) for card in column}
    entries = {card.node.id: card.entry for column in columns for card in column}
    paths: dict[str, list[tuple[str, bool]]] = {}
    solid: set[tuple[int, str]] = set()
    labels: list[str] = []

    def arrive(number: int, target: str) -> tuple[float, float]:
        if where[target] == number:
            return lefts[number] - 7, places.tops[target] + entries[target]
        return lefts[number], places.lanes[number, target]

    for number, column in enumerate(columns):
        right = lefts[number] + column[0].width
        for card in column:
            for port in card.ports:
                target = port.edge.target
                if where.get(target, 0) <= number:
                    continue  # its row names the target; a line backwards would cross the cards
                y = places.tops[card.node.id] + port.y
                aside = port.edge.kind not in ("match", "step")
                if not aside:
                    solid.update((later, target) for later in range(number + 1, where[target]))
                path = _curve(right, y, *arrive(number + 1, target))
                paths.setdefault(target, []).append((path, aside))
                if port.edge.kind == "match" and port.edge.label and len(card.ports) == 1:
                    labels += _pill(right + 10, y, port.edge.label)
    for (number, target), y in places.lanes.items():
        x = lefts[number] + columns[number][0].width
        path = f"M{lefts[number]:g} {y:.1f}H{x:g}{_curve(x, y, *arrive(number + 1, target), move='')}"
        paths.setdefault(target, []).append((path, (number, target) not in solid))
    drawn: list[str] = []
    for target, found in paths.items():
        hue = f"h{hues.get(target, 0)}"
        halo = "".join(path for path, _ in found)
        drawn.append(f'<path class="halo" d="{halo}"/>')
        for aside in (True, False):
            if together := "".join(path for path, dashed in found if dashed is aside):
                style = f"way {hue} aside" if aside else f"way {hue}"
                drawn.append(f'<path class="{style}" d="{together}"/>')
        x, y = arrive(where[target], target)
        drawn.append(f'<path class="tip {hue}" d="M{x - 1:g} {y - 4.5:.1f}l8 4.5l-8 4.5z"/>')
    return drawn + labels


def _curve(x: float, y: float, to_x: float, to_y: float, *, move: str | None = None) -> str:
    start = f"M{x:g} {y:.1f}" if move is None else move
    bend = (to_x - x) / 2
    return f"{start}C{x + bend:g} {y:.1f} {to_x - bend:g} {to_y:.1f} {to_x:g} {to_y:.1f}"


def _pill(x: float, y: float, text: str) -> list[str]:
    shown = shorten(text, 12)
    wide = cells(shown) * 6.7 + 14
    return [
        f'<rect class="label" x="{x:g}" y="{y - 9:g}" width="{wide:g}" height="18" rx="9"/>',
        text_at(x + 7, y + 4, "tiny", shown),
    ]


def _heading(seen: View, parts: list[str], width: float, y: float) -> float:
    """Write title, counts and layers above the drawing; return where it may begin."""
    parts.append(text_at(_MARGIN, y + 20, "title", shorten(seen.title, int(width / 14))))
    parts.append(text_at(_MARGIN, y + 42, "sub", seen.summary))
    y += 68
    if not seen.layers:
        return y
    parts.append(text_at(_MARGIN, y + 11, "head", "EVERY REQUEST PASSES THROUGH"))
    y += 24
    x = _MARGIN
    left_out = seen.remainder("layer")
    labels = [(node.label, node.detail) for node in seen.layers]
    for number, (label, detail) in enumerate([*labels, (left_out, "")] if left_out else labels):
        name, told = shorten(label, 24), shorten(detail, 30)
        wide = cells(name) * 8.8 + (cells(told) * 6.9 + 8 if told else 0) + 28
        if x > _MARGIN and x + wide > width - _MARGIN:
            x, y = _MARGIN, y + 42
        elif number:
            parts.append(text_at(x - 16, y + 20.5, "sub", "›"))
        body = f'<rect class="card" x="1" y="1" width="{wide - 2:g}" height="30" rx="15"/>'
        body += _pair(14, 20.5, (name, "name"), (told, "small"))
        parts.append(
            f'<svg x="{x:g}" y="{y:g}" width="{wide:g}" height="32" overflow="hidden">{body}</svg>'
        )
        x += wide + 24
    return y + 60


def _pair(x: float, y: float, first: tuple[str, str], second: tuple[str, str]) -> str:
    """Return two texts on one line, the second where the first really ends."""
    words = f'<tspan class="{first[1]}">{escape(first[0])}</tspan>'
    if second[0]:
        words += f'<tspan class="{second[1]}" dx="9">{escape(second[0])}</tspan>'
    return f'<text x="{x:g}" y="{y:g}">{words}</text>'


def _guarantees(seen: View, parts: list[str], width: float, y: float) -> float:
    """Write what must never happen below the drawing; return its lower edge."""
    if not seen.guarantees:
        return y
    y += 34
    parts.append(text_at(_MARGIN, y, "head", "GUARANTEED ON EVERY PATH"))
    y += 14
    wide = (width - 2 * _MARGIN - GAP) / 2
    for number, node in enumerate(seen.guarantees):
        card = _guarantee(node, wide)
        x = _MARGIN + (number % 2) * (wide + GAP)
        parts.append(_put(card, x, y + (number // 2) * (card.height + 10)))
    y += ((len(seen.guarantees) + 1) // 2) * 48
    if left_out := seen.remainder("guarantee"):
        parts.append(text_at(_MARGIN, y + 14, "small", f"… {left_out}"))
        y += 20
    return y


def _guarantee(node: Node, width: float) -> Card:
    name = shorten(node.label, 16)
    left = 16 + cells(name) * 8.2 + 12
    detail = shorten(node.detail, int((width - left - 16) / 7.3))
    body = f'<rect class="card" x="1" y="1" width="{width - 2:g}" height="36" rx="10"/>'
    body += _pair(16, 24, (name, "name"), (detail, "code"))
    title = f"<title>{escape(shorten(node.detail, 600))}</title>"
    return Card(node, width, 38.0, 19.0, (), f'<g class="guarantee">{title}{body}</g>')
