"""What a benchmark found, and how it is printed: ratios first, then absolute figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

_UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_MEGA: Final = 1_000_000
MACHINE: Final = "2 shared virtual cores, CPython 3.11"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must not go over; `figure` names it, or the peer of a ratio."""

    figure: str
    most: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        seconds: times by name, for example `p50`.
        bytes: sizes by name.
        ratios: our figure divided by a peer's, by the peer's name; below 1 ours is less.
        limits: what must hold.
        note: what the figures do not say themselves.
    """

    name: str
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    bytes: Mapping[str, int] = field(default_factory=dict[str, int])
    ratios: Mapping[str, float] = field(default_factory=dict[str, float])
    limits: Sequence[Limit] = ()
    note: str = ""

    def found(self, figure: str) -> float:
        """Give a figure by its name."""
        return {**self.ratios, **self.seconds, **self.bytes}[figure]

    @property
    def holds(self) -> bool | None:
        """Whether every limit holds; None where there is none."""
        if not self.limits:
            return None
        return all(self.found(limit.figure) <= limit.most for limit in self.limits)


def markdown(tables: Mapping[str, Sequence[Row]]) -> str:
    """Give the rows as one Markdown table a benchmark."""
    lines: list[str] = []
    for title, rows in tables.items():
        lines += [f"### {title}", ""]
        lines += ["| what | ours ÷ peer | ours | target | holds |", "|---|---|---|---|---|"]
        lines += [_line(row) for row in rows]
        lines += [""]
    return "\n".join(lines)


def as_json(tables: Mapping[str, Sequence[Row]]) -> str:
    """Give the rows as JSON, in seconds and bytes."""
    plain = {
        title: [asdict(row) | {"holds": row.holds} for row in rows]
        for title, rows in tables.items()
    }
    return json.dumps({"machine": MACHINE, "tables": plain}, indent=2, ensure_ascii=False)


def shown_seconds(seconds: float) -> str:
    """Give a duration as people read it.

    >>> shown_seconds(0.0000123)
    '12.3 µs'
    """
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds * 1e9)} ns"


def _line(row: Row) -> str:
    ratios = ", ".join(f"{peer} {_three(ratio)}" for peer, ratio in row.ratios.items())
    figures = ", ".join(
        [f"{name} {shown_seconds(one)}" for name, one in row.seconds.items()]
        + [f"{name} {_three(one / _MEGA)} MB" for name, one in row.bytes.items()]
    )
    limits = ", ".join(f"{one.figure} ≤ {_limit(row, one)}" for one in row.limits)
    holds = {None: "", True: "yes", False: "**no**"}[row.holds]
    name = f"{row.name} ({row.note})" if row.note else row.name
    return f"| {name} | {ratios} | {figures} | {limits} | {holds} |"


def _limit(row: Row, limit: Limit) -> str:
    if limit.figure in row.seconds:
        return shown_seconds(limit.most)
    if limit.figure in row.bytes:
        return f"{_three(limit.most / _MEGA)} MB"
    return _three(limit.most)


def _three(number: float) -> str:
    """Give three figures that count."""
    if number >= 100:
        return f"{number:,.0f}"
    return (
        f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 0.1 else f"{number:.2g}"
    )
