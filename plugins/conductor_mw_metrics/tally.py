"""What is counted, for whom: the names of the figures, and the counters of one series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from .histogram import bucket_of, merge

Level = Literal["request", "attempt"]
Labels = tuple[tuple[str, str], ...]

DEFAULT_RULE: Final = "(default)"
UNDECIDED: Final = "(undecided)"
OTHER: Final = "(other)"
MICRO: Final = 1_000_000


class Where(NamedTuple):
    """What a request and all its attempts have in common.

    Attributes:
        rule: the id of the rule that matched; `(default)` or `(undecided)` where none did.
        target: where the rule sends the request.
        policy: the fingerprint of the policy.
        labels: the chosen labels, name and value, in the policy's order.
    """

    rule: str
    target: str
    policy: str
    labels: Labels


class Series(NamedTuple):
    """One row's worth of dimensions: a request has no agent, an attempt has one."""

    agent: str
    where: Where

    @property
    def level(self) -> Level:
        """Whether whole requests are counted here, or attempts."""
        return "attempt" if self.agent else "request"


COUNTS: Final = (
    "calls", "cut", "refused", "retries", "fallbacks", "cache_hits", "unknown_cost",
    "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_nano",
    "latency_us", "first_part_us", "accepted", "not_accepted", "quality_micro", "failed",
)  # fmt: skip
"""The counters of a series, by their place in `Tally.counts`; errors have a counter for each kind.

`refused`: an inner layer refused, nobody was asked. `latency_us` and so on are the sums of what the
histogram of that name counts. `cost_nano` is in nano-dollars.
"""

(
    CALLS, CUT, REFUSED, RETRIES, FALLBACKS, CACHE_HITS, UNKNOWN_COST,
    INPUT, OUTPUT, CACHED, REASONING, COST,
    LATENCY, FIRST_PART, ACCEPTED, NOT_ACCEPTED, QUALITY, FAILED,
) = range(len(COUNTS))  # fmt: skip

MEASURES: Final = ("latency_us", "first_part_us", "cost_nano", "quality_micro")
"""The histograms of a series."""

ERROR: Final = "error."
"""What the counter of a kind of error begins with in the tables, for example `error.timeout`."""


class Tally:
    """The counters of one series.

    Attributes:
        counts: see `COUNTS`.
        errors: how often it failed, by kind; a fault that has no kind counts as `fault`.
        latency: microseconds.
        first_part: microseconds until there was something to see.
        cost: nano-dollars of one call.
        quality: millionths.
    """

    __slots__ = ("cost", "counts", "errors", "first_part", "latency", "quality")

    def __init__(self) -> None:
        self.counts = [0] * len(COUNTS)
        self.errors: dict[str, int] = {}
        self.latency: dict[int, int] = {}
        self.first_part: dict[int, int] = {}
        self.cost: dict[int, int] = {}
        self.quality: dict[int, int] = {}

    def took(self, seconds: float) -> None:
        """Count how long something took."""
        micros = int(seconds * MICRO)
        self.counts[LATENCY] += micros
        bucket = bucket_of(micros)
        self.latency[bucket] = self.latency.get(bucket, 0) + 1

    def spoke(self, seconds: float) -> None:
        """Count when there was something to see."""
        micros = int(seconds * MICRO)
        self.counts[FIRST_PART] += micros
        bucket = bucket_of(micros)
        self.first_part[bucket] = self.first_part.get(bucket, 0) + 1

    def paid(self, nano: int | None) -> None:
        """Count what something cost, or that nobody knows."""
        if nano is None:
            self.counts[UNKNOWN_COST] += 1
            return
        self.counts[COST] += nano
        bucket = bucket_of(nano)
        self.cost[bucket] = self.cost.get(bucket, 0) + 1

    def fell(self, kind: str) -> None:
        """Count a failure."""
        self.counts[FAILED] += 1
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def rated(self, score: float) -> None:
        """Count a score from 0 to 1."""
        micro = int(min(max(score, 0.0), 1.0) * MICRO)
        self.counts[QUALITY] += micro
        bucket = bucket_of(micro)
        self.quality[bucket] = self.quality.get(bucket, 0) + 1

    def __getitem__(self, name: str) -> int:
        """Give the counter of this name."""
        if name.startswith(ERROR):
            return self.errors.get(name.removeprefix(ERROR), 0)
        return self.counts[COUNTS.index(name)]

    @property
    def histograms(self) -> Mapping[str, dict[int, int]]:
        """The histograms by the name of their measure."""
        return {
            "latency_us": self.latency,
            "first_part_us": self.first_part,
            "cost_nano": self.cost,
            "quality_micro": self.quality,
        }

    def amounts(self) -> Mapping[str, int]:
        """Give every counter that is not 0, by its name in the tables."""
        found = {name: count for name, count in zip(COUNTS, self.counts, strict=True) if count}
        found.update((ERROR + kind, count) for kind, count in self.errors.items())
        return found

    def count(self, name: str, amount: int) -> None:
        """Add to a counter by its name in the tables; one that is not known is left out."""
        if name.startswith(ERROR):
            kind = name.removeprefix(ERROR)
            self.errors[kind] = self.errors.get(kind, 0) + amount
        elif name in COUNTS:
            self.counts[COUNTS.index(name)] += amount

    def add(self, other: Tally) -> None:
        """Add another series' counters."""
        for at, count in enumerate(other.counts):
            self.counts[at] += count
        for kind, count in other.errors.items():
            self.errors[kind] = self.errors.get(kind, 0) + count
        for name, buckets in other.histograms.items():
            merge(self.histograms[name], buckets)
