"""The newest scores of each agent and rule, and whether they have become worse."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Final, Literal, NamedTuple, TypeAlias

NORMAL_95: Final = 1.96
"""Of a normal distribution, 95 % lie within so many standard deviations of its mean."""
By: TypeAlias = Literal["agent", "rule"]


class Level(NamedTuple):
    """How good some answers were.

    Attributes:
        mean: the mean of their scores.
        low: the lower end of its 95 % interval.
        high: the upper end.
        scores: how many scores.
    """

    mean: float
    low: float
    high: float
    scores: int


def level(scores: Sequence[float]) -> Level:
    """Give the mean of some scores with its 95 % interval, by the normal approximation.

    >>> level([0.25, 0.75, 0.25, 0.75])
    Level(mean=0.5, low=0.217098, high=0.782902, scores=4)
    """
    mean = fmean(scores)
    margin = 1.0
    if len(scores) > 1:
        margin = NORMAL_95 * stdev(scores) / sqrt(len(scores))
    ends = max(0.0, mean - margin), min(1.0, mean + margin)
    return Level(round(mean, 6), round(ends[0], 6), round(ends[1], 6), len(scores))


@dataclass(frozen=True, slots=True)
class Bounds:
    """When scores have become worse.

    Attributes:
        below: the mean is below this; None where no mean is too low.
        drop: the newer half of the scores is worse than the older half by this; None where no
            drop is too large.
        at_least: how many scores there must be.
    """

    below: float | None
    drop: float | None
    at_least: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Scores have become worse.

    Attributes:
        why: `below` or `drop`.
        now: the window, or its newer half.
        before: the older half; None for `below`.
    """

    why: Literal["below", "drop"]
    now: Level
    before: Level | None = None


class Windows:
    """The newest scores by agent and by rule; safe from many threads. It outlives a reload.

    Args:
        size: how many scores a window holds.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._scores: dict[tuple[By, str], deque[float]] = {}
        self._told: set[tuple[By, str, str]] = set()
        self._lock = threading.Lock()

    def add(self, by: By, name: str, score: float, bounds: Bounds) -> tuple[Level, list[Drop]]:
        """Keep a score; give the level now, and what has become worse with it.

        A drop is told once, and again only after it has recovered meanwhile.
        """
        with self._lock:
            window = self._scores.setdefault((by, name), deque(maxlen=self._size))
            window.append(score)
            scores = list(window)
            found = {drop.why: drop for drop in dropped(scores, bounds)}
            new = [drop for why, drop in found.items() if (by, name, why) not in self._told]
            self._told -= {(by, name, why) for why in ("below", "drop")}
            self._told |= {(by, name, why) for why in found}
        return level(scores), new

    def levels(self) -> dict[tuple[By, str], Level]:
        """Give the level of every agent and rule."""
        with self._lock:
            return {key: level(list(window)) for key, window in self._scores.items()}


def dropped(scores: Sequence[float], bounds: Bounds) -> list[Drop]:
    """Give what has become worse.

    A drop counts where it is both large enough and beyond chance: the 95 % interval of the
    difference of the halves is above 0.
    """
    if len(scores) < bounds.at_least:
        return []
    found: list[Drop] = []
    whole = level(scores)
    if bounds.below is not None and whole.mean < bounds.below:
        found.append(Drop("below", whole))
    middle = len(scores) // 2
    if bounds.drop is not None and middle > 1:
        older, newer = scores[:middle], scores[middle:]
        fall = fmean(older) - fmean(newer)
        chance = sqrt(stdev(older) ** 2 / len(older) + stdev(newer) ** 2 / len(newer))
        if fall >= bounds.drop and fall > NORMAL_95 * chance:
            found.append(Drop("drop", level(newer), level(older)))
    return found
