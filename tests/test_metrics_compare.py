"""Intervals, verdicts and checks: right figures from the literature, and right often enough."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from conductor_mw_metrics.checks import Check
from conductor_mw_metrics.comparing import NO_DIFFERENCE, TOO_FEW, Part, compare
from conductor_mw_metrics.figures import FIGURES, Counted
from conductor_mw_metrics.histogram import bucket_of
from conductor_mw_metrics.intervals import (
    deviations,
    enough_for,
    mean_difference,
    percentile_difference,
    rate_difference,
    wilson,
)
from conductor_mw_metrics.tally import ACCEPTED, NOT_ACCEPTED, Tally
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw import ConductorError

Z = deviations(0.95)


def counted(
    seconds: Sequence[float], *, failed: int = 0, nano: int | None = 1000, name: str = ""
) -> Counted:
    tally = Tally()
    for one in seconds:
        tally.ended(one, None, None, nano)
    for _ in range(failed):
        tally.fell("timeout")
    assert tally["calls"] == len(seconds)
    return Counted(name, tally, tally)


def histogram(values: Sequence[float]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        bucket = bucket_of(int(value * 1e6))
        found[bucket] = found.get(bucket, 0) + 1
    return found


@pytest.mark.parametrize(
    ("times", "of", "low", "high"),
    # Newcombe 1998a, table I, method 3 (Wilson's score without a correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_rates_have_the_intervals_of_the_literature(
    times: int, of: int, low: float, high: float
) -> None:
    assert wilson(times, of, Z) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("b", "a", "low", "high"),
    # Newcombe 1998b, table II, method 10.
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090),
     ((5, 56), (0, 29), -0.0381, 0.1926), ((0, 10), (0, 20), -0.1611, 0.2775),
     ((10, 10), (0, 10), 0.6075, 1.0)],
)  # fmt: skip
def test_differences_of_rates_have_the_intervals_of_the_literature(
    a: tuple[int, int], b: tuple[int, int], low: float, high: float
) -> None:
    assert rate_difference(a, b, Z) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_rate_lies_in_its_interval(times: int, of: int) -> None:
    times = min(times, of)
    low, high = wilson(times, of, Z)

    assert 0 <= low <= times / of <= high <= 1


def test_nothing_has_every_rate() -> None:
    assert wilson(0, 0, Z) == (0, 1)


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_where_there_is_no_difference_one_is_shown_rarely(share: float) -> None:
    dice, shown = Random(1), 0
    for _ in range(50):
        a, b = (histogram([dice.lognormvariate(0, 0.5) for _ in range(200)]) for _ in range(2))
        shown += percentile_difference(a, b, share, 0.95).shows

    assert shown <= 6  # 2.5 are expected; more than 6 would happen in 1 of 80 drawings


def test_where_there_is_a_difference_it_is_found() -> None:
    dice, found = Random(2), 0
    for _ in range(20):
        a = histogram([dice.lognormvariate(0, 0.5) for _ in range(400)])
        b = histogram([dice.lognormvariate(0.4, 0.5) for _ in range(400)])
        interval = percentile_difference(a, b, 0.5, 0.95)
        found += interval.shows
        assert interval.low < 10**6 * (1.4918 - 1) < interval.high  # exp(0.4) less 1, in 20 of 20

    assert found == 20


def test_equal_values_differ_by_no_more_than_their_bucket() -> None:
    same = histogram([1.0] * 100)
    low, high = percentile_difference(same, same, 0.5, 0.95)

    assert low == -high
    assert 0 < high <= 1.6e4  # 1.6 % of a second, in microseconds


def test_means_differ_by_what_welch_says() -> None:
    a = {100: 50, 110: 50}
    b = {120: 50, 126: 50}
    reach = Z * ((25 * 100 / 99) / 100 + (9 * 100 / 99) / 100) ** 0.5 + (105 + 123) / 128

    assert mean_difference(a, b, Z) == pytest.approx((18 - reach, 18 + reach))


@pytest.mark.parametrize(
    ("count", "share", "enough"),
    [(9, 0.5, False), (10, 0.5, True), (99, 0.95, False), (100, 0.95, True), (499, 0.99, False),
     (500, 0.99, True)],
)  # fmt: skip
def test_a_percentile_needs_enough_values_beyond_it(count: int, share: float, enough: bool) -> None:
    assert enough_for({7: count}, share) is enough


def verdicts(a: Counted, b: Counted) -> dict[str, str]:
    return {line.name: line.verdict for line in compare(a, b, 0.95)}


def test_the_same_traffic_shows_no_difference() -> None:
    dice = Random(3)
    seconds = [dice.lognormvariate(0, 0.5) for _ in range(600)]
    found = verdicts(counted(seconds, failed=12), counted(seconds, failed=12))

    shown = {name: said for name, said in found.items() if said != NO_DIFFERENCE}
    assert shown == {"first_part_p50_ms": TOO_FEW, "first_part_p95_ms": TOO_FEW}


def test_a_slower_and_dearer_one_that_fails_less_is_told_so() -> None:
    dice = Random(4)
    fast = [dice.lognormvariate(0, 0.3) for _ in range(600)]
    found = verdicts(
        counted(fast, failed=120, nano=1_000_000),
        counted([2 * one for one in fast], failed=6, nano=5_000_000),
    )

    assert found["error_rate"] == "B is lower: better"
    assert found["p50_ms"] == found["p99_ms"] == found["mean_ms"] == "B is higher: worse"
    assert found["cost_per_call_dollars"] == "B is higher: worse"
    assert found["fallback_rate"] == NO_DIFFERENCE


def test_too_few_calls_show_nothing() -> None:
    found = verdicts(counted([0.1] * 9), counted([9.0] * 9))

    assert set(found.values()) == {TOO_FEW}


def test_nothing_against_something_is_too_few() -> None:
    assert set(verdicts(Counted(), counted([0.1] * 900)).values()) == {TOO_FEW}


def test_ratings_are_compared_where_both_have_some() -> None:
    both = [counted([0.1] * 100) for _ in range(2)]
    both[0].of.counts[ACCEPTED] = 95
    assert "accepted_rate" not in verdicts(*both)
    both[0].of.counts[NOT_ACCEPTED] = 5
    both[1].of.counts[ACCEPTED] = both[1].of.counts[NOT_ACCEPTED] = 50

    assert verdicts(*both)["accepted_rate"] == "B is lower: worse"


def test_scores_are_compared_where_there_are_some() -> None:
    a, b = counted([0.1] * 100), counted([0.1] * 100)
    for _ in range(50):
        a.of.rated(0.5)
        b.of.rated(0.9)

    assert FIGURES["quality"].value(b) == pytest.approx(0.9)
    assert verdicts(a, b)["quality"] == "B is higher: better"


@pytest.mark.parametrize(
    ("text", "name", "comparison", "number"),
    [
        ("p95_ms < 3000", "p95_ms", "<", 3000),
        ("  error_rate<=0.01 ", "error_rate", "<=", 0.01),
        ("calls!=0", "calls", "!=", 0),
        ("cost_dollars == -0.5", "cost_dollars", "==", -0.5),
    ],
)
def test_a_check_is_a_name_a_comparison_and_a_number(
    text: str, name: str, comparison: str, number: float
) -> None:
    assert Check.of(text) == Check(name, comparison, number)


@pytest.mark.parametrize(
    "text",
    ["", "p95_ms", "p95_ms <", "< 3", "p95_ms < 3 4", "p95_ms < 1e9", "p95_ms = 3", "3 < p95_ms",
     "p95_ms < nan", "p95_ms < " + "9" * 300, "p95_ms <\n3 or 1", "__import__('os') < 3"],
)  # fmt: skip
def test_what_is_no_check_is_refused(text: str) -> None:
    with pytest.raises(ConductorError, match=r"is no check|there is no figure"):
        Check.of(text)


@given(st.text(max_size=80))
def test_any_text_is_a_check_or_refused(text: str) -> None:
    try:
        found = Check.of(text)
    except ConductorError:
        return
    assert Check.of(str(found)) == found


@given(st.sampled_from(sorted(FIGURES)), st.sampled_from(["<", ">", "<=", ">="]))
def test_every_figure_can_be_checked(name: str, comparison: str) -> None:
    assert not Check.of(f"{name} {comparison} 1").held(Counted()).holds or name in _SUMS


_SUMS = frozenset(
    ("calls", "tokens", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens",
     "cost_dollars", "unknown_cost")
)  # fmt: skip
"""Figures that are 0 where nothing was counted."""


@given(st.text(max_size=60))
def test_any_text_is_a_part_or_refused(text: str) -> None:
    try:
        found = Part.of(text)
    except ConductorError:
        return
    assert found.text == text
