"""What a layer or a speaker may need when it is made ready, once for each policy."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from .commitment import LENGTHS_ONLY, Commitments

if TYPE_CHECKING:
    from .clock import Clock
    from .gates import Approvals
    from .live import Board
    from .policy import Policy
    from .stores.base import Store

T = TypeVar("T")


class Stores(Protocol):
    """Opens stores, each address once."""

    def __call__(self, address: str | None = None, /) -> Store:
        """Give the store of an address, or the policy's own; one in memory where it names none.

        Raises:
            ConductorError: there is no such kind of store, or it cannot be opened.
        """
        ...


class Telling(Protocol):
    """Tells an event that belongs to no run."""

    def __call__(self, name: str, /, *, run: str = "", **data: object) -> None:
        """Tell everybody who hears of such events."""
        ...


class Shared:
    """What outlives a reload of the policy: counters, caches, threads. Safe from many threads."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self._lock = threading.RLock()

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what was made under a key, or make it now.

        Args:
            key: begin it with the layer's name: `("budget", "ledger")`.
            make: makes it; where it has `close()`, the conductor calls that when it closes.
        """
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return cast("T", self._kept[key])

    def close(self) -> None:
        """Close everything, what was made last first, and only then raise the first error."""
        first: Exception | None = None
        with self._lock:
            while self._kept:
                close = getattr(self._kept.popitem()[1], "close", None)
                if close is None:
                    continue
                try:
                    close()
                except Exception as error:  # noqa: BLE001 - raised below, after the others closed
                    first = first or error
        if first is not None:
            raise first


def _tell_nobody(_name: str, /, *, run: str = "", **_data: object) -> None:
    """Tell nobody."""
    del run


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds a policy at work.

    Attributes:
        policy: the compiled policy.
        clock: what time it is.
        board: where live signals are told.
        store: gives the store that the policy names, or one in memory; or that of another address.
        approvals: the host app's own way to ask people, or None where the store's queue is used.
        shared: gives what outlives a reload of the policy.
        tell: tells an event that belongs to no run.
        commitments: make what records hold instead of a text.
        dice: where chance comes from; seeded where the conductor is.
        bound: the app's objects, by the id of the agent that they answer for.
    """

    policy: Policy
    clock: Clock
    board: Board
    store: Stores
    approvals: Approvals | None = None
    shared: Shared = field(default_factory=Shared)
    tell: Telling = _tell_nobody
    commitments: Commitments = LENGTHS_ONLY
    dice: random.Random = field(default_factory=random.Random)
    bound: Mapping[str, object] = field(default_factory=dict[str, object])
