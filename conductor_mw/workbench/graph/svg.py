"""Draw a graph as one SVG picture that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from .bands import guarantees, heading
from .cards import (
    AGENT_WIDTH,
    FLOW_WIDTH,
    NAME,
    RULE_WIDTH,
    Card,
    agent_card,
    entry_card,
    flow_card,
    more_card,
    put,
    text_at,
)
from .layout import Box, place
from .lettering import cells, shorten
from .lines import Stage, draw_lines
from .model import Graph
from .style import PALETTE, PICTURE
from .view import Limits, View, view

_MARGIN: Final = 32.0
_SPINE: Final = 30.0
_BETWEEN: Final = 100.0
_DEEPEST: Final = 6
_NARROWEST: Final = 720.0


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
    columns = _columns(seen)
    lefts = _lefts(columns)
    width = max(lefts[-1] + columns[-1][0].width + _MARGIN, _NARROWEST)
    above, y = heading(seen, width, _MARGIN) if alone else ("", _MARGIN)
    tops, spine = _first_column(seen, columns[0], y, lefts[0])
    stage = Stage(columns, lefts, place(tops, [[_box(card) for card in each] for each in columns]))
    cards = [
        put(card, left, stage.places.tops[card.node.id])
        for column, left in zip(columns, lefts, strict=True)
        for card in column
    ]
    bottom = stage.places.bottom
    below, bottom = guarantees(seen, width, _MARGIN, bottom) if alone else ("", bottom)
    captions = _captions(seen, columns, lefts, y)
    markup = above + captions + draw_lines(seen, stage) + spine + "".join(cards) + below
    return Picture(width, round(bottom + _MARGIN), markup)


def _columns(seen: View) -> list[list[Card]]:
    """Sort the cards: entries, flows by how deep they are reached, agents."""
    entries: list[Card] = []
    for number, node in enumerate(seen.rules, start=1):
        entries.append(entry_card(seen, node, number))
    if left_out := seen.remainder("rule"):
        entries.append(more_card("rule", f"… {left_out}", RULE_WIDTH))
    entries += [entry_card(seen, node, 0) for node in (*seen.defaults, *seen.failures)]
    if left_out := seen.remainder("failure"):
        entries.append(more_card("failure", f"… {left_out}", RULE_WIDTH))
    depths = _depths(seen)
    flows: list[list[Card]] = [[] for _ in range(max(depths.values(), default=1))]
    for node in seen.flows:
        flows[depths[node.id] - 1].append(flow_card(seen, node))
    if left_out := seen.remainder("flow"):
        flows[0].append(more_card("flow", f"… {left_out}", FLOW_WIDTH))
    entries = entries or [more_card("rule", "no rules", RULE_WIDTH)]
    agents = [agent_card(seen, node) for node in seen.agents]
    if left_out := seen.remainder("agent"):
        agents.append(more_card("agent", f"… {left_out}", AGENT_WIDTH))
    return [column for column in (entries, *flows, agents) if column]


def _depths(seen: View) -> dict[str, int]:
    """Give each flow a column right of everything that leads to it.

    Flows that lead to each other have no such order: the first of them then goes left.
    """
    ahead = {node.id: {edge.target for edge in seen.steps(node)[0]} for node in seen.flows}
    depths = dict.fromkeys(ahead, 1)
    left = list(ahead)
    while left:
        reached = {target for flow in left for target in ahead[flow] - {flow}}
        now = next((flow for flow in left if flow not in reached), left[0])
        left.remove(now)
        for target in ahead[now].intersection(left):
            depths[target] = min(max(depths[target], depths[now] + 1), _DEEPEST)
    return depths


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


def _first_column(
    seen: View, cards: Sequence[Card], y: float, left: float
) -> tuple[dict[str, float], str]:
    """Hang the entries on a spine: the request runs down it until a rule matches."""
    x = _MARGIN + 9
    start = shorten(seen.request.label if seen.request else "request", 20)
    wide = cells(start) * NAME + 28
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
            dots.append(f'<circle class="dot" cx="{x:g}" cy="{end:g}" r="5"/>')
        top += card.height + (10 if failing else 12)
    line = f'<path class="spine" d="M{x:g} {y + 30:g}V{end:g}"/>'
    return tops, "".join([line, *dots, *over])


def _captions(
    seen: View, columns: Sequence[Sequence[Card]], lefts: Sequence[float], y: float
) -> str:
    flows = {node.id for node in seen.flows}
    found: dict[str, str] = {}
    for column, left in zip(columns[1:], lefts[1:], strict=True):
        word = "FLOWS" if column[0].node.id in flows else "AGENTS"
        found.setdefault(word, text_at(left, y + 20, "head", word))
    return "".join(found.values())
