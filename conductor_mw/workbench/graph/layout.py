"""Place boxes in columns from left to right, so that lines between them cross seldom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

GAP: Final = 18.0
_LANE: Final = 10.0
_LANE_GAP: Final = 12.0


@dataclass(frozen=True, slots=True)
class Box:
    """One box to place.

    Attributes:
        id: who it is.
        height: in pixels.
        entry: where lines arrive, below the upper edge.
        ports: where lines leave, below the upper edge, and the id they go to.
    """

    id: str
    height: float
    entry: float
    ports: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything stands.

    Attributes:
        tops: upper edge of each box.
        lanes: height at which the lines to a target pass through a column they skip.
        bottom: the lowest edge of all.
    """

    tops: Mapping[str, float]
    lanes: Mapping[tuple[int, str], float]
    bottom: float


def place(first: Mapping[str, float], columns: Sequence[Sequence[Box]]) -> Places:
    """Place every column after the first.

    All lines to one target pass through a skipped column in one lane, so that they read as one
    line that gathers its sources.

    Args:
        first: upper edges of the boxes of the first column, which keep their order.
        columns: the boxes of every column, the first included. A line that does not lead to a
            later column is not drawn and has no say.
    """
    where = {box.id: number for number, column in enumerate(columns) for box in column}
    tops = dict(first)
    lanes: dict[tuple[int, str], float] = {}
    high = min(first.values(), default=0.0)
    low = max((tops[box.id] + box.height for box in columns[0]), default=high)
    tallest = [_needed(column) for column in columns[1:]]
    low = max([low, *(high + needed for needed in tallest)])
    for number in range(1, len(columns)):
        arrivals: dict[str, list[float]] = {}
        for box in columns[number - 1]:
            for port, target in box.ports:
                if where.get(target, 0) >= number:
                    arrivals.setdefault(target, []).append(tops[box.id] + port)
        for (passed, target), height in list(lanes.items()):
            if passed == number - 1 and where[target] >= number:
                arrivals.setdefault(target, []).append(height)
        slots = [(box.id, box.entry, box.height, GAP) for box in columns[number]]
        slots += [
            (target, _LANE / 2, _LANE, _LANE_GAP) for target in arrivals if where[target] > number
        ]
        placed = _stack(slots, arrivals, high, low)
        for box in columns[number]:
            tops[box.id] = placed[box.id]
        for target in arrivals:
            if where[target] > number:
                lanes[number, target] = placed[target] + _LANE / 2
        low = max(low, *(placed[name] + height for name, _, height, _ in slots), high)
    return Places(tops, lanes, low)


def _needed(column: Sequence[Box]) -> float:
    return sum(box.height + GAP for box in column)


def _stack(
    slots: Sequence[tuple[str, float, float, float]],
    arrivals: Mapping[str, Sequence[float]],
    high: float,
    low: float,
) -> dict[str, float]:
    """Stack slots without overlap, each as near to its arriving lines as the others allow."""

    def wish(slot: tuple[str, float, float, float]) -> float:
        found = arrivals.get(slot[0], ())
        return sum(found) / len(found) if found else low + 1  # what nothing reaches goes below

    ordered = sorted(slots, key=wish)
    offsets: list[float] = []
    used = 0.0
    for _, _, height, gap in ordered:
        offsets.append(used)
        used += height + gap
    wishes = [wish(slot) - slot[1] - offset for slot, offset in zip(ordered, offsets, strict=True)]
    room = max(high, low - used + GAP)
    tops = (min(max(level, high), room) for level in _level(wishes))
    return {slot[0]: top + offset for slot, top, offset in zip(ordered, tops, offsets, strict=True)}


def _level(wishes: Sequence[float]) -> list[float]:
    """Return the nearest sequence that never falls (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for wish in wishes:
        total, count = wish, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before, many = pools.pop()
            total, count = total + before, count + many
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]
