"""What a layer or a speaker may need when it is made ready, once for each policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clock import Clock
    from .gates import Approvals
    from .live import Board
    from .policy import Policy
    from .stores.base import Store


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds a policy at work.

    Attributes:
        policy: the compiled policy.
        clock: what time it is.
        board: where live signals are told.
        store: gives the store that the policy names, or one in memory.
        approvals: the host app's own way to ask people, or None where the store's queue is used.
    """

    policy: Policy
    clock: Clock
    board: Board
    store: Callable[[], Store]
    approvals: Approvals | None = None
