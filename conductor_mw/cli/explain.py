"""`conductor-mw explain`: why does this request go there?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from conductor_mw.errors import ConductorError

from . import console
from .arguments import (
    format_option,
    metadata_option,
    policy_file,
    read_json_list,
    read_metadata,
)
from .command import Command

if TYPE_CHECKING:
    from conductor_mw.workbench.explain import Branch, Explanation

_MOST_SHOWN: Final = 24
_FINGERPRINT: Final = 12
_LINES: Final = 60


@click.command(
    cls=Command,
    epilog="""
  conductor-mw explain conductor.yaml "Where do I find my invoices?"
  conductor-mw explain conductor.yaml "Solve 3x + 5 = 20, step by step." --metadata tier=pro
  conductor-mw explain conductor.yaml "Hello" -m tier=free -m seats:=3 --format json""",
)
@policy_file
@click.argument("text", required=False)
@metadata_option
@click.option(
    "--messages", type=click.Path(path_type=Path), metavar="FILE",
    help="A JSON file with OpenAI-style messages, instead of TEXT.",
)  # fmt: skip
@click.option(
    "--tools", type=click.Path(path_type=Path), metavar="FILE",
    help="A JSON file with the OpenAI-style tools that the request offers.",
)  # fmt: skip
@click.option(
    "--signal", "-s", "signals", multiple=True, metavar="NAME=VALUE",
    help="What would be answered for a paid signal; NAME:=JSON gives a value that is no text.",
)  # fmt: skip
@format_option("pretty", "json")
def explain(
    file: Path,
    text: str | None,
    metadata: tuple[str, ...],
    messages: Path | None,
    tools: Path | None,
    signals: tuple[str, ...],
    form: str,
) -> None:
    """Say where a request would go, and why.

    Nothing is sent. TEXT is what a user would write. The JSON is exactly `Decision.to_dict()`.
    """
    from conductor_mw.lenses.prompt import to_request
    from conductor_mw.workbench import explain as workbench
    from conductor_mw.workbench.load import load

    if (text is None) == (messages is None):
        raise ConductorError(
            "there is no request to explain" if text is None else "there are two requests",
            mend="give a TEXT, or --messages FILE",
        )
    prompt = read_json_list(messages, "messages") if text is None else text
    request = to_request(
        prompt or [], metadata=read_metadata(metadata), tools=read_json_list(tools, "tools")
    )
    found = workbench.explain(load(file), request, known=read_metadata(signals, "--signal"))
    if form == "json":
        console.say_json(found.decision.to_dict())
    else:
        console.say("\n".join(_pretty(found)))


def _pretty(found: Explanation) -> Iterator[str]:
    decision = found.decision
    rule = console.harmless(decision.rule or "(default)")
    target = console.harmless(decision.target or "nobody")
    yield f"{console.paint(rule, 'name')} → {console.paint(target, 'good')}"
    about = [("because", found.condition)] if found.condition else []
    if found.place is not None:
        about.append(("written in", str(found.place)))
    about.append(("policy", decision.fingerprint[:_FINGERPRINT]))
    yield _pairs(about)
    if found.tree is not None:
        yield from ("", console.paint("who answers", "head"), *_tree(found))
    if decision.signals:
        yield from ("", console.paint("signals read", "head"))
        yield _pairs([(name, _value(value)) for name, value in decision.signals.items()])
    if found.passed:
        yield from ("", console.paint(_counted(len(found.passed)), "head"))
        shown = found.passed[:_MOST_SHOWN]
        yield _pairs([(one.rule, one.because) for one in shown], style="quiet")
        if len(found.passed) > len(shown):
            yield console.paint(f"  … and {len(found.passed) - len(shown):,} more", "quiet")
    if found.forbidden:
        yield from ("", console.paint("never for this request", "head"))
        yield _pairs(_by_guarantee(found.forbidden), style="quiet")


def _counted(count: int) -> str:
    return f"passed over: {count:,} rule{'' if count == 1 else 's'}, each with what was not true"


def _by_guarantee(forbidden: Mapping[str, str]) -> list[tuple[str, str]]:
    agents: dict[str, list[str]] = {}
    for agent, because in sorted(forbidden.items()):
        agents.setdefault(because, []).append(agent)
    return [(", ".join(names), because) for because, names in agents.items()]


def _pairs(rows: Sequence[tuple[str, str]], style: console.Style = "value") -> str:
    columns = (console.Column(least=12), console.Column(style=style, least=20))
    return console.table(columns, rows, indent=2)


def _value(value: object) -> str:
    if isinstance(value, dict) and list(value) == ["length"]:  # pyright: ignore[reportUnknownArgumentType] - a decision's JSON
        return f"a text of {value['length']} characters"  # a decision never holds the user's words
    return json.dumps(value, ensure_ascii=False)


def _tree(found: Explanation) -> list[str]:
    lines: list[str] = []
    if found.tree is not None:
        lines = [f"  {_named(found.tree)}", *_below(found.tree, "  ")]
    for kinds, branch in found.rescues:
        lines.append(f"  {console.paint('after ' + _listed(kinds) + ':', 'warn')} {_named(branch)}")
        lines += _below(branch, "  ")
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], console.paint(f"  … and {len(lines) - _LINES:,} more", "quiet")]
    return lines


def _below(branch: Branch, prefix: str) -> Iterator[str]:
    room = max((console.measure(child.word) for child in branch.below), default=0)
    for child in branch.below:
        last = child is branch.below[-1]
        word = console.fit(child.word, min(room, 48))
        gap = "  " if room else ""
        corner = console.paint(prefix + ("└─ " if last else "├─ "), "quiet")
        yield f"{corner}{console.paint(word, 'value')}{gap}{_named(child)}"
        yield from _below(child, prefix + ("   " if last else "│  "))


def _named(branch: Branch) -> str:
    name = console.paint(console.harmless(branch.label), "quiet" if branch.below else "good")
    detail = console.paint(f"  {console.harmless(branch.detail)}", "quiet") if branch.detail else ""
    never = console.paint("  never for this request", "bad") if branch.forbidden else ""
    taken = console.paint("  ← this one", "warn") if branch.taken else ""
    return f"{name}{detail}{taken}{never}"


def _listed(kinds: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))
