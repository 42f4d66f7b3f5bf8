"""Bootstrap: how far a figure might be off because of the prompts that happened to be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from .hull import Point, frontier, mixture
from .reference import Played

RESAMPLES: Final = 1_000
_SEED: Final = 20_240_601
_MICRO: Final = 1_000_000
_BITS: Final = 64
_FIELD: Final = 2**_BITS - 1


@dataclass(frozen=True, slots=True)
class Figure:
    """What a strategy reached on the measured rows; `within` are 95 % intervals.

    Attributes:
        quality: mean score of what was delivered.
        cost: mean nano-dollars a request.
        kept: quality divided by that of the best single model.
        cheaper: the share of the best single model's cost that was saved; negative is dearer.
        blind: quality of the best blind mixture of models at this cost.
        gain: quality above that mixture.
    """

    quality: float
    cost: float
    kept: float
    cheaper: float
    blind: float
    gain: float
    quality_within: tuple[float, float]
    kept_within: tuple[float, float]
    cheaper_within: tuple[float, float]
    gain_within: tuple[float, float]


def figures(
    played: Mapping[str, Sequence[Played]],
    singles: Sequence[str],
    best: str,
    *,
    resamples: int = RESAMPLES,
) -> dict[str, Figure]:
    """Give every strategy's figures.

    Rows are drawn again with replacement, the same rows for every strategy, and the mixture is
    drawn again with them.

    Args:
        played: how each strategy did, row by row.
        singles: the strategies that are single models; mixtures are made of them.
        best: the single model that savings are compared with.
        resamples: how often rows are drawn again.
    """
    names = list(played)
    rows = [_packed(done) for done in zip(*played.values(), strict=True)]
    means = _means(names, sum(rows), len(rows))
    drawn: dict[str, list[_Seen]] = {name: [] for name in names}
    dice = Random(_SEED)
    for _ in range(resamples):
        again = _means(names, sum(dice.choices(rows, k=len(rows))), len(rows))
        for name, seen in _seen(again, singles, best).items():
            drawn[name].append(seen)
    return {
        name: Figure(
            quality=seen.quality,
            cost=means[name].cost,
            kept=seen.kept,
            cheaper=seen.cheaper,
            blind=seen.quality - seen.gain,
            gain=seen.gain,
            quality_within=_within([one.quality for one in drawn[name]]),
            kept_within=_within([one.kept for one in drawn[name]]),
            cheaper_within=_within([one.cheaper for one in drawn[name]]),
            gain_within=_within([one.gain for one in drawn[name]]),
        )
        for name, seen in _seen(means, singles, best).items()
    }


@dataclass(frozen=True, slots=True)
class _Seen:
    quality: float
    kept: float
    cheaper: float
    gain: float


def _packed(done: Sequence[Played]) -> int:
    """Put a row's costs and qualities into one integer, 64 bits each.

    Adding such integers adds every column at once, which makes drawing rows again quick enough
    without a library for arrays.
    """
    packed = 0
    for one in reversed(done):
        packed = (packed << _BITS | round(one.quality * _MICRO)) << _BITS | one.cost
    return packed


def _means(names: Sequence[str], total: int, rows: int) -> dict[str, Point]:
    found: dict[str, Point] = {}
    for name in names:
        cost, quality = total & _FIELD, total >> _BITS & _FIELD
        found[name] = Point(cost / rows, quality / _MICRO / rows)
        total >>= 2 * _BITS
    return found


def _seen(means: Mapping[str, Point], singles: Sequence[str], best: str) -> dict[str, _Seen]:
    hull = frontier([means[name] for name in singles])
    against = means[best]
    return {
        name: _Seen(
            quality=point.quality,
            kept=point.quality / against.quality,
            cheaper=1 - point.cost / against.cost,
            gain=point.quality - mixture(hull, point.cost),
        )
        for name, point in means.items()
    }


def _within(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    if not ordered:
        return (0.0, 0.0)
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]
