"""The best blind mixture: what sending requests to models at random buys for the same money."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Point(NamedTuple):
    """A model or a strategy: what a request costs on average, and how good its answer is."""

    cost: float
    quality: float


def frontier(models: Sequence[Point]) -> list[Point]:
    """Give the upper hull of single models, cheapest first, without what costs more for less.

    >>> frontier([Point(1, 0.5), Point(2, 0.4), Point(4, 0.9), Point(9, 0.8)])
    [Point(cost=1, quality=0.5), Point(cost=4, quality=0.9)]
    """
    hull: list[Point] = []
    for point in sorted(models, key=lambda one: (one.cost, -one.quality)):
        if hull and point.quality <= hull[-1].quality:
            continue
        while len(hull) > 1 and _slope(hull[-2], point) >= _slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(point)
    return hull


def mixture(hull: Sequence[Point], cost: float) -> float:
    """Give the quality of the best blind mixture that costs this much.

    >>> mixture([Point(1, 0.5), Point(4, 0.9)], 2.5)
    0.7
    """
    if cost >= hull[-1].cost:
        return hull[-1].quality
    for below, above in pairwise(hull):
        if cost < above.cost:
            share = max(0.0, (cost - below.cost) / (above.cost - below.cost))
            return below.quality + share * (above.quality - below.quality)
    return hull[-1].quality


def cost_of(hull: Sequence[Point], quality: float) -> float:
    """Give what the best blind mixture of this quality costs.

    >>> cost_of([Point(1, 0.5), Point(4, 0.9)], 0.7)
    2.5
    """
    if quality <= hull[0].quality:
        return hull[0].cost
    for below, above in pairwise(hull):
        if quality <= above.quality:
            share = (quality - below.quality) / (above.quality - below.quality)
            return below.cost + share * (above.cost - below.cost)
    return hull[-1].cost


def _slope(one: Point, other: Point) -> float:
    return (other.quality - one.quality) / (other.cost - one.cost)
