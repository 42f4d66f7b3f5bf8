"""Runs every strategy of a pool through the engine and gathers the figures, as plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, Final, cast

from . import reference
from .breakeven import break_even
from .catalogue import Entry, cascades_of, catalogue, paid
from .choosing import Choice, choose, point_of
from .hull import Point, cost_of, frontier
from .intervals import RESAMPLES, Figure, figures
from .judges import Judge
from .outcomes import Pool, Row
from .reference import Played
from .replay import replay

_DIGITS: Final = 6
_KEEPS: Final = (0.98, 1.0)
Tell = Callable[[str], None]


class DisagreementError(Exception):
    """The engine's run of a strategy is not what the plain reference gives."""


def measure(
    pool: Pool, *, rows: int | None = None, resamples: int = RESAMPLES, tell: Tell = lambda _: None
) -> dict[str, Any]:
    """Give a pool's figures.

    Args:
        pool: the recorded outcomes.
        rows: take only so many of the measured rows.
        resamples: how often the bootstrap draws rows again.
        tell: is told what is being run.

    Raises:
        DisagreementError: the engine and the reference differ on a row.
    """
    choice = choose(pool)
    measured = pool.measure[:rows]
    entries = catalogue(pool, choice)
    played: dict[str, list[Played]] = {}
    for entry in entries:
        tell(f"{pool.name}: {entry.key}")
        played[entry.key] = agreed(pool, entry, measured)
    played["oracle"] = [reference.oracle(row) for row in measured]
    best = pool.models[choice.large]
    found = figures(played, pool.models, best, resamples=resamples)
    return {
        "title": pool.title,
        "note": pool.note,
        "rows": len(measured),
        "chosen_on": len(pool.choose),
        "chosen": _chosen(pool, choice),
        "entries": {
            key: {**_labels(entries, key), **_plain(found[key], played[key], choice)}
            for key in played
        },
        "mixtures": _mixtures(measured, choice),
        "break_even": _break_even(pool, measured, choice),
    }


def agreed(pool: Pool, entry: Entry, rows: Sequence[Row]) -> list[Played]:
    """Give how the engine's run of a strategy did, once the reference says the same."""
    ours = replay(pool, entry, rows)
    for row, one in zip(rows, ours, strict=True):
        expected = entry.strategy(row)
        if one != expected:
            raise DisagreementError(f"{pool.name}, {entry.key}, {row.id}: {one}, not {expected}")
    return ours


def _chosen(pool: Pool, choice: Choice) -> dict[str, Any]:
    middle = None if choice.middle is None else pool.models[choice.middle]
    return {
        "large": pool.models[choice.large],
        "middle": middle,
        "small": pool.models[choice.small],
        "smalls": [pool.models[model] for model in choice.smalls],
    }


def _labels(entries: Sequence[Entry], key: str) -> dict[str, str]:
    for entry in entries:
        if entry.key == key:
            return {"group": entry.group, "label": entry.label}
    return {"group": "oracle", "label": "cheapest of the right answers, known beforehand"}


def _plain(figure: Figure, played: Sequence[Played], choice: Choice) -> dict[str, Any]:
    smalls = set(choice.smalls)
    return {
        "score": sum(one.quality for one in played),
        "nano": sum(one.cost for one in played),
        "calls": sum(one.calls for one in played),
        "small": sum(one.by in smalls for one in played),
        **{name: _rounded(value) for name, value in asdict(figure).items()},
    }


def _mixtures(rows: Sequence[Row], choice: Choice) -> dict[str, Any]:
    """Give what the best blind mixture saves where it must keep a share of the best's quality."""
    models = range(len(rows[0].costs))
    points = {model: point_of(rows, model) for model in models}
    large = points[choice.large]
    hull = frontier(list(points.values()))
    made: dict[str, Any] = {}
    for keep in _KEEPS:
        cost = cost_of(hull, keep * large.quality)
        made[f"{keep * 100:.0f}"] = {
            "cheaper": _rounded(1 - cost / large.cost),
            "small": _rounded(_small_share(hull, cost, points, choice)),
        }
    return made


def _small_share(
    hull: Sequence[Point], cost: float, points: Mapping[int, Point], choice: Choice
) -> float:
    smalls = {points[model] for model in choice.smalls}
    for below, above in pairwise(hull):
        if below.cost <= cost <= above.cost:
            share = (cost - below.cost) / (above.cost - below.cost)
            return (1 - share) * (below in smalls) + share * (above in smalls)
    return float(hull[0] in smalls)


def _break_even(pool: Pool, rows: Sequence[Row], choice: Choice) -> dict[str, Any]:
    points = [point_of(rows, model) for model in range(len(pool.models))]
    hull, best = frontier(points), points[choice.large].quality
    return {
        f"{key}{suffix}": [_rounded(one) for one in break_even(rows, steps, hull, best, judge)]
        for key, _, steps in cascades_of(choice)
        for suffix, judge in (("", Judge()), ("_paid", Judge(price=paid(pool))))
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(one) for one in cast("tuple[Any, ...]", value)]
    return round(value, _DIGITS)
