"""Chooses models, pairs and tables on one half of the rows; every figure comes from the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from conductor_mw.signals.glance import Glance
from conductor_mw.signals.type import type_of

from .hull import Point, frontier, mixture
from .judges import Judge
from .outcomes import Pool, Row, mean
from .reference import Strategy, cascade

_SMALL: Final = 4
"""A small model costs at most this part of the best one: a quarter."""
_TYPICAL: Final = Judge(error=0.1)
_PRIOR: Final = 20
"""A tag's mean is drawn to the mean of all rows as if so many more rows had it."""
_LONGEST: Final = 16
"""Steps that a cascade may have."""
_STRICTEST: Final = 120

Tag = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a pool; numbers are positions in `Pool.models`.

    Attributes:
        large: the best single model.
        small: with `large` behind it, the best cascade under a judge that errs in 0.1.
        middle: the best step between the two, or None where there are only two models.
        ladder: the models, cheapest first; of many the best sixteen.
        smalls: models that cost at most a quarter of `large`, best first.
        by_task: model of each task tag, by the share of quality to keep.
        by_type: model of each `input.type`, chosen to keep 98 %.
    """

    large: int
    small: int
    middle: int | None
    ladder: tuple[int, ...]
    smalls: tuple[int, ...]
    by_task: Mapping[float, Mapping[str, int]]
    by_type: Mapping[str, int]


def choose(pool: Pool) -> Choice:
    """Choose everything that a pool's strategies need, on its rows for choosing."""
    rows = pool.choose
    points = [point_of(rows, model) for model in range(len(pool.models))]
    everyone = range(len(points))
    ranked = sorted(everyone, key=lambda model: -points[model].quality)
    large = ranked[0]
    hull = frontier(points)

    def gain(models: Sequence[int]) -> float:
        return _gain(pool, cascade(models, _TYPICAL), hull)

    others = ranked[1:]
    small = max(others, key=lambda model: gain([model, large]))
    between = [model for model in others if points[model].cost > points[small].cost]
    middle = max(between, key=lambda model: gain([small, model, large]), default=None)
    smalls = [model for model in others if points[model].cost * _SMALL <= points[large].cost]
    return Choice(
        large=large,
        small=small,
        middle=middle,
        ladder=tuple(sorted(ranked[:_LONGEST], key=lambda model: points[model].cost)),
        smalls=tuple(smalls),
        by_task={keep: table(pool, task_of, keep) for keep in (0.98, 1.0)},
        by_type=table(pool, kind_of, 0.98),
    )


def point_of(rows: Sequence[Row], model: int) -> Point:
    """Give what a model costs and how good it is, on average."""
    return Point(
        mean(rows, lambda row: row.costs[model]), mean(rows, lambda row: row.scores[model])
    )


def task_of(row: Row) -> str:
    """Give the task tag that an app would send along."""
    return row.task


def kind_of(row: Row) -> str:
    """Give what `input.type` says of the prompt."""
    return _kind(row.prompt)


@cache
def _kind(prompt: str) -> str:
    return type_of(Glance.at(prompt))


def table(pool: Pool, tag: Tag, keep: float) -> dict[str, int]:
    """Give a model for each tag: the cheapest such table that keeps a share of the best's quality.

    Each tag takes the model with the best `quality - cost / worth`; the dollar's worth is the least
    at which the whole still keeps what it must on the rows for choosing.
    """
    rows = pool.choose
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[tag(row)].append(row)
    everyone = range(len(pool.models))
    overall = [point_of(rows, model) for model in everyone]
    best = max(overall, key=lambda point: point.quality)
    known = {
        name: [_drawn(point_of(group, model), overall[model], len(group)) for model in everyone]
        for name, group in sorted(groups.items())
    }
    for step in range(_STRICTEST):
        worth = best.cost * 10 ** (step / 20 - 3)
        found = {name: _worthiest(points, worth) for name, points in known.items()}
        kept = sum(known[name][model].quality * len(groups[name]) for name, model in found.items())
        if kept >= keep * best.quality * len(rows):
            return found
    return dict.fromkeys(known, overall.index(best))


def _worthiest(points: Sequence[Point], worth: float) -> int:
    gains = [point.quality - point.cost / worth for point in points]
    return gains.index(max(gains))


def _drawn(point: Point, overall: Point, rows: int) -> Point:
    share = rows / (rows + _PRIOR)
    return Point(point.cost, share * point.quality + (1 - share) * overall.quality)


def _gain(pool: Pool, strategy: Strategy, hull: Sequence[Point]) -> float:
    played = [strategy(row) for row in pool.choose]
    cost = _mean(one.cost for one in played)
    return _mean(one.quality for one in played) - mixture(hull, cost)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
