"""Draw the lines between cards, each in the colour of what it leads to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .cards import Card, Port, pill
from .layout import Places
from .model import Edge
from .view import View

_TIP: Final = 7.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Cards in their columns, and where these stand."""

    columns: Sequence[Sequence[Card]]
    lefts: Sequence[float]
    places: Places

    @property
    def where(self) -> dict[str, int]:
        """Return the column of every card."""
        return {
            card.node.id: number for number, column in enumerate(self.columns) for card in column
        }

    def right(self, number: int) -> float:
        """Return the right edge of a column."""
        return self.lefts[number] + self.columns[number][0].width

    def arrival(self, number: int, target: str) -> tuple[float, float]:
        """Return where a line to a target enters a column: at its card, or in its lane."""
        lane = self.places.lanes.get((number, target))
        if lane is not None:
            return self.lefts[number], lane
        card = next(card for card in self.columns[number] if card.node.id == target)
        return self.lefts[number] - _TIP, self.places.tops[target] + card.entry


def draw_lines(seen: View, stage: Stage) -> str:
    """Return every line; those to one target share a trunk and one arrow head."""
    where = stage.where
    paths: dict[str, tuple[list[str], list[str]]] = {}
    for target, normal, path in (*_out(stage), *_through(stage)):
        solid, dashed = paths.setdefault(target, ([], []))
        (solid if normal else dashed).append(path)
    drawn: list[str] = []
    for target, (solid, dashed) in paths.items():
        hue = seen.hue(target)
        # The halo lifts a line off those that it crosses.
        drawn.append(f'<path class="halo" d="{"".join([*solid, *dashed])}"/>')
        if dashed:
            drawn.append(f'<path class="way aside {hue}" d="{"".join(dashed)}"/>')
        if solid:
            drawn.append(f'<path class="way {hue}" d="{"".join(solid)}"/>')
        x, y = stage.arrival(where[target], target)
        drawn.append(f'<path class="tip {hue}" d="M{x - 1:g} {y - 4.5:.1f}l8 4.5l-8 4.5z"/>')
    return "".join([*drawn, *_pills(stage)])


def _leaving(stage: Stage) -> Iterator[tuple[int, float, Port]]:
    """Yield the column and the height at which each drawn line leaves."""
    where = stage.where
    for number, column in enumerate(stage.columns):
        for card in column:
            for port in card.ports:
                # A row names its target anyway; a line backwards would cross the cards.
                if where.get(port.edge.target, 0) > number:
                    yield number, stage.places.tops[card.node.id] + port.y, port


def _normal(edge: Edge) -> bool:
    return edge.kind in ("match", "step")


def _out(stage: Stage) -> Iterator[tuple[str, bool, str]]:
    for number, y, port in _leaving(stage):
        target = port.edge.target
        path = _curve(stage.right(number), y, stage.arrival(number + 1, target))
        yield target, _normal(port.edge), path


def _through(stage: Stage) -> Iterator[tuple[str, bool, str]]:
    """Yield the lanes, whole unless only dashed lines run into them."""
    first: dict[str, int] = {}
    for number, _, port in _leaving(stage):
        if _normal(port.edge):
            first[port.edge.target] = min(number, first.get(port.edge.target, number))
    for (number, target), y in stage.places.lanes.items():
        right = stage.right(number)
        start = f"M{stage.lefts[number]:g} {y:.1f}H{right:g}"
        path = _curve(right, y, stage.arrival(number + 1, target), start)
        yield target, first.get(target, number) < number, path


def _pills(stage: Stage) -> Iterator[str]:
    for number, y, port in _leaving(stage):
        if port.edge.kind == "match" and port.edge.label and port.alone:
            yield pill(stage.right(number) + 10, y, port.edge.label)


def _curve(x: float, y: float, to: tuple[float, float], start: str = "") -> str:
    bend = (x + to[0]) / 2
    begin = start or f"M{x:g} {y:.1f}"
    return f"{begin}C{bend:g} {y:.1f} {bend:g} {to[1]:.1f} {to[0]:g} {to[1]:.1f}"
