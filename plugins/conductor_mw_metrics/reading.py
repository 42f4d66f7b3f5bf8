"""Read what was counted out of the tables, and put it together by agent, rule or label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from conductor_mw import ConductorError, Duration, nearest

from . import tables
from .databases import Database
from .figures import Counted
from .histogram import merge
from .tally import Series, Tally

BY: Final = ("agent", "rule", "target", "policy")
"""By what everything can be told apart; labels as well."""

_LENGTH: Final = TypeAdapter[float](Duration)


@dataclass(frozen=True, slots=True)
class Span:
    """From one minute to before another, since 1970, UTC."""

    since: int
    until: int

    @classmethod
    def of(cls, since: str, until: str, now: float) -> Span:
        """Give the span that two texts mean: lengths of time before now, or moments.

        Raises:
            ConductorError: one of them is neither, or they lie in the wrong order.

        >>> Span.of("1h", "", 7260.0)
        Span(since=61, until=122)
        """
        begin = _second(since, now, "--since")
        end = _second(until, now, "--until") if until else now + 60
        if begin >= end:
            raise ConductorError(f"{since!r} is not before {until!r}")
        return cls(int(begin // 60), int(end // 60))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was counted in some span of time.

    Attributes:
        tallies: the counters by series.
        span: from when to when.
    """

    tallies: Mapping[Series, Tally]
    span: Span

    @classmethod
    def read(cls, database: Database, span: Span) -> Recorded:
        """Give what a database holds.

        Raises:
            ConductorError: it cannot be read, or nothing was counted there yet.
        """
        with database.reading() as cursor:
            return cls(tables.read(cursor, span.since, span.until), span)

    @property
    def names(self) -> tuple[str, ...]:
        """By what it can be told apart: agent, rule, target, policy, and the labels."""
        labels = {name for series in self.tallies for name, _ in series.where.labels}
        return (*BY, *sorted(labels))

    def values(self, name: str) -> tuple[str, ...]:
        """Give the values that something has, sorted.

        Raises:
            ConductorError: nothing is called so.
        """
        self.check(name)
        found = {value_of(series, name) for series in self.tallies}
        return tuple(sorted(value for value in found if value))

    def check(self, name: str) -> None:
        """Refuse a name that nothing is told apart by. Raises `ConductorError`."""
        if name not in self.names:
            raise ConductorError(
                f"nothing was counted by {name[:80]!r}",
                mend=nearest(name, self.names),
            )

    def only(self, wanted: Mapping[str, str]) -> Recorded:
        """Give the part in which names have certain values; a policy's may be shortened.

        Raises:
            ConductorError: nothing is called so, or nothing has that value.
        """
        for name, value in wanted.items():
            known = self.values(name)
            if not any(_is(name, one, value) for one in known):
                raise ConductorError(
                    f"no {name} {value[:80]!r} was counted in this time",
                    mend=nearest(value, known),
                )
        part = {
            series: tally
            for series, tally in self.tallies.items()
            if all(_is(name, value_of(series, name), value) for name, value in wanted.items())
        }
        return Recorded(part, self.span)

    def all(self, *, agents: bool = False) -> Counted:
        """Give everything together.

        Args:
            agents: whether times and rates are those of agents' calls; of requests where not.
        """
        counted = Counted("all")
        for series, tally in self.tallies.items():
            if series.agent:
                counted.spent.add(tally)
            if bool(series.agent) is agents:
                counted.of.add(tally)
        return counted

    def by(self, name: str) -> Sequence[Counted]:
        """Give it by agent, rule, target, policy or label, those with most calls first.

        Raises:
            ConductorError: nothing is called so.
        """
        self.check(name)
        parts: dict[str, dict[Series, Tally]] = {}
        for series, tally in self.tallies.items():
            parts.setdefault(value_of(series, name), {})[series] = tally
        found = [
            Counted(value, counted.of, counted.spent)
            for value, part in parts.items()
            if value or name != "agent"
            for counted in (Recorded(part, self.span).all(agents=name == "agent"),)
        ]
        return sorted(found, key=lambda one: (-one.calls, one.name))


def read_courses(
    database: Database, recorded: Recorded, name: str, pieces: int
) -> Mapping[str, Sequence[Mapping[int, int]]]:
    """Give the latency in so many pieces of time, by agent, rule, target, policy or label."""
    span = recorded.span
    with database.reading() as cursor:
        times = tables.read_times(cursor, span.since, span.until, pieces)
    found: dict[str, list[dict[int, int]]] = {}
    for series, latency in times.items():
        if series in recorded.tallies and bool(series.agent) is (name == "agent"):
            course = found.setdefault(value_of(series, name), [{} for _ in range(pieces)])
            for at, buckets in latency.items():
                merge(course[at], buckets)
    return found


def value_of(series: Series, name: str) -> str:
    """Give the value that a series has by a name; empty where it has none."""
    if name == "agent":
        return series.agent
    if name in BY:
        return str(getattr(series.where, name))
    return dict(series.where.labels).get(name, "")


def _is(name: str, value: str, wanted: str) -> bool:
    return value.startswith(wanted) if name == "policy" else value == wanted


def _second(text: str, now: float, option: str) -> float:
    try:
        return now - _LENGTH.validate_python(text)
    except ValidationError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConductorError(
            f"{option} {text[:40]!r} is no length of time and no moment",
            mend="write for example 1h, 7d or 2026-01-31T12:00",
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
