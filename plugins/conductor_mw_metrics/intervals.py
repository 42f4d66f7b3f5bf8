"""How sure figures and differences are: intervals for rates, percentiles and means."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from random import Random
from statistics import NormalDist
from typing import Final, NamedTuple

from .histogram import BOUND, Ranks, size, spread

DRAWS: Final = 2000
"""How often ranks are drawn; the ends of an interval then hardly depend on chance."""

BEYOND: Final = 5
"""A percentile is compared only where so many values are expected on either side of it."""

FEWEST: Final = 30
"""Means and rates are compared from so many values on."""


class Interval(NamedTuple):
    """From where to where a figure, or a difference, may lie."""

    low: float
    high: float

    @property
    def shows(self) -> bool:
        """Whether 0 lies outside, so that a difference is shown."""
        return self.low > 0 or self.high < 0


def deviations(confidence: float) -> float:
    """Give how many standard deviations an interval reaches to either side.

    >>> round(deviations(0.95), 3)
    1.96
    """
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(times: int, of: int, z: float) -> Interval:
    """Give the interval of a rate by Wilson's score.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    JASA 22 (1927), 209-212.

    >>> [round(end, 4) for end in wilson(10, 100, 1.96)]
    [0.0552, 0.1744]
    """
    if of <= 0:
        return Interval(0.0, 1.0)
    rate, square = times / of, z * z
    centre = (rate + square / (2 * of)) / (1 + square / of)
    reach = z / (1 + square / of) * sqrt(rate * (1 - rate) / of + square / (4 * of * of))
    # Exactly 0 and 1 at the ends, where rounding would put them slightly beyond.
    low = 0.0 if times == 0 else centre - reach
    return Interval(low, 1.0 if times == of else centre + reach)


def rate_difference(a: tuple[int, int], b: tuple[int, int], z: float) -> Interval:
    """Give the interval of the rate of b less that of a, each given as (times, of).

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17 (1998), 873-890, method 10: Wilson's intervals put together.

    >>> [round(end, 4) for end in rate_difference((48, 80), (56, 70), 1.96)]
    [0.0524, 0.3339]
    """
    rate_a, rate_b = a[0] / a[1], b[0] / b[1]
    (low_a, high_a), (low_b, high_b) = wilson(*a, z), wilson(*b, z)
    difference = rate_b - rate_a
    return Interval(
        difference - sqrt((rate_b - low_b) ** 2 + (high_a - rate_a) ** 2),
        difference + sqrt((high_b - rate_b) ** 2 + (rate_a - low_a) ** 2),
    )


def enough_for(buckets: Mapping[int, int], share: float) -> bool:
    """Whether there are enough values to compare this percentile."""
    return size(buckets) * min(share, 1 - share) >= BEYOND - 1e-9


def percentile_difference(
    a: Mapping[int, int], b: Mapping[int, int], share: float, confidence: float
) -> Interval:
    """Give the interval of a percentile of b less that of a, by a bootstrap without resampling.

    The percentile of a sample drawn with replacement is the value of a rank that is binomially
    distributed, so ranks are drawn instead of samples. Source: M. Schultzberg and S. Ankargren,
    Resampling-free bootstrap inference for quantiles, arXiv:2202.10992 (2022). The binomial is
    drawn as a normal; the width of the buckets is added at both ends.
    """
    dice = Random(0)  # the same histograms give the same interval
    drawn_a, drawn_b = (_drawn(Ranks(buckets), share, dice) for buckets in (a, b))
    differences = sorted(two - one for one, two in zip(drawn_a, drawn_b, strict=True))
    outside = (1 - confidence) / 2
    low = differences[int(outside * DRAWS)]
    high = differences[min(ceil((1 - outside) * DRAWS), DRAWS) - 1]
    margin = BOUND * (max(drawn_a) + max(drawn_b))
    return Interval(low - margin, high + margin)


def mean_difference(a: Mapping[int, int], b: Mapping[int, int], z: float) -> Interval:
    """Give the interval of the mean of b less that of a.

    Source: the normal approximation of B. L. Welch, The generalization of Student's problem when
    several different population variances are involved, Biometrika 34 (1947), 28-35; means and
    variances are those of the buckets.
    """
    mean_a, variance_a = spread(a)
    mean_b, variance_b = spread(b)
    reach = z * sqrt(variance_a / size(a) + variance_b / size(b)) + BOUND * (mean_a + mean_b)
    return Interval(mean_b - mean_a - reach, mean_b - mean_a + reach)


def _drawn(ranks: Ranks, share: float, dice: Random) -> list[float]:
    deviation = sqrt(ranks.size * share * (1 - share))
    return [
        ranks.value(ceil(ranks.size * share + deviation * dice.gauss(0, 1))) for _ in range(DRAWS)
    ]
