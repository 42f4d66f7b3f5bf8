"""What stands above and below the routes: title, layers and guarantees."""

from __future__ import annotations

from html import escape
from typing import Final

from .cards import CODE, NAME, SMALL, Card, put, text_at
from .layout import GAP
from .lettering import cells, shorten
from .model import Node
from .view import View

_ROW: Final = 48.0
_CHIP: Final = 32.0


def heading(seen: View, width: float, margin: float) -> tuple[str, float]:
    """Return title, counts and layers, and where the drawing may begin below them."""
    y = margin
    parts = [
        text_at(margin, y + 20, "title", shorten(seen.title, int(width / 14))),
        text_at(margin, y + 42, "sub", seen.summary),
    ]
    y += 68
    if not seen.total.get("layer"):
        return "".join(parts), y
    parts.append(text_at(margin, y + 11, "head", "EVERY REQUEST PASSES THROUGH"))
    y += 24
    x = margin
    words = [(shorten(node.label, 24), shorten(node.detail, 30)) for node in seen.layers]
    if left_out := seen.remainder("layer"):
        words.append((left_out, ""))
    for number, (name, detail) in enumerate(words):
        wide = cells(name) * NAME + (cells(detail) * SMALL + 8 if detail else 0) + 30
        if x > margin and x + wide > width - margin:
            x, y = margin, y + _CHIP + 10
        elif number:
            parts.append(text_at(x - 18, y + 20.5, "sub", "→"))
        chip = f'<rect class="card" x="1" y="1" width="{wide - 2:g}" height="30" rx="15"/>'
        chip += _pair(14, 20.5, (name, "name"), (detail, "small"))
        node = Node(f"layer {number}", "layer", name)
        parts.append(put(Card(node, wide, _CHIP, 0.0, (), chip), x, y))
        x += wide + 24
    return "".join(parts), y + _CHIP + 28


def guarantees(seen: View, width: float, margin: float, y: float) -> tuple[str, float]:
    """Return what must never happen, drawn from `y` downwards, and its lower edge."""
    if not seen.total.get("guarantee"):
        return "", y
    parts = [text_at(margin, y + 34, "head", "GUARANTEED ON EVERY PATH")]
    y += 48
    wide = (width - 2 * margin - GAP) / 2
    for number, node in enumerate(seen.guarantees):
        down, across = divmod(number, 2)
        parts.append(put(_guarantee(node, wide), margin + across * (wide + GAP), y + down * _ROW))
    y += (len(seen.guarantees) + 1) // 2 * _ROW
    if left_out := seen.remainder("guarantee"):
        parts.append(text_at(margin, y + 14, "small", f"… {left_out}"))
        y += 20
    return "".join(parts), y


def _guarantee(node: Node, width: float) -> Card:
    name = shorten(node.label, 16)
    room = int((width - cells(name) * NAME - 44) / CODE)
    body = f'<rect class="card" x="1" y="1" width="{width - 2:g}" height="36" rx="10"/>'
    body += _pair(16, 24, (name, "name"), (shorten(node.detail, room), "code"))
    title = f"<title>{escape(shorten(node.detail, 600))}</title>"
    return Card(node, width, 38.0, 19.0, (), f'<g class="guarantee">{title}{body}</g>')


def _pair(x: float, y: float, first: tuple[str, str], second: tuple[str, str]) -> str:
    """Return two texts on one line, the second where the first really ends."""
    words = f'<tspan class="{first[1]}">{escape(first[0])}</tspan>'
    if second[0]:
        words += f'<tspan class="{second[1]}" dx="9">{escape(second[0])}</tspan>'
    return f'<text x="{x:g}" y="{y:g}">{words}</text>'
