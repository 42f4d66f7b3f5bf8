"""Draw a policy: in the terminal, as mermaid text, as an SVG picture, as one HTML page."""

from __future__ import annotations

from .html import draw_html
from .mermaid import draw_mermaid
from .model import Edge, EdgeKind, Graph, Node, NodeKind
from .svg import draw_svg
from .terminal import draw_terminal
from .view import Limits

__all__ = [
    "Edge",
    "EdgeKind",
    "Graph",
    "Limits",
    "Node",
    "NodeKind",
    "draw_html",
    "draw_mermaid",
    "draw_svg",
    "draw_terminal",
]
