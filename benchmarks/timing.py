"""Time small functions beside each other, so that a ratio does not depend on the machine's mood."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]

_MOST_SAMPLES: Final = 2_000
_WARM_UP: Final = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to measure.

    Attributes:
        rounds: how often every case gets its turn.
        seconds: how long a turn is.
        largest: policies of more rules than this are left out.
        starts: how many fresh processes an import is timed in.
    """

    rounds: int
    seconds: float
    largest: int
    starts: int


FULL: Final = Pace(rounds=5, seconds=0.03, largest=10_000, starts=7)
QUICK: Final = Pace(rounds=3, seconds=0.02, largest=1_000, starts=5)
TINY: Final = Pace(rounds=1, seconds=0.0, largest=10, starts=1)


@dataclass(frozen=True, slots=True)
class Timed:
    """How long one call of a case took, in seconds.

    Attributes:
        rounds: the samples of each round.
    """

    rounds: tuple[tuple[float, ...], ...]

    @property
    def p50(self) -> float:
        """The median of the best round: what neighbours on the machine add is not ours."""
        return min(median(samples) for samples in self.rounds)

    @property
    def p95(self) -> float:
        """The 95th percentile of the round in which it is least."""
        return self._least(0.95)

    @property
    def p99(self) -> float:
        """The 99th percentile of the round in which it is least."""
        return self._least(0.99)

    def _least(self, share: float) -> float:
        return min(sorted(samples)[int(len(samples) * share)] for samples in self.rounds)

    def over(self, other: Timed) -> float:
        """Give this case's time divided by the other's, the median over the rounds."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median(median(mine) / median(theirs) for mine, theirs in pairs)


def side_by_side(cases: Mapping[str, Call], pace: Pace) -> dict[str, Timed]:
    """Time every case in turns, each call for itself, in CPU time of this thread.

    CPU time leaves out what other processes of a shared machine do meanwhile. What reading that
    clock costs is measured and taken off.
    """
    clock = time.thread_time
    reading = _cost_of_reading()
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in cases}
    counts = {name: _count(call, pace) for name, call in cases.items()}
    for name, call in cases.items():
        for _ in range(min(_WARM_UP, counts[name] - 1)):
            call()
    for _ in range(pace.rounds):
        for name, call in cases.items():
            taken: list[float] = []
            for _ in range(counts[name]):
                before = clock()
                call()
                taken.append(clock() - before - reading)
            samples[name].append(tuple(taken))
    return {name: Timed(tuple(rounds)) for name, rounds in samples.items()}


def async_side_by_side(cases: Mapping[str, AsyncCall], pace: Pace) -> dict[str, Timed]:
    """Time async cases in turns on one event loop; otherwise as `side_by_side`."""
    return asyncio.run(_async_side_by_side(cases, pace))


async def _async_side_by_side(cases: Mapping[str, AsyncCall], pace: Pace) -> dict[str, Timed]:
    clock = time.thread_time
    reading = _cost_of_reading()
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in cases}
    counts: dict[str, int] = {}
    for name, call in cases.items():
        await call()
        before = time.perf_counter()
        await call()
        counts[name] = _fitting(time.perf_counter() - before, pace)
        for _ in range(min(_WARM_UP, counts[name])):
            await call()
    for _ in range(pace.rounds):
        for name, call in cases.items():
            taken: list[float] = []
            for _ in range(counts[name]):
                before = clock()
                await call()
                taken.append(clock() - before - reading)
            samples[name].append(tuple(taken))
    return {name: Timed(tuple(rounds)) for name, rounds in samples.items()}


def _count(call: Call, pace: Pace) -> int:
    call()
    before = time.perf_counter()
    call()
    return _fitting(time.perf_counter() - before, pace)


def _fitting(seconds: float, pace: Pace) -> int:
    return max(1, min(_MOST_SAMPLES, int(pace.seconds / max(seconds, 1e-7))))


def _cost_of_reading() -> float:
    clock = time.thread_time
    return median(-clock() + clock() for _ in range(2_000))
