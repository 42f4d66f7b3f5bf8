"""A policy that counts, and short ways to look at what it counted."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import conductor_mw_metrics
from conductor_mw_metrics import Metrics
from conductor_mw_metrics.databases import database
from conductor_mw_metrics.reading import Recorded, Span
from conductor_mw_metrics.tally import Series, Tally

from conductor_mw import Conductor, Plugins
from conductor_mw.testing import Scripted, VirtualClock

NOON: Final = 1_780_000_000.0 // 60 * 60
MINUTE: Final = int(NOON // 60)

FOR_EVER: Final = "flush: 365d"
"""So that only `flush` and `close` write."""

TWO: Final = """
agents:
  - {id: a, price: {input: 1, output: 2}}
  - {id: b, price: {input: 1, output: 2}}
routing: {rules: [{id: short, condition: "input.chars < 3", target: b}], default: a}
"""
BOTH: Final = TWO.replace("default: a", "default: {fallback: [a, b]}")


def conductor(
    text: str = TWO,
    options: str = "path: null",
    *,
    clock: VirtualClock | None = None,
    plugins: Mapping[str, object] | None = None,
    more: str = "",
    **agents: Any,
) -> Conductor:
    """Give a conductor over a policy with the layer `metrics`."""
    found = Plugins.core()
    found.add(conductor_mw_metrics, "metrics")
    for name, plugin in (plugins or {}).items():
        found.add(plugin, name)
    return Conductor.from_text(
        f"{text}plugins:\n  metrics: {{{options}}}\n{more}",
        agents=agents,
        plugins=found,
        clock=clock or VirtualClock(utc=NOON),
        seed=7,
        app=agents.pop("app", None),
    )


def counting(address: str, clock: VirtualClock | None = None) -> Conductor:
    """Give a conductor that writes where it is told to when it is told to."""
    return conductor(
        options=f"path: '{address}', {FOR_EVER}, labels: [metadata.tenant]",
        clock=clock,
        a=Scripted(0.25, "hello"),
        b=Scripted("hi"),
    )


def layer(counting: Conductor) -> Metrics:
    """Give its layer."""
    found = counting.layer("metrics")
    assert isinstance(found, Metrics)
    return found


def tallies(counting: Conductor) -> dict[tuple[str, str], Tally]:
    """Give what was counted, by agent and rule; requests have no agent."""
    found: dict[tuple[str, str], Tally] = {}
    for series, tally in layer(counting).ledger.totals().items():
        found.setdefault((series.agent, series.where.rule), Tally()).add(tally)
    return found


def request(counting: Conductor) -> Tally:
    """Give what was counted of requests."""
    return together(counting, "")


def calls(counting: Conductor, agent: str) -> Tally:
    """Give what was counted of an agent's calls."""
    return together(counting, agent)


def together(counting: Conductor, agent: str) -> Tally:
    found = Tally()
    for (name, _), tally in tallies(counting).items():
        if name == agent:
            found.add(tally)
    return found


def amounts(tally: Tally) -> dict[str, int]:
    """Give its counters, without sums of times and money."""
    left_out = ("latency_us", "first_part_us", "cost_nano", "input_tokens", "output_tokens")
    return {name: n for name, n in tally.amounts().items() if name not in left_out}


def recorded(path: Path | str, since: int = 0, until: int = 10**9) -> dict[Series, Tally]:
    """Give what stands in the tables."""
    return dict(Recorded.read(database(str(path)), Span(since, until)).tallies)


def plain(found: Mapping[Series, Tally]) -> dict[Series, object]:
    """Give tallies as values that can be compared."""
    return {
        series: (
            dict(tally.amounts()),
            {name: buckets for name, buckets in tally.histograms.items() if buckets},
        )
        for series, tally in found.items()
    }


@contextmanager
def closed(counting: Conductor) -> Generator[Conductor]:
    """Close it afterwards, so that everything is written."""
    with closing(counting):
        yield counting
