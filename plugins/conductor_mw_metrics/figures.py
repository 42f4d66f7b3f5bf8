"""What counters mean: rates, percentiles, tokens and money, each under a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from .histogram import percentile, size
from .tally import (
    ACCEPTED,
    CACHE_HITS,
    CACHED,
    CALLS,
    COST,
    CUT,
    FAILED,
    FALLBACKS,
    INPUT,
    LATENCY,
    MICRO,
    NOT_ACCEPTED,
    OUTPUT,
    QUALITY,
    REASONING,
    REFUSED,
    RETRIES,
    UNKNOWN_COST,
    Tally,
)  # fmt: skip

Better = Literal["lower", "higher", ""]

_DOLLAR: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """Some traffic: an agent's calls, a rule's requests, everything.

    Attributes:
        name: what they have in common.
        of: the counters that times and rates are taken from: of requests, or of one agent's calls.
        spent: the counters of all the calls that were made for them: tokens and money.
    """

    name: str = ""
    of: Tally = field(default_factory=Tally)
    spent: Tally = field(default_factory=Tally)

    @property
    def calls(self) -> int:
        """How many there were."""
        return self.of.counts[CALLS]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that tables show, checks read and comparisons compare.

    Attributes:
        about: what it is.
        value: gives it, or None where nothing was counted that it could be made of.
        better: which direction is the better one, if one is.
    """

    about: str
    value: Callable[[Counted], float | None]
    better: Better = ""


def _rate(at: int) -> Callable[[Counted], float | None]:
    return lambda counted: counted.of.counts[at] / counted.calls if counted.calls else None


def _percentile(measure: str, share: float) -> Callable[[Counted], float | None]:
    def value(counted: Counted) -> float | None:
        found = percentile(counted.of.histograms[measure], share)
        return None if found is None else found / 1000

    return value


def _sum(*places: int) -> Callable[[Counted], float | None]:
    return lambda counted: sum(counted.spent.counts[at] for at in places)


def _mean(counted: Counted) -> float | None:
    times = size(counted.of.latency)
    return counted.of.counts[LATENCY] / times / 1000 if times else None


def _accepted(counted: Counted) -> float | None:
    rated = counted.of.counts[ACCEPTED] + counted.of.counts[NOT_ACCEPTED]
    return counted.of.counts[ACCEPTED] / rated if rated else None


def _dollars(counted: Counted) -> float | None:
    return counted.spent.counts[COST] / _DOLLAR


def _dollars_each(counted: Counted) -> float | None:
    # Of those that were made: what a layer refused or answered costs nobody anything.
    times = size(counted.spent.cost)
    return counted.spent.counts[COST] / _DOLLAR / times if times else None


def _quality(counted: Counted) -> float | None:
    times = size(counted.spent.quality)
    return counted.spent.counts[QUALITY] / MICRO / times if times else None


FIGURES: Final[Mapping[str, Figure]] = {
    "calls": Figure("requests, or calls of an agent", lambda counted: counted.calls),
    "error_rate": Figure("share that failed", _rate(FAILED), "lower"),
    "fallback_rate": Figure("share in which a fallback took over", _rate(FALLBACKS), "lower"),
    "retry_rate": Figure("share that asked again", _rate(RETRIES), "lower"),
    "cache_hit_rate": Figure("share answered from a cache", _rate(CACHE_HITS), "higher"),
    "refused_rate": Figure("share that a layer refused", _rate(REFUSED), "lower"),
    "cut_rate": Figure("share that the caller stopped", _rate(CUT)),
    "accepted_rate": Figure("share of rated answers that were good enough", _accepted, "higher"),
    "p50_ms": Figure("half took no longer", _percentile("latency_us", 0.50), "lower"),
    "p95_ms": Figure("95 in 100 took no longer", _percentile("latency_us", 0.95), "lower"),
    "p99_ms": Figure("99 in 100 took no longer", _percentile("latency_us", 0.99), "lower"),
    "mean_ms": Figure("what one took on average", _mean, "lower"),
    "first_part_p50_ms": Figure(
        "half showed something by then", _percentile("first_part_us", 0.50), "lower"
    ),
    "first_part_p95_ms": Figure(
        "95 in 100 showed something by then", _percentile("first_part_us", 0.95), "lower"
    ),
    "tokens": Figure("tokens in and out", _sum(INPUT, OUTPUT)),
    "input_tokens": Figure("tokens in", _sum(INPUT)),
    "cached_tokens": Figure("of those, read from the provider's cache", _sum(CACHED)),
    "output_tokens": Figure("tokens out", _sum(OUTPUT)),
    "reasoning_tokens": Figure("of those, spent on reasoning", _sum(REASONING)),
    "cost_dollars": Figure("what they cost, as far as it is known", _dollars, "lower"),
    "cost_per_call_dollars": Figure("what one cost on average", _dollars_each, "lower"),
    "unknown_cost": Figure("calls whose cost nobody knows", _sum(UNKNOWN_COST)),
    "quality": Figure("mean of the scores that were given", _quality, "higher"),
}
"""Every figure by its name."""


def to_json(counted: Counted, total: int) -> dict[str, object]:
    """Give every figure of some traffic as plain JSON.

    Args:
        counted: the traffic.
        total: of how many calls its share is taken.
    """
    found: dict[str, object] = {"name": counted.name}
    for name, figure in FIGURES.items():
        value = figure.value(counted)
        found[name] = round(value, 9) if isinstance(value, float) else value
        if name == "calls":
            found["share"] = round(counted.calls / total, 9) if total else None
    found["errors"] = dict(sorted(counted.of.errors.items()))
    return found
