"""Draws quality against cost, one panel a pool: an SVG that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any, Final

from .hull import Point, frontier, mixture
from .tables import Figures

_WIDE: Final = 470
_HIGH: Final = 350
_COLUMNS: Final = 2
_LEFT: Final = 46
_RIGHT: Final = 14
_TOP: Final = 40
_BOTTOM: Final = 44
_MICRO: Final = 1e6
_SAMPLES: Final = 120
_STYLE: Final = (
    ":root{--paper:#f7f8fb;--card:#fff;--grid:#e3e6ee;--ink:#12161f;--soft:#5b6474;--one:#9aa3b2;"
    "--hull:#3a4254;--rule:#a16207;--table:#0f766e;--cascade:#4f46e5;--best:#be185d;--vote:#c2410c;"
    "color-scheme:light dark}@media (prefers-color-scheme:dark){:root{--paper:#0e1117;"
    "--card:#171b24;--grid:#2b3240;--ink:#eef1f7;--soft:#98a2b3;--one:#6b7586;--hull:#c3cad8;--rule:#fde047;"
    "--table:#5eead4;--cascade:#a5b4fc;--best:#f9a8d4;--vote:#fdba74}}"
    "text{font:400 12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:var(--soft)}"
    ".title{font-weight:600;font-size:14px;fill:var(--ink)}.tiny{font-size:10.5px}"
    ".end{text-anchor:end}.mid{text-anchor:middle}.paper{fill:var(--paper)}.card{fill:var(--card)}"
    ".grid{stroke:var(--grid)}.hull{fill:none;stroke:var(--hull);stroke-width:1.5}"
    ".one{fill:var(--one)}.rule{stroke:var(--rule);stroke-width:2;fill:none}"
    ".table{fill:var(--table)}.cascade{fill:var(--cascade);stroke:var(--cascade)}"
    ".best{fill:var(--best);stroke:var(--best)}.vote{stroke:var(--vote);fill:none;stroke-width:2}"
    ".path{fill:none;stroke-width:1.2;stroke-dasharray:3 3}"
)
_CHAINS: Final = (
    ("cascade", ("cascade2_0", "cascade2_10", "cascade2_20")),
    ("cascade", ("cascade3_0", "cascade3_10", "cascade3_20")),
    ("best", ("best2_0", "best2_10", "best2_20")),
    ("best", ("best3_0", "best3_10", "best3_20")),
    ("best", ("best_small_0", "best_small_10", "best_small_20")),
)
_SPANS: Final = ("majority3", "majority_small", "consensus")
_LEGEND: Final = (
    ("one", "single model"),
    ("hull", "best blind mixture of single models"),
    ("rule", "rule written by hand, nothing asked"),
    ("table", "table over task tag or input.type, chosen on other rows"),
    ("cascade", "cascade; from the top: judge knows, errs in 0.1, in 0.2"),
    ("best", "best of several; the same three judges"),
    ("vote", "majority or consensus, from at least to at most"),
)


@dataclass(frozen=True, slots=True)
class _Panel:
    """Where a pool's figures lie on the paper."""

    left: float
    top: float
    cheapest: float
    dearest: float
    worst: float
    best: float

    def x(self, one: Mapping[str, Any]) -> float:
        span = log10(self.dearest) - log10(self.cheapest)
        share = (log10(one["cost"] / _MICRO) - log10(self.cheapest)) / span
        return self.left + _LEFT + share * (_WIDE - _LEFT - _RIGHT)

    def y(self, quality: float) -> float:
        share = (quality - self.worst) / (self.best - self.worst)
        return self.top + _HIGH - _BOTTOM - share * (_HIGH - _TOP - _BOTTOM)

    def at(self, one: Mapping[str, Any]) -> tuple[float, float]:
        return self.x(one), self.y(one["quality"])


def draw(pools: Mapping[str, Figures]) -> str:
    """Give the picture of every pool."""
    rows = ceil((len(pools) + 1) / _COLUMNS)
    width, height = _COLUMNS * _WIDE, rows * _HIGH
    panels: list[str] = []
    for number, pool in enumerate(pools.values()):
        panels += _panel(pool, number % _COLUMNS * _WIDE, number // _COLUMNS * _HIGH)
    panels += _legend(len(pools) % _COLUMNS * _WIDE, len(pools) // _COLUMNS * _HIGH)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title>Quality against cost of routing strategies</title>'
        f'<style>{_STYLE}</style><rect class="paper" width="100%" height="100%"/>\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def _panel(pool: Figures, left: float, top: float) -> Iterator[str]:
    entries: Mapping[str, Any] = pool["entries"]
    singles = [one for one in entries.values() if one["group"] == "single"]
    drawn = {key for _, keys in _CHAINS for key in keys}
    drawn |= {f"{key}_{end}" for key in _SPANS for end in ("low", "high")}
    shown = [
        one for key, one in entries.items() if key in drawn or one["group"] in {"rule", "table"}
    ]
    qualities = [one["quality"] for one in [*shown, entries[pool["chosen"]["small"]]]]
    worst = floor(min(qualities) * 20 - 0.2) / 20
    costs = [one["cost"] / _MICRO for one in [*singles, *shown] if one["quality"] >= worst]
    panel = _Panel(
        left, top, min(costs) / 1.25, max(costs) * 1.6, worst, ceil(max(qualities) * 20 + 0.2) / 20
    )
    yield from _frame(panel, pool["title"])
    yield f'<polyline class="hull" points="{_mixtures(panel, singles)}"/>'
    for one in singles:
        if one["quality"] >= panel.worst:
            yield _dot("one", *panel.at(one), one["label"], 3.2)
    for name in ("small", "large"):
        x, y = panel.at(entries[pool["chosen"][name]])
        yield f'<text class="tiny" x="{x + 5:.1f}" y="{y + 14:.1f}">{name}</text>'
    yield from _marks(panel, entries)


def _mixtures(panel: _Panel, singles: Sequence[Mapping[str, Any]]) -> str:
    """Give the best blind mixtures as points; between two models they bend on this axis."""
    hull = frontier([Point(one["cost"], one["quality"]) for one in singles])
    least, most = max(panel.cheapest * _MICRO, hull[0].cost), panel.dearest * _MICRO
    costs = [least * (most / least) ** (step / _SAMPLES) for step in range(_SAMPLES + 1)]
    points = [{"cost": cost, "quality": mixture(hull, cost)} for cost in costs]
    seen = [panel.at(point) for point in points if point["quality"] >= panel.worst]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in seen)


def _marks(panel: _Panel, entries: Mapping[str, Any]) -> Iterator[str]:
    for one in entries.values():
        x, y = panel.at(one)
        if one["group"] == "rule":
            cross = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
            yield f'<path class="rule" d="{cross}"><title>{escape(one["label"])}</title></path>'
        if one["group"] == "table":
            yield (
                f'<rect class="table" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8">'
                f"<title>{escape(one['label'])}</title></rect>"
            )
    for kind, keys in _CHAINS:
        found = [entries[key] for key in keys if key in entries]
        if found:
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(panel.at, found))
            yield f'<polyline class="{kind} path" style="fill:none" points="{line}"/>'
        for one in found:
            yield _dot(kind, *panel.at(one), one["label"], 4.2)
    for key in _SPANS:
        if f"{key}_low" in entries:
            (x, y), (to_x, to_y) = (panel.at(entries[f"{key}_{end}"]) for end in ("low", "high"))
            line = f"M{x - 4:.1f} {y:.1f}h8m-4 0L{to_x:.1f} {to_y:.1f}m-4 0h8"
            label = escape(entries[f"{key}_low"]["label"].removesuffix(": at least"))
            yield f'<path class="vote" d="{line}"><title>{label}</title></path>'


def _frame(panel: _Panel, title: str) -> Iterator[str]:
    left, top = panel.left + _LEFT, panel.top + _TOP
    wide, high = _WIDE - _LEFT - _RIGHT, _HIGH - _TOP - _BOTTOM
    yield f'<rect class="card" x="{left}" y="{top}" width="{wide}" height="{high}"/>'
    yield f'<text class="title" x="{left}" y="{panel.top + 26}">{escape(title)}</text>'
    for tenth in range(ceil(panel.worst * 10), floor(panel.best * 10) + 1):
        y = panel.y(tenth / 10)
        yield f'<path class="grid" d="M{left} {y:.1f}h{wide}"/>'
        yield f'<text class="tiny end" x="{left - 6}" y="{y + 4:.1f}">{tenth / 10:.1f}</text>'
    for cost in _ticks(panel.cheapest, panel.dearest):
        x = panel.x({"cost": cost * _MICRO})
        yield f'<path class="grid" d="M{x:.1f} {top}v{high}"/>'
        yield f'<text class="tiny mid" x="{x:.1f}" y="{top + high + 15}">${cost:g}</text>'
    yield (
        f'<text class="tiny end" x="{left + wide}" y="{top + high + 31}">'
        "dollars per 1,000 requests, quality upwards</text>"
    )


def _ticks(least: float, most: float) -> Sequence[float]:
    steps = [
        digit * 10.0**power
        for power in range(floor(log10(least)), ceil(log10(most)) + 1)
        for digit in (1, 3)
    ]
    return [step for step in steps if least <= step <= most]


def _legend(left: float, top: float) -> Iterator[str]:
    for number, (kind, words) in enumerate(_LEGEND):
        x, y = left + _LEFT, top + _TOP + 26 + number * 30
        if kind == "hull":
            yield f'<path class="hull" d="M{x - 8} {y}h16"/>'
        elif kind == "rule":
            yield f'<path class="rule" d="M{x - 4} {y - 4}l8 8m0 -8l-8 8"/>'
        elif kind == "table":
            yield f'<rect class="table" x="{x - 4}" y="{y - 4}" width="8" height="8"/>'
        elif kind == "vote":
            yield f'<path class="vote" d="M{x - 4} {y + 6}h8m-4 0v-12m-4 0h8"/>'
        else:
            yield _dot(kind, x, y, words, 4.2)
        yield f'<text x="{x + 20}" y="{y + 4}">{escape(words)}</text>'


def _dot(kind: str, x: float, y: float, label: str, radius: float) -> str:
    return (
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
        f"<title>{escape(label)}</title></circle>"
    )
