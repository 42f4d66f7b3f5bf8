"""Who hears of what happens: every observer of the process, and the layers of one policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from .events import Event

if TYPE_CHECKING:
    from .clock import Clock

Hearers = Sequence[Callable[[Event], None]]


class Audience:
    """Finds whom to tell of an event by its name; an event that nobody hears is not even made."""

    __slots__ = ("_by_name", "_clock", "_everybody")

    def __init__(self, clock: Clock, observers: Hearers = ()) -> None:
        self._clock = clock
        self._everybody = observers
        self._by_name: dict[str, Hearers] = {}

    def admit(self, hearers: Mapping[str, Hearers]) -> None:
        """Let the layers of a policy hear what they ask for, after every observer."""
        self._by_name = {name: (*self._everybody, *found) for name, found in hearers.items()}

    def of(self, name: str) -> Hearers:
        """Give whom to tell of events of this name."""
        return self._by_name.get(name, self._everybody)

    def hears(self, name: str) -> bool:
        """Whether a layer asked for events of this name."""
        return name in self._by_name

    def tell(self, name: str, /, *, run: str = "", **data: object) -> None:
        """Tell an event that happens outside a run, though it may be about one."""
        found = self.of(name)
        if not found:
            return
        now = self._clock.now()
        event = Event(name=name, run=run, monotonic=now.monotonic, utc=now.utc, data=data)
        for hear in found:
            hear(event)
