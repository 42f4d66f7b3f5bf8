"""`conductor-mw graph`: what does this policy look like?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from . import console
from .arguments import out_option, policy_file, write_text
from .command import Command

_BY_SUFFIX: Final = {
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".json": "json",
}


@click.command(
    cls=Command,
    epilog="""
  conductor-mw graph conductor.yaml
  conductor-mw graph conductor.yaml --format mermaid
  conductor-mw graph conductor.yaml -o policy.svg
  conductor-mw graph conductor.yaml -o policy.html""",
)
@policy_file
@out_option
@click.option(
    "--format", "form", type=click.Choice(("terminal", "mermaid", "svg", "html", "json")),
    help="How to draw. Without it, OUT's name decides, or it is drawn in the terminal.",
)  # fmt: skip
def graph(file: Path, out: Path | None, form: str | None) -> None:
    """Draw a policy: rules, flows, agents, failures, guarantees.

    The SVG and the HTML page need nothing beside themselves. Mermaid is text that code hosts draw.
    """
    from conductor_mw.workbench import graph as drawings
    from conductor_mw.workbench.graph.build import graph_of
    from conductor_mw.workbench.load import load

    built = graph_of(load(file))
    form = form or _BY_SUFFIX.get(out.suffix.lower() if out else "", "terminal")
    if form == "terminal":
        colour = out is None and console.paints()
        drawn = drawings.draw_terminal(built, width=console.width(), colour=colour)
    elif form == "mermaid":
        drawn = drawings.draw_mermaid(built)
    elif form == "svg":
        drawn = drawings.draw_svg(built)
    elif form == "html":
        drawn = drawings.draw_html(built)
    else:
        drawn = json.dumps(asdict(built), ensure_ascii=False, indent=2) + "\n"
    if out is None:
        console.say(drawn.rstrip("\n"))
    else:
        write_text(out, drawn)
