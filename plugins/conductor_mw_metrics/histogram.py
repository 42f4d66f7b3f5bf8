"""Count values in buckets that are whole numbers, so that histograms add up row by row in SQL.

Values are whole numbers from 0: microseconds, nano-dollars. Below 128 each has its own bucket;
above, every power of two is cut into 64 buckets of equal width (log-linear, as in HdrHistogram).
A bucket is at most 1/64 of its values wide, and `middle` is at most 1/128 (0.78 %) away from any
of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from math import ceil
from typing import Final

PIECES: Final = 64
"""Buckets in each power of two."""

BOUND: Final = 1 / (2 * PIECES)
"""The most by which `middle` is away from a value of its bucket, as a share of the value."""

LARGEST: Final = (1 << 50) - 1
"""What is larger counts as this: 35 years in microseconds, a million dollars in nano-dollars."""

_SHIFT: Final = 7
"""The bits of `PIECES`."""


def bucket_of(value: int) -> int:
    """Give the bucket of a value; what is below 0 counts as 0.

    >>> bucket_of(0), bucket_of(127), bucket_of(128), bucket_of(129), bucket_of(1_000_000)
    (0, 127, 128, 128, 954)
    """
    if value < PIECES:
        return max(0, value)
    value = min(value, LARGEST)
    shift = value.bit_length() - _SHIFT
    return shift * PIECES + (value >> shift)


def lowest(bucket: int) -> int:
    """Give the smallest value of a bucket.

    >>> [lowest(bucket) for bucket in (0, 127, 128, 129, 954)]
    [0, 127, 128, 130, 999424]
    """
    shift = max(bucket // PIECES - 1, 0)
    return (bucket - shift * PIECES) << shift


def middle(bucket: int) -> float:
    """Give the value that stands for a bucket.

    >>> [middle(bucket) for bucket in (0, 127, 128, 954)]
    [0.0, 127.0, 128.5, 1003519.5]
    """
    return (lowest(bucket) + lowest(bucket + 1) - 1) / 2


def size(buckets: Mapping[int, int]) -> int:
    """Give how many values were counted."""
    return sum(buckets.values())


def merge(into: dict[int, int], more: Mapping[int, int]) -> None:
    """Add a histogram to another; the same as if all values had been counted in one."""
    for bucket, count in more.items():
        into[bucket] = into.get(bucket, 0) + count


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """Give the value below or at which this share of the values lies, or None where there is none.

    The nearest rank: of 10 values the 0.95 percentile is the tenth.

    >>> percentile({5: 9, 80: 1}, 0.5), percentile({5: 9, 80: 1}, 0.95), percentile({}, 0.5)
    (5.0, 80.0, None)
    """
    ranks = Ranks(buckets)
    return ranks.value(ceil(share * ranks.size)) if ranks.size else None


class Ranks:
    """The values of a histogram by their rank, the smallest first.

    Attributes:
        size: how many values there are.
    """

    def __init__(self, buckets: Mapping[int, int]) -> None:
        self._buckets = [bucket for bucket in sorted(buckets) if buckets[bucket] > 0]
        self._upto: list[int] = []
        self.size = 0
        for bucket in self._buckets:
            self.size += buckets[bucket]
            self._upto.append(self.size)

    def value(self, rank: int) -> float:
        """Give the value of this rank, counted from 1; beyond the ends, that at the end."""
        wanted = min(max(rank, 1), self.size)
        return middle(self._buckets[bisect_left(self._upto, wanted)])


def spread(buckets: Mapping[int, int]) -> tuple[float, float]:
    """Give the mean and the variance of the values, each taken as the middle of its bucket.

    >>> spread({2: 1, 4: 1})
    (3.0, 2.0)
    """
    count = size(buckets)
    if not count:
        return 0.0, 0.0
    mean = sum(middle(bucket) * times for bucket, times in buckets.items()) / count
    squares = sum((middle(bucket) - mean) ** 2 * times for bucket, times in buckets.items())
    return mean, squares / (count - 1) if count > 1 else 0.0
