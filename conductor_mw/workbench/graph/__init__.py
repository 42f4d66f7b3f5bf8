"""Draw a policy: in the terminal, as mermaid text, as an SVG picture, as one HTML page."""

from __future__ import annotations

from .mermaid import draw_mermaid
from .model import Edge, EdgeKind, Graph, Node, NodeKind
from .terminal import draw_terminal
from .view import Limits

__all__ = [
    "Edge",
    "EdgeKind",
    "Graph",
    "Limits",
    "Node",
    "NodeKind",
    "draw_mermaid",
    "draw_terminal",
]
