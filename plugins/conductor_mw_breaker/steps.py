"""What a probe does to an agent's record: it takes a permit, and hands in how it ended.

Each is called with the record that is there and gives the next one; where another process was
quicker it is called again, so what it notes down is what happened at the last call.
"""

from __future__ import annotations

from dataclasses import dataclass

from .records import Record, Trip
from .thresholds import Thresholds


@dataclass(slots=True)
class Admission:
    """Lends a permit to a probe, where one is left.

    Attributes:
        probe: its name.
        now: the second by which circuits open.
        most: how many probes there may be.
        lease: seconds for which a permit is lent.
        granted: whether it got a permit.
        first: whether nobody had one before.
    """

    probe: str
    now: float
    most: int
    lease: float
    granted: bool = False
    first: bool = False

    def __call__(self, record: Record) -> Record:
        """Give the record with the permit."""
        trip = record.trip
        after = trip and trip.admitted(self.probe, self.now, self.most, self.lease)
        self.granted = after is not None and self.probe in after.probes
        self.first = self.granted and trip is not None and not trip.probes
        return record.with_trip(after)

    def given_back(self, record: Record) -> Record:
        """Give the record without the permit."""
        return record.with_trip(record.trip and record.trip.freed(self.probe))


@dataclass(slots=True)
class Verdict:
    """Hands in how a probe ended.

    Attributes:
        probe: its name.
        failed: whether it failed or was slow; None where it says nothing of the agent.
        now: the second by which circuits open.
        thresholds: what holds for the agent.
        chance: a number from 0 up to 1.
        asked: for how many seconds the provider asked not to be called, or None.
        opened: the trip that began because it failed, or None.
        closed: the trip that it ended, or None.
    """

    probe: str
    failed: bool | None
    now: float
    thresholds: Thresholds
    chance: float
    asked: float | None = None
    opened: Trip | None = None
    closed: Trip | None = None

    def __call__(self, record: Record) -> Record:
        """Give the record after the probe; unchanged where its permit is gone, so it came late."""
        self.opened = self.closed = None
        trip = record.trip
        if trip is None or self.probe not in trip.probes:
            return record
        if self.failed is None:
            return record.with_trip(trip.freed(self.probe))
        if self.failed:
            length = self.thresholds.length(trip.times + 1, self.chance, self.asked)
            after = record.reopened(self.now, length)
            self.opened = after.trip
            return after
        passed = trip.passed(self.probe)
        if passed.well < self.thresholds.probes:
            return record.with_trip(passed)
        self.closed = trip
        return record.with_trip(None)
