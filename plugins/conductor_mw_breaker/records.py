"""What is known of an agent that is not asked as usual: when probes may begin, or who drained it.

Everything here is a value: a change gives a new one. The same functions therefore run under a lock
in one process and in a compare-and-swap on a store that many processes share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

_SKEW: Final = 60.0
"""Seconds that the clocks of two computers may differ."""


@dataclass(frozen=True, slots=True)
class Trip:
    """An open circuit.

    Attributes:
        epoch: which one of the agent's this is; it rises whenever the circuit opens again.
        until: the second from which probes may go through.
        length: how many seconds lie between its opening and that.
        times: how often in a row it opened; 1 is the first time.
        since: the second at which it opened first.
        probes: every probe that took a permit, and the second until which it holds it; infinity
            where it has answered well.
    """

    epoch: int
    until: float
    length: float
    times: int = 1
    since: float = 0.0
    probes: Mapping[str, float] = field(default_factory=dict[str, float])

    def wait(self, now: float) -> float:
        """Give the seconds until probes may begin.

        A record whose opening lies in the future was written by a clock that was set back since, or
        by a wrong one. It must not keep the agent away for as long as the clock was wrong.

        >>> trip = Trip(1, until=1030.0, length=30.0)
        >>> trip.wait(1010.0), trip.wait(1030.0), trip.wait(500.0)
        (20.0, 0.0, 0.0)
        """
        if now < self.until - self.length - _SKEW:
            return 0.0
        return max(0.0, self.until - now)

    def room(self, now: float, most: int, asking: int = 0) -> bool:
        """Whether one more probe may go through now.

        Where a reload wants fewer than have answered well already, one more closes the circuit:
        without it, all permits would be taken for ever.

        Args:
            now: the second.
            most: how many probes there may be.
            asking: how many ask for a permit at this moment.
        """
        return self.wait(now) <= 0 and self._held(now) + asking < max(most, self.well + 1)

    def admitted(self, name: str, now: float, most: int, lease: float) -> Trip:
        """Give the trip with a permit for the probe `name`, or unchanged where there is no room.

        A probe whose lease is over loses its permit to the new one: whoever is stuck must not keep
        the circuit half-open for ever.
        """
        if not self.room(now, most):
            return self
        held = {probe: until for probe, until in self.probes.items() if until > now}
        return replace(self, probes={**held, name: now + lease})

    def passed(self, name: str) -> Trip:
        """Give the trip after the probe `name` answered well; unchanged if it has no permit."""
        return replace(self, probes={**self.probes, name: inf}) if name in self.probes else self

    def freed(self, name: str) -> Trip:
        """Give the trip after the probe `name` ended without telling anything of the agent."""
        probes = {probe: until for probe, until in self.probes.items() if probe != name}
        return replace(self, probes=probes) if name in self.probes else self

    @property
    def well(self) -> int:
        """How many probes have answered well."""
        return sum(until == inf for until in self.probes.values())

    def _held(self, now: float) -> int:
        return sum(until > now for until in self.probes.values())


@dataclass(frozen=True, slots=True)
class Note:
    """Who drained an agent, or let it work again, by hand.

    Attributes:
        by: who did it.
        because: why, in their words.
        at: when, in UTC seconds.
        until: the UTC second at which a drained agent works again by itself, or None.
        resumed: whether the agent works again.
    """

    by: str
    because: str = ""
    at: float = 0.0
    until: float | None = None
    resumed: bool = False

    def holds(self, utc: float) -> bool:
        """Whether the agent is drained at a UTC second.

        >>> note = Note("ana", until=100.0)
        >>> note.holds(99.0), note.holds(100.0), Note("ana", resumed=True).holds(0.0)
        (True, False, False)
        """
        return not self.resumed and (self.until is None or utc < self.until)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one agent; empty where it is asked as usual.

    Attributes:
        trip: the circuit while it is not closed, or None.
        note: what was done by hand last, or None.
        epoch: the epoch of the newest trip, also of one that is over.
    """

    trip: Trip | None = None
    note: Note | None = None
    epoch: int = 0

    def opened(self, now: float, length: float) -> Record:
        """Give the record with an open circuit; a circuit that is open already stays as it is."""
        if self.trip is not None:
            return self
        epoch = self.epoch + 1
        return replace(self, trip=Trip(epoch, now + length, length, since=now), epoch=epoch)

    def reopened(self, now: float, length: float) -> Record:
        """Give the record with a circuit that opens once more, because a probe failed."""
        if self.trip is None:
            return self
        epoch = self.epoch + 1
        trip = Trip(epoch, now + length, length, self.trip.times + 1, self.trip.since)
        return replace(self, trip=trip, epoch=epoch)

    def with_trip(self, trip: Trip | None) -> Record:
        """Give the record with a changed trip, or with none: the circuit is closed."""
        return replace(self, trip=trip)

    def with_note(self, note: Note) -> Record:
        """Give the record with what was done by hand."""
        return replace(self, note=note)

    def merged(self, own: Record) -> Record:
        """Give what holds where `own` was changed while the store could not be reached.

        The newer epoch wins; of the same epoch, that the agent answered again is the later news.
        """
        newest = own if (own.epoch, own.trip is None) > (self.epoch, self.trip is None) else self
        notes = [one.note for one in (self, own) if one.note is not None]
        note = max(notes, key=lambda one: one.at, default=None)
        return Record(newest.trip, note, newest.epoch)
