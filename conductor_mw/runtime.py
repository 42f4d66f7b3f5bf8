"""A policy ready to run: what is made once for each load and shared by all of its runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .audience import Audience
from .clock import SystemClock
from .commitment import LENGTHS_ONLY, Commitments
from .layers import Layers
from .live import Board

if TYPE_CHECKING:
    from .drivers import Host
    from .parts import Parts
    from .policy import Policy
    from .rollout import Versions
    from .run import Run

_NO_LAYERS: Final = Layers()


@dataclass(frozen=True, slots=True)
class Runtime:
    """A policy ready to run: its layers and observers compiled once, its speakers connected.

    Attributes:
        policy: the compiled policy.
        host: what drivers need.
        layers: what lies around the whole request and around every attempt.
        audience: who is told of what happens.
        board: what live signals read.
        commitments: make what events and decisions hold instead of the user's text.
        innermost: what decides and answers inside every layer; `route` where left out.
        observed: where the policy only observes, the runtime in which the app's own model answers.
        versions: where the policy rolls out a new version, that one.
        leaves: whether its runs may be left where they wait for people, and taken up again.
        attended: the runtimes in which the app makes an agent's calls itself, by agent; made when
            first needed.
    """

    policy: Policy
    host: Host
    board: Board
    layers: Layers = _NO_LAYERS
    audience: Audience = field(default_factory=lambda: Audience(SystemClock()))
    commitments: Commitments = LENGTHS_ONLY
    innermost: Callable[[Run], Parts] | None = None
    observed: Runtime | None = None
    versions: Versions | None = None
    leaves: bool = False
    attended: dict[str, Runtime] = field(default_factory=dict[str, "Runtime"], repr=False)
