"""Compare two parts of the traffic, figure by figure, and say plainly what was shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from conductor_mw import ConductorError

from .figures import FIGURES, Counted
from .histogram import size
from .intervals import (
    FEWEST,
    Interval,
    deviations,
    enough_for,
    mean_difference,
    percentile_difference,
    rate_difference,
)  # fmt: skip
from .reading import Recorded
from .tally import ACCEPTED, CACHE_HITS, FAILED, FALLBACKS, MICRO, NOT_ACCEPTED, RETRIES

NO_DIFFERENCE: Final = "no difference shown"
TOO_FEW: Final = "too few to tell"
NANO_DOLLARS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of both.

    Attributes:
        name: the figure's name; see `FIGURES`.
        a: what it is for the first one, or None.
        b: what it is for the second one, or None.
        interval: where the difference, b less a, may lie; None where there are too few to tell.
        verdict: what that shows, in words.
    """

    name: str
    a: float | None
    b: float | None
    interval: Interval | None
    verdict: str

    def to_json(self) -> dict[str, object]:
        """Give it as plain JSON."""
        interval = None if self.interval is None else list(self.interval)
        return {
            "figure": self.name, "a": self.a, "b": self.b, "difference": interval,
            "verdict": self.verdict,
        }  # fmt: skip


def compare(a: Counted, b: Counted, confidence: float) -> Sequence[Line]:
    """Give every figure that can be compared.

    Args:
        a: the first part of the traffic.
        b: the second part.
        confidence: how often an interval should hold what is true, for example 0.95.
    """
    z = deviations(confidence)
    found: list[Line] = []
    for name, at in _RATES.items():
        pairs = [(one.of.counts[at], one.calls) for one in (a, b)]
        found.append(_rate(name, a, b, pairs, z))
    rated = [
        (one.of.counts[ACCEPTED], one.of.counts[ACCEPTED] + one.of.counts[NOT_ACCEPTED])
        for one in (a, b)
    ]
    if all(of for _, of in rated):
        found.append(_rate("accepted_rate", a, b, rated, z))
    for name, (measure, share) in _PERCENTILES.items():
        one, two = a.of.histograms[measure], b.of.histograms[measure]
        enough = enough_for(one, share) and enough_for(two, share)
        interval = percentile_difference(one, two, share, confidence) if enough else None
        found.append(_line(name, a, b, interval, 1000))
    for name, (of, unit) in _MEANS.items():
        some, more = of(a), of(b)
        if some or more:
            enough = min(size(some), size(more)) >= FEWEST
            interval = mean_difference(some, more, z) if enough else None
            found.append(_line(name, a, b, interval, unit))
    return found


_RATES: Final[Mapping[str, int]] = {
    "error_rate": FAILED,
    "fallback_rate": FALLBACKS,
    "retry_rate": RETRIES,
    "cache_hit_rate": CACHE_HITS,
}
_PERCENTILES: Final[Mapping[str, tuple[str, float]]] = {
    "p50_ms": ("latency_us", 0.50),
    "p95_ms": ("latency_us", 0.95),
    "p99_ms": ("latency_us", 0.99),
    "first_part_p50_ms": ("first_part_us", 0.50),
    "first_part_p95_ms": ("first_part_us", 0.95),
}
_MEANS: Final[Mapping[str, tuple[Callable[[Counted], Mapping[int, int]], float]]] = {
    "mean_ms": (lambda counted: counted.of.latency, 1000),
    "cost_per_call_dollars": (lambda counted: counted.of.cost, NANO_DOLLARS),
    "quality": (lambda counted: counted.spent.quality, MICRO),
}


def _rate(name: str, a: Counted, b: Counted, pairs: Sequence[tuple[int, int]], z: float) -> Line:
    enough = all(of >= FEWEST for _, of in pairs)
    return _line(name, a, b, rate_difference(pairs[0], pairs[1], z) if enough else None, 1)


def _line(name: str, a: Counted, b: Counted, interval: Interval | None, unit: float) -> Line:
    figure = FIGURES[name]
    values = (figure.value(a), figure.value(b))
    if interval is None:
        return Line(name, *values, None, TOO_FEW)
    interval = Interval(interval.low / unit, interval.high / unit)
    if not interval.shows:
        return Line(name, *values, interval, NO_DIFFERENCE)
    direction = "lower" if interval.high < 0 else "higher"
    said = f"B is {direction}"
    if figure.better:
        said += ": better" if figure.better == direction else ": worse"
    return Line(name, *values, interval, said)


_PAIR: Final = re.compile(r"([A-Za-z][A-Za-z0-9_]*)[=:](.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the traffic somebody means: `agent=small`, `rule=vip,since=2h,until=1h`.

    Attributes:
        text: as it was written.
        wanted: names and values.
        since: from when, where it says so.
        until: until when, where it says so.
    """

    text: str
    wanted: Mapping[str, str]
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, text: str) -> Part:
        """Give the part that a text says; a single word is left for `found`.

        Raises:
            ConductorError: it is written wrongly.

        >>> Part.of("rule=vip,since=2h").wanted
        {'rule': 'vip'}
        """
        pieces = [piece.strip() for piece in text.split(",")]
        if len(pieces) == 1 and "=" not in text:
            return cls(text, {"": text})
        wanted: dict[str, str] = {}
        for piece in pieces:
            pair = _PAIR.fullmatch(piece)
            if pair is None:
                raise ConductorError(
                    f"{text[:80]!r} names no part of the traffic",
                    mend="write for example agent=small or rule=vip,since=2h,until=1h",
                )
            wanted[pair[1]] = pair[2]
        since, until = wanted.pop("since", ""), wanted.pop("until", "")
        return cls(text, wanted, since, until)

    def counted(self, recorded: Recorded) -> Counted:
        """Give what was counted of it.

        Raises:
            ConductorError: there is no such part; the message names the one probably meant.
        """
        wanted = dict(self.wanted)
        word = wanted.pop("", None)
        if word is not None:
            wanted[_meant(recorded, word)] = word
        part = recorded.only(wanted)
        counted = part.all(agents="agent" in wanted)
        return Counted(self.text, counted.of, counted.spent)


def _meant(recorded: Recorded, word: str) -> str:
    """Give by what name a single word is known."""
    having = [name for name in recorded.names if word in recorded.values(name)]
    if not having:
        return "agent"  # which refuses it, and says what was probably meant
    if len(having) > 1 and having[0] != "agent":
        listed = " or ".join(f"{name}={word}" for name in having)
        raise ConductorError(f"{word!r} has several meanings", mend=f"write {listed}")
    return having[0]
