"""How often a judge may err before a cascade is worth no more than doing without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from .hull import Point, mixture
from .judges import Judge
from .outcomes import Row

_STEPS: Final = 17
_GUESSING: Final = 0.5
_ACCEPT: Final = 0.5


class BreakEven(NamedTuple):
    """Shares of wrong verdicts; 0 means that not even a judge that knows reaches it.

    Attributes:
        mixture: above this the best blind mixture gives more for the same money.
        best: above this the answers are worse than the best single model's.
    """

    mixture: float
    best: float


def break_even(
    rows: Sequence[Row], models: Sequence[int], hull: Sequence[Point], best: float, judge: Judge
) -> BreakEven:
    """Give the errors at which a cascade loses, from its expected quality and cost.

    Args:
        rows: the measured rows.
        models: the cascade's steps.
        hull: the frontier of single models.
        best: the best single model's quality.
        judge: what judging costs; its error is what is sought.
    """

    steps = [[_step(row, model, judge) for model in models] for row in rows]

    def above_mixture(error: float) -> float:
        point = expected(steps, error)
        return point.quality - mixture(hull, point.cost)

    def above_best(error: float) -> float:
        return expected(steps, error).quality - best

    return BreakEven(_crossing(above_mixture), _crossing(above_best))


class Step(NamedTuple):
    """A model's answer to a row, and what a judge that knows and one that errs say to it."""

    cost: int
    score: float
    passes: bool
    passes_wrongly: bool


def expected(rows: Sequence[Sequence[Step]], error: float) -> Point:
    """Give what a cascade costs and gives on average over all that the judge may get wrong."""
    cost = quality = 0.0
    for steps in rows:
        reached = 1.0
        for step in steps[:-1]:
            accepted = (1 - error) * step.passes + error * step.passes_wrongly
            cost += reached * step.cost
            quality += reached * accepted * step.score
            reached *= 1 - accepted
        cost += reached * steps[-1].cost
        quality += reached * steps[-1].score
    return Point(cost / len(rows), quality / len(rows))


def _step(row: Row, model: int, judge: Judge) -> Step:
    score = row.scores[model]
    cost = row.costs[model] + judge.cost(row, [model])
    return Step(cost, score, score >= _ACCEPT, 1 - score >= _ACCEPT)


def _crossing(gain: Callable[[float], float]) -> float:
    if gain(0.0) <= 0:
        return 0.0
    good, bad = 0.0, _GUESSING
    if gain(bad) > 0:
        return bad
    for _ in range(_STEPS):
        between = (good + bad) / 2
        good, bad = (between, bad) if gain(between) > 0 else (good, between)
    return good
