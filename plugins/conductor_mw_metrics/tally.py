"""What is counted, for whom: the names of the figures, and the counters of one series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from conductor_mw import Usage

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


class Place:
    """Where something is counted, to be told apart by identity: that is fast to look up."""

    __slots__ = ("where",)

    def __init__(self, where: Where) -> None:
        self.where = where


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
"""The histograms of a series, by their number in the tables: new ones go to the end."""

ERROR: Final = "error."
"""What the counter of a kind of error begins with in the tables, for example `error.timeout`."""


FOLD_AT: Final = 1024
"""So many ended calls wait to be put into buckets; below, that is done off the path."""


class Tally:
    """The counters of one series.

    What ends is put down as it is, and only put into buckets when somebody asks, or when many wait:
    a call pays for one `append`.

    Attributes:
        counts: see `COUNTS`.
        errors: how often it failed, by kind; a fault that has no kind counts as `fault`.
    """

    __slots__ = ("_ended", "_histograms", "counts", "errors")

    def __init__(self) -> None:
        self.counts = [0] * len(COUNTS)
        self.errors: dict[str, int] = {}
        self._ended: list[tuple[float | None, float | None, Usage | None, int | None]] = []
        self._histograms: tuple[dict[int, int], ...] = ({}, {}, {}, {})

    def ended(
        self, seconds: float | None, first: float | None, usage: Usage | None, nano: int | None
    ) -> None:
        """Count a call or a request that has ended.

        Args:
            seconds: how long it took, or None where that says nothing.
            first: seconds until there was something to see, or None.
            usage: its tokens, or None.
            nano: what it cost, in nano-dollars, or None where nobody knows.
        """
        ended = self._ended
        ended.append((seconds, first, usage, nano))
        if len(ended) >= FOLD_AT:
            self.fold()

    def fold(self) -> None:
        """Put what has ended into the buckets."""
        ended, self._ended = self._ended, []
        counts = self.counts
        latency, first_part, cost, _ = self._histograms
        counts[CALLS] += len(ended)
        for seconds, first, usage, nano in ended:
            if seconds is not None:
                counts[LATENCY] += _count(latency, int(seconds * MICRO))
            if first is not None:
                counts[FIRST_PART] += _count(first_part, int(first * MICRO))
            if nano is None:
                counts[UNKNOWN_COST] += 1
            else:
                counts[COST] += _count(cost, nano)
            if usage is not None:
                counts[INPUT] += usage.input_tokens
                counts[OUTPUT] += usage.output_tokens
                counts[CACHED] += usage.cached_tokens
                counts[REASONING] += usage.reasoning_tokens

    def fell(self, kind: str) -> None:
        """Count a failure."""
        self.counts[FAILED] += 1
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def rated(self, score: float) -> None:
        """Count a score from 0 to 1."""
        micro = int(min(max(score, 0.0), 1.0) * MICRO)
        self.counts[QUALITY] += _count(self._histograms[3], micro)

    @property
    def latency(self) -> dict[int, int]:
        """How long calls took, in microseconds."""
        return self.histograms["latency_us"]

    @property
    def first_part(self) -> dict[int, int]:
        """How long until there was something to see, of streams, in microseconds."""
        return self.histograms["first_part_us"]

    @property
    def cost(self) -> dict[int, int]:
        """What calls cost, in nano-dollars."""
        return self.histograms["cost_nano"]

    @property
    def quality(self) -> dict[int, int]:
        """Scores, in millionths."""
        return self.histograms["quality_micro"]

    @property
    def histograms(self) -> Mapping[str, dict[int, int]]:
        """The histograms by the name of their measure."""
        self.fold()
        return dict(zip(MEASURES, self._histograms, strict=True))

    def __getitem__(self, name: str) -> int:
        """Give the counter of this name."""
        self.fold()
        if name.startswith(ERROR):
            return self.errors.get(name.removeprefix(ERROR), 0)
        return self.counts[COUNTS.index(name)]

    def amounts(self) -> Mapping[str, int]:
        """Give every counter that is not 0, by its name in the tables."""
        self.fold()
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
        other.fold()
        for at, count in enumerate(other.counts):
            self.counts[at] += count
        for kind, count in other.errors.items():
            self.errors[kind] = self.errors.get(kind, 0) + count
        for mine, others in zip(self._histograms, other._histograms, strict=True):
            merge(mine, others)


def _count(histogram: dict[int, int], value: int) -> int:
    bucket = bucket_of(value)
    histogram[bucket] = histogram.get(bucket, 0) + 1
    return value
