"""Write a graph as one HTML page: the picture, and the same in tables that can be searched."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from html import escape
from typing import Final

from .lettering import shorten
from .model import Graph, Node
from .style import PAGE, PALETTE, PICTURE
from .svg import paint
from .view import Limits, View, view

_TEXT: Final = 1_000
_NAME: Final = 80
_COLUMNS: Final = 5
_ROWS: Final = 500


def draw_html(graph: Graph, *, limits: Limits | None = None) -> str:
    """Return a whole page; it runs no script and asks the network for nothing.

    The tables go further than the picture: up to 500 rules, flows and agents.
    """
    bounds = limits or Limits()
    seen = view(graph, bounds)
    more = {name: max(getattr(bounds, name), _ROWS) for name in ("rules", "flows", "agents")}
    listed = view(graph, replace(bounds, **more))
    picture = paint(seen, alone=False)
    style = PALETTE + PICTURE + PAGE
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = escape(shorten(seen.title, 200))
    sections = (
        _rules(listed),
        _flows(listed),
        _agents(listed),
        _cards(
            "Guarantees",
            "Checked before every attempt, on every path.",
            listed.guarantees,
            listed.remainder("guarantee"),
        ),
        _cards(
            "Layers",
            "Around every request, the outermost first.",
            listed.layers,
            listed.remainder("layer"),
        ),
    )
    size = f'width="{picture.width:g}" height="{picture.height:g}"'
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header><h1><bdi>{title}</bdi></h1><p>{escape(seen.summary)}</p></header>\n<main>\n"
        f'<figure><svg class="cmw" role="img" aria-label="Routing graph" {size} '
        f'viewBox="0 0 {picture.width:g} {picture.height:g}">{picture.markup}</svg></figure>\n'
        f"{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _rules(seen: View) -> str:
    rows = [
        (
            str(number),
            _name(rule),
            _code(rule.detail) + _badges(rule.badges),
            _targets(seen, rule),
        )
        for number, rule in enumerate(seen.rules, start=1)
    ]
    rows += [
        ("", _name(node), '<span class="quiet">no rule matched</span>', _targets(seen, node))
        for node in seen.defaults
    ]
    table = _table(("", "Rule", "Condition", "Target"), rows)
    failures = [(_name(node), _targets(seen, node)) for node in seen.failures]
    below = _table(("When an attempt fails with", "It goes to"), failures) if failures else ""
    return _section("Rules", "The first that matches wins.", table, seen.remainder("rule"), below)


def _flows(seen: View) -> str:
    if not seen.flows:
        return ""
    rows = [
        (
            f'<span class="dot {seen.hue(flow.id)}"></span>{_name(flow)}',
            _code(flow.detail) + _badges([f"{name} {value}" for name, value in flow.facts]),
            _targets(seen, flow),
        )
        for flow in seen.flows
    ]
    table = _table(("Flow", "Strategy", "Steps"), rows)
    return _section("Flows", "How several agents share a request.", table, seen.remainder("flow"))


def _agents(seen: View) -> str:
    names: dict[str, None] = {}
    for agent in seen.agents:
        names.update(dict.fromkeys(name for name, _ in agent.facts))
    columns = list(names)[:_COLUMNS]
    rows: list[Sequence[str]] = []
    for agent in seen.agents:
        facts = dict(agent.facts)
        cells = (escape(shorten(facts.get(name, ""), _NAME)) for name in columns)
        name = f'<span class="dot {seen.hue(agent.id)}"></span>{_name(agent)}'
        rows.append((name, _code(agent.detail), *cells, _badges(agent.badges)))
    head = ("Agent", "Answers with", *(shorten(name, _NAME).capitalize() for name in columns))
    table = _table((*head, "Labels"), rows)
    return _section("Agents", "Who can answer.", table, seen.remainder("agent"))


def _cards(title: str, lead: str, nodes: Sequence[Node], left_out: str) -> str:
    if not nodes:
        return ""
    items = "".join(
        f"<li>{_name(node)} {_code(node.detail)}{_badges(node.badges)}</li>" for node in nodes
    )
    return _section(title, lead, f'<ol class="{title.lower()}">{items}</ol>', left_out)


def _section(title: str, lead: str, body: str, left_out: str, below: str = "") -> str:
    more = f'<p class="quiet">… {left_out}</p>' if left_out else ""
    return f"<section><h2>{title}</h2><p>{lead}</p>{body}{more}{below}</section>\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _targets(seen: View, node: Node) -> str:
    edges, more = seen.steps(node)
    found = [
        f'<span class="dot {seen.hue(edge.target)}"></span>{_name(seen.nodes[edge.target])}'
        + (
            f' <span class="quiet">{escape(shorten(edge.label, _NAME))}</span>'
            if edge.label
            else ""
        )
        for edge in edges
    ]
    return (
        '<span class="target">'
        + "<br>".join(found)
        + "</span>"
        + (f"<br>… {more:,} more" if more else "")
    )


def _name(node: Node) -> str:
    return f"<bdi><b>{escape(shorten(node.label, _NAME))}</b></bdi>"


def _code(text: str) -> str:
    return f"<code><bdi>{escape(shorten(text, _TEXT))}</bdi></code>" if text else ""


def _badges(badges: Sequence[str]) -> str:
    return "".join(
        f' <span class="badge">{escape(shorten(badge, _NAME))}</span>' for badge in badges
    )
