"""Histograms of the metrics: they add up, and are as exact as they say."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import pytest
from conductor_mw_metrics.histogram import (
    BOUND,
    LARGEST,
    Ranks,
    bucket_of,
    lowest,
    merge,
    middle,
    percentile,
    size,
    spread,
)
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.lists(st.integers(0, LARGEST) | st.integers(0, 100_000), max_size=200)


def histogram(values: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 1
    return found


def exact(values: Sequence[int], share: float) -> int:
    """Give the percentile by the nearest rank."""
    return sorted(values)[max(1, ceil(share * len(values))) - 1]


@given(VALUES, VALUES)
def test_histograms_merged_are_the_histogram_of_everything(
    some: Sequence[int], more: Sequence[int]
) -> None:
    merged = histogram(some)
    merge(merged, histogram(more))

    assert merged == histogram([*some, *more])


@given(st.lists(st.integers(0, LARGEST), min_size=1, max_size=200), st.floats(0, 1))
def test_a_percentile_is_as_near_as_the_bound_says(values: Sequence[int], share: float) -> None:
    found = percentile(histogram(values), share)

    assert found is not None
    assert abs(found - exact(values, share)) <= BOUND * exact(values, share)


def test_the_bound_is_what_the_documentation_says() -> None:
    assert f"{BOUND:.2%}" == "0.78%"


@given(st.integers(0, LARGEST))
def test_a_value_lies_in_its_bucket(value: int) -> None:
    bucket = bucket_of(value)

    assert lowest(bucket) <= value < lowest(bucket + 1)
    assert lowest(bucket) <= middle(bucket) < lowest(bucket + 1)


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_a_larger_value_has_no_smaller_bucket(one: int, two: int) -> None:
    assert (bucket_of(one) <= bucket_of(two)) or one > two


def test_every_bucket_begins_where_the_one_before_ends() -> None:
    buckets = range(bucket_of(LARGEST) + 1)

    assert [bucket_of(lowest(bucket)) for bucket in buckets] == list(buckets)
    assert [bucket_of(lowest(bucket + 1) - 1) for bucket in buckets] == list(buckets)


@pytest.mark.parametrize("value", [-1, -(10**30)])
def test_less_than_nothing_counts_as_nothing(value: int) -> None:
    assert bucket_of(value) == 0


@pytest.mark.parametrize("value", [LARGEST + 1, 10**30])
def test_more_than_the_largest_counts_as_the_largest(value: int) -> None:
    assert bucket_of(value) == bucket_of(LARGEST)


def test_nothing_has_no_percentile_and_no_spread() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({7: 0}, 0.5) is None
    assert spread({}) == (0.0, 0.0)
    assert spread({7: 1}) == (7.0, 0.0)


@given(st.lists(st.integers(0, 127), min_size=1))
def test_ranks_count_from_the_smallest(values: Sequence[int]) -> None:
    ranks = Ranks(histogram(values))

    assert ranks.size == size(histogram(values)) == len(values)
    assert [ranks.value(n + 1) for n in range(len(values))] == sorted(values)
    assert ranks.value(0) == min(values)
    assert ranks.value(len(values) + 1) == max(values)
