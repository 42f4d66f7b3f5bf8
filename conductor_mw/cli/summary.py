"""Print what traffic through a policy came to: a row a route, and what else it might have cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from . import console
from .console import Column
from .figures import count, duration, money, money_digits, share

if TYPE_CHECKING:
    from conductor_mw.workbench.traffic import Comparison, Route, Summary

_MOST_ROUTES: Final = 60
_MOST_PROBLEMS: Final = 8
_SIMULATED: Final = {"all": "simulated", "some": "partly simulated", "none": ""}
_NOTE: Final = (
    "Each line prices the same answers by the tokens they had; failed attempts are left out.",
    "Drawn blindly: the expected cost if agents were drawn in these shares without reading the",
    "request. Whether other agents would have answered as well is not measured here.",
)


def summary_lines(found: Summary) -> Iterator[str]:
    """Give the lines of a summary, painted."""
    simulated = _SIMULATED[found.simulated]
    yield (
        console.paint(console.harmless(found.policy), "name")
        + console.paint(
            f"  {count(found.total.requests, 'request')}  policy {found.fingerprint[:12]}", "quiet"
        )
        + (console.paint(f"  {simulated}", "warn") if simulated else "")
    )
    yield ""
    yield _table(found)
    if found.comparisons:
        yield ""
        yield _comparisons(found.comparisons)
        yield ""
        yield from (console.paint(line, "quiet") for line in _NOTE)
    elif found.unpriced:
        names = ", ".join(found.unpriced)
        yield ""
        yield console.paint(f"cost not compared: no known price for {names}", "warn")
    if found.problems:
        yield ""
        yield console.paint("no answer", "bad")
        yield _problems(found.problems)


def _table(found: Summary) -> str:
    digits = money_digits(found.total.cost)
    columns = (
        Column("rule", style="name", least=10),
        Column("answered by", style="good", least=16),
        Column("count", right=True),
        Column("share", right=True, style="quiet"),
        Column("cost", right=True, style="value"),
        Column("p50", right=True),
        Column("p95", right=True),
        Column("failed", right=True, style="bad"),
        Column("fallback", right=True, style="warn"),
    )
    rows: list[Sequence[str]] = []
    before: str | None = ""
    for route in found.routes[:_MOST_ROUTES]:
        rule = route.rule or "(default)"
        rows.append(_row("" if rule == before else rule, _way(route), route, digits))
        before = rule
    if len(found.routes) > _MOST_ROUTES:
        left = f"… {len(found.routes) - _MOST_ROUTES:,} more"
        rows.append((left, *[""] * (len(columns) - 1)))
    rows += [(), _row("all", "", found.total, digits)]
    return console.table(columns, rows)


def _way(route: Route) -> str:
    agent = route.agent or "nobody"
    if not route.target:
        return "not decided"
    return agent if route.target == agent else f"{route.target} → {agent}"


def _row(name: str, way: str, route: Route, digits: int) -> Sequence[str]:
    return (
        name,
        way,
        f"{route.requests:,}",
        share(route.share),
        money(route.cost, digits),
        duration(route.p50),
        duration(route.p95),
        f"{route.failed:,}" if route.failed else "",
        f"{route.fell_back:,}" if route.fell_back else "",
    )


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    actual = comparisons[0].cost
    digits = money_digits(max(one.cost for one in comparisons))
    columns = (
        Column("what the answers cost", least=30),
        Column("", right=True, style="value"),
        Column(""),
    )
    rows = [(one.what, money(one.cost, digits), _beside(actual.nano, one)) for one in comparisons]
    return console.table(columns, rows)


def _beside(actual: int, other: Comparison) -> str:
    if other.name == "answers" or not other.cost:
        return ""
    saved = 1 - actual / other.cost.nano
    if saved >= 0:
        return f"the policy saves {saved * 100:.0f} %"
    return f"the policy costs {-saved * 100:.0f} % more"


def _problems(problems: Sequence[tuple[str, int]]) -> str:
    columns = (Column(right=True), Column(least=20))
    shown = [(f"{times:,}", said) for said, times in problems[:_MOST_PROBLEMS]]
    left = sum(times for _, times in problems[_MOST_PROBLEMS:])
    more = [(f"{left:,}", "something else")] if left else []
    return console.table(columns, list(chain(shown, more)), indent=2)
