"""Show the counters to Prometheus. They are read when somebody scrapes: a call pays nothing."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from conductor_mw import ConductorError

from .histogram import middle
from .tally import (
    ACCEPTED,
    CACHE_HITS,
    CACHED,
    CALLS,
    COST,
    CUT,
    FALLBACKS,
    INPUT,
    MICRO,
    NOT_ACCEPTED,
    OUTPUT,
    REASONING,
    REFUSED,
    RETRIES,
    UNKNOWN_COST,
    Series,
    Tally,
)  # fmt: skip

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from .layer import Metrics

SECONDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
"""The upper ends of the buckets that Prometheus sees."""

_DOLLAR: Final = 1_000_000_000
Names = Mapping[str, str]
Counted = Callable[[Tally], Iterable[tuple[Names, float]]]


class Collector(Protocol):
    """What a prometheus-client registry asks for metrics."""

    def collect(self) -> Iterable[Metric]:
        """Give every metric with its samples."""
        ...


class LayerCollector:
    """Collects what some layers counted; equal series of several layers are added up."""

    def __init__(self, layers: Callable[[], Sequence[Metrics]]) -> None:
        from prometheus_client import core

        self._core: Any = core
        self._layers = layers

    def collect(self) -> Iterator[Metric]:
        """Give every metric with its samples."""
        layers = self._layers()
        ledgers = {id(layer.ledger): layer.ledger for layer in layers}
        requests: dict[tuple[tuple[str, str], ...], Tally] = {}
        attempts: dict[tuple[tuple[str, str], ...], Tally] = {}
        for ledger in ledgers.values():
            for series, tally in ledger.totals().items():
                into = attempts if series.agent else requests
                into.setdefault(tuple(_names(series).items()), Tally()).add(tally)
        for name, about, counted in REQUESTS:
            yield self._counter(name, about, requests, counted)
        for name, about, counted in ATTEMPTS:
            yield self._counter(name, about, attempts, counted)
        yield self._histogram("request_seconds", "How long requests took.", requests, "latency_us")
        yield self._histogram(
            "request_first_part_seconds", "How long until there was something to see.",
            requests, "first_part_us",
        )  # fmt: skip
        yield self._histogram(
            "attempt_seconds", "How long agents took to answer, or until they were given up.",
            attempts, "latency_us",
        )  # fmt: skip
        yield self._histogram(
            "attempt_first_part_seconds", "How long until agents said something.",
            attempts, "first_part_us",
        )  # fmt: skip
        yield from self._own(layers)

    def _counter(
        self,
        name: str,
        about: str,
        tallies: Mapping[tuple[tuple[str, str], ...], Tally],
        counted: Counted,
    ) -> Metric:
        found = self._core.CounterMetricFamily(f"conductor_{name}", about)
        for names, tally in sorted(tallies.items()):
            for more, value in counted(tally):
                found.add_sample(f"conductor_{name}_total", {**dict(names), **more}, value)
        metric: Metric = found
        return metric

    def _histogram(
        self,
        name: str,
        about: str,
        tallies: Mapping[tuple[tuple[str, str], ...], Tally],
        measure: str,
    ) -> Metric:
        found = self._core.HistogramMetricFamily(f"conductor_{name}", about)
        for names, tally in sorted(tallies.items()):
            labels, buckets = dict(names), sorted(tally.histograms[measure].items())
            if not buckets:
                continue
            at = count = 0
            for end in SECONDS:
                while at < len(buckets) and middle(buckets[at][0]) <= end * MICRO:
                    count += buckets[at][1]
                    at += 1
                found.add_sample(f"conductor_{name}_bucket", {**labels, "le": str(end)}, count)
            count += sum(times for _, times in buckets[at:])
            found.add_sample(f"conductor_{name}_bucket", {**labels, "le": "+Inf"}, count)
            found.add_sample(f"conductor_{name}_count", labels, count)
            found.add_sample(f"conductor_{name}_sum", labels, tally[measure] / MICRO)
        metric: Metric = found
        return metric

    def _own(self, layers: Sequence[Metrics]) -> Iterator[Metric]:
        """Give what tells whether the counting itself is well."""
        writers = list({id(layer.writer): layer.writer for layer in layers}.values())
        for name, about, value in (
            ("metrics_flush_failures", "Writes that failed and were tried again.",
             sum(writer.failures for writer in writers)),
            ("metrics_lost_requests", "Requests whose minute was dropped unwritten.",
             sum(writer.lost for writer in writers)),
            ("metrics_label_overflows", "Label values that became (other).",
             sum(writer.ledger.overflows for writer in writers)),
        ):  # fmt: skip
            found = self._core.CounterMetricFamily(f"conductor_{name}", about)
            found.add_sample(f"conductor_{name}_total", {}, value)
            yield found


def _names(series: Series) -> dict[str, str]:
    # Not the policy: a fingerprint for every version would make endless series.
    where = series.where
    found = {"agent": series.agent} if series.agent else {"target": where.target}
    return {**found, "rule": where.rule, **dict(where.labels)}


def _each(*pairs: tuple[Names, int]) -> Counted:
    return lambda tally: [(names, tally.counts[at]) for names, at in pairs]


def _results(tally: Tally) -> Iterator[tuple[Names, float]]:
    counts = tally.counts
    failed = sum(tally.errors.values())
    yield {"result": "answered"}, counts[CALLS] - failed - counts[CUT]
    yield {"result": "failed"}, failed
    yield {"result": "cut"}, counts[CUT]


def _errors(tally: Tally) -> Iterator[tuple[Names, float]]:
    for kind, times in sorted(tally.errors.items()):
        yield {"kind": kind}, times


REQUESTS: Final[Sequence[tuple[str, str, Counted]]] = (
    ("requests", "Requests, by how they ended.", _results),
    ("request_errors", "Requests that failed, by kind.", _errors),
    ("request_fallbacks", "Requests in which a fallback took over.", _each(({}, FALLBACKS))),
    ("request_retries", "Requests in which an agent was asked again.", _each(({}, RETRIES))),
    ("request_cache_hits", "Requests answered from a cache at some step.", _each(({}, CACHE_HITS))),
    ("rated_answers", "Answers that met their condition, or did not.",
     _each(({"accepted": "yes"}, ACCEPTED), ({"accepted": "no"}, NOT_ACCEPTED))),
)  # fmt: skip
"""Counters of whole requests: name, what it says, samples."""

ATTEMPTS: Final[Sequence[tuple[str, str, Counted]]] = (
    ("attempts", "Calls of agents, from a cache too.", _each(({}, CALLS))),
    ("attempt_errors", "Attempts that failed, by kind.", _errors),
    ("cache_hits", "Attempts that a cache answered.", _each(({}, CACHE_HITS))),
    ("refused", "Attempts that a layer refused before anybody was asked.", _each(({}, REFUSED))),
    ("fallbacks", "Attempts after whose failure a fallback took over.", _each(({}, FALLBACKS))),
    ("retries", "Attempts that asked again.", _each(({}, RETRIES))),
    ("tokens", "Tokens; cached ones are part of input, reasoning ones of output.",
     _each(({"kind": "input"}, INPUT), ({"kind": "output"}, OUTPUT), ({"kind": "cached"}, CACHED),
           ({"kind": "reasoning"}, REASONING))),
    ("cost_dollars", "What attempts cost, as far as it is known.",
     lambda tally: [({}, tally.counts[COST] / _DOLLAR)]),
    ("unknown_cost", "Attempts whose cost is not known.", _each(({}, UNKNOWN_COST))),
)  # fmt: skip
"""Counters of attempts: name, what it says, samples."""


def collector_of(layer: Metrics) -> LayerCollector:
    """Give a collector of what one layer counted.

    Raises:
        ConductorError: prometheus-client is not installed.
    """
    try:
        return LayerCollector(lambda: (layer,))
    except ImportError as error:
        raise ConductorError(
            "prometheus-client is not installed", mend="pip install 'conductor-mw[metrics]'"
        ) from error


_STANDING: Final[weakref.WeakSet[Metrics]] = weakref.WeakSet()
_REGISTERING: Final = threading.Lock()
_registered = False


def stand_in_registry(layer: Metrics) -> None:
    """Show a layer in the default registry, until nobody holds it any longer.

    A process has one collector there, however many conductors it holds.
    """
    global _registered  # noqa: PLW0603 - the registry is the process's as well
    from prometheus_client import REGISTRY

    with _REGISTERING:
        _STANDING.add(layer)
        if not _registered:
            REGISTRY.register(LayerCollector(lambda: tuple(_STANDING)))
            _registered = True
