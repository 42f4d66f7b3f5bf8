"""What a layer's options may ask for while the policy that names them is compiled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from .flows.base import Site

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .agents.base import Agent
    from .signals import Signal


class LayerSite(Site, Protocol):
    """The place of a layer's options below `plugins:`.

    What it compiles is checked with the policy, so that `check` finds a mistake in it. Expressions
    over signals that somebody must be asked for are refused: a layer asks nobody.
    """

    @property
    def agents(self) -> Mapping[str, Agent]:
        """Every agent of the policy, by id."""
        ...

    @property
    def signals(self) -> Mapping[str, Signal]:
        """Every signal that a condition may read, by name."""
        ...

    @property
    def rules(self) -> Sequence[str]:
        """The ids of the rules, in their order."""
        ...

    @property
    def reads(self) -> Collection[str]:
        """The signals that rules, flows, guarantees and layers compiled so far read."""
        ...

    @property
    def layers(self) -> Collection[str]:
        """The names of all layers below `plugins:`."""
        ...

    @property
    def own_of_agents(self) -> Mapping[str, BaseModel]:
        """What agents write under the layer's name, by the agent's id."""
        ...

    @property
    def own_of_rules(self) -> Mapping[str, BaseModel]:
        """What rules write under the layer's name, by the rule's id."""
        ...

    @property
    def environment(self) -> str:
        """The environment that was chosen, or an empty string."""
        ...

    @property
    def store(self) -> str | None:
        """The address of the policy's shared state, or None where there is none."""
        ...

    @property
    def time_zone(self) -> str:
        """The name of the policy's time zone."""
        ...

    def address(self, url: str, *where: str | int) -> str:
        """Give a URL that leads to this computer or to what `addresses:` lists; refuse others."""
        ...

    def warn(self, problem: str, *where: str | int, mend: str = "") -> None:
        """Tell what is probably wrong; the policy can be used all the same."""
        ...
