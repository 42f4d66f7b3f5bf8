"""`conductor-mw stats`: how fast, how dear and how reliable, by agent, rule or label."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from conductor_mw import ConductorError
from conductor_mw.cli.door import (
    FOUND,
    Command,
    Group,
    format_option,
    harmless,
    note,
    paint,
    say,
    say_json,
)  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

_PIECES: Final = 12


def add_stats(group: click.Group) -> None:
    """Add the command to `conductor-mw`."""
    group.add_command(stats)


def _where(command: F) -> F:
    path = click.option(
        "--path", default="conductor.db", show_default=True, metavar="PATH",
        help="Where the policy's `metrics:` are kept: a file, or postgresql://...",
    )  # fmt: skip
    since = click.option(
        "--since", default="24h", show_default=True, metavar="TIME",
        help="From when: 1h, 7d, or a moment such as 2026-01-31T12:00, UTC.",
    )  # fmt: skip
    until = click.option("--until", default="", metavar="TIME", help="Until when; now by default.")
    return path(since(until(command)))


class _Stats(Group):
    """The group, whose help also lists the figures that a check may name."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the figures."""
        super().format_options(ctx, formatter)
        from .figures import FIGURES

        with formatter.section("Figures for --check"):
            names = textwrap.fill(", ".join(FIGURES), width=max(formatter.width - 4, 40))
            for line in names.splitlines():
                formatter.write(f"  {line}\n")


@click.group(
    cls=_Stats,
    invoke_without_command=True,
    epilog="""
  conductor-mw stats
  conductor-mw stats --by rule --since 1h
  conductor-mw stats --by tenant --only agent=small --format json
  conductor-mw stats --check "cache_hit_rate > 0.8" --check "p95_ms < 3000"
  conductor-mw stats compare small large --since 7d""",
)
@_where
@click.option(
    "--by", default="agent", show_default=True, metavar="NAME",
    help="A row for each agent, rule, target, policy, or value of a label.",
)  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="NAME=VALUE", help="Look at this part of the traffic only."
)
@click.option(
    "--check", "checks", multiple=True, metavar="CHECK",
    help='What must hold of everything that is looked at, for example "error_rate < 0.01".',
)  # fmt: skip
@format_option("pretty", "json")
@click.pass_context
def stats(
    ctx: click.Context,
    path: str,
    since: str,
    until: str,
    by: str,
    only: Sequence[str],
    checks: Sequence[str],
    form: str,
) -> None:
    """Show what the layer `metrics` counted.

    By agent, calls are calls of agents, and times are how long those took. By anything else they
    are whole requests. Checks read whole requests too, unless --only names an agent. A percentile
    is at most 0.8 % away from the exact one.

    Exit codes: 0 fine, 1 could not run, 2 a check does not hold.
    """
    if ctx.invoked_subcommand is not None:
        return
    from .checks import Check
    from .databases import database
    from .figures import to_json
    from .printing import stats_lines
    from .reading import Recorded, Span, read_courses

    asked = [Check.of(text) for text in checks]
    where = database(path)
    span = Span.of(since, until, time.time())
    wanted = _pairs(only)
    found = Recorded.read(where, span).only(wanted)
    rows = found.by(by)
    everything = found.all(agents=by == "agent")
    held = [check.held(found.all(agents="agent" in wanted)) for check in asked]
    if form == "json":
        total = sum(row.calls for row in rows)
        say_json(
            {
                "by": by,
                "since": span.since * 60,
                "until": span.until * 60,
                "rows": [to_json(row, total) for row in rows],
                "all": to_json(everything, everything.calls),
                "checks": [one.to_json() for one in held],
            }
        )
    elif not checks:
        if not rows:
            note("nothing was counted in this time")
        else:
            courses = read_courses(where, found, by, _PIECES)
            say("\n".join(stats_lines(rows, everything, by, courses)))
    else:
        for one in held:
            value = "nothing was counted" if one.value is None else f"it is {one.value:.6g}"
            said = paint("holds", "good") if one.holds else paint("does not hold", "bad")
            say(f"{harmless(str(one.check))}  {said}  {paint(value, 'quiet')}")
    ctx.exit(0 if all(one.holds for one in held) else FOUND)


@stats.command(
    "compare",
    cls=Command,
    epilog="""
  conductor-mw stats compare small large
  conductor-mw stats compare rule=vip "rule=(default)" --since 7d
  conductor-mw stats compare policy=3f2a policy=9b01 --since 2d
  conductor-mw stats compare tenant=acme,since=48h,until=24h tenant=acme,since=24h""",
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@_where
@click.option(
    "--confidence", type=click.FloatRange(0.5, 0.9999), default=0.95, show_default=True,
    help="How often an interval should hold what is true.",
)  # fmt: skip
@format_option("pretty", "json")
def compare(
    a: str, b: str, path: str, since: str, until: str, confidence: float, form: str
) -> None:
    """Compare two parts of the traffic, figure by figure.

    A and B are agents, or NAME=VALUE pairs: agent, rule, target, policy (the beginning of its
    fingerprint), a label, and since and until. Differences are told with intervals: rates by
    Newcombe's method from Wilson's scores, percentiles by a bootstrap from the histograms, means by
    Welch's normal approximation.
    """
    from .comparing import Part
    from .comparing import compare as compared
    from .databases import database
    from .printing import compare_lines
    from .reading import Recorded, Span

    where, now = database(path), time.time()
    both = [
        part.counted(Recorded.read(where, Span.of(part.since or since, part.until or until, now)))
        for part in (Part.of(a), Part.of(b))
    ]
    lines = compared(both[0], both[1], confidence)
    if form == "json":
        named = [{"name": one.name, "calls": one.calls} for one in both]
        figures = [line.to_json() for line in lines]
        say_json({"a": named[0], "b": named[1], "confidence": confidence, "figures": figures})
    else:
        say("\n".join(compare_lines(lines, both[0], both[1], confidence)))


def _pairs(only: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in only:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise ConductorError(
                f"--only {pair[:80]!r} has no name and value", mend="write for example agent=small"
            )
        found[name] = value
    return found
