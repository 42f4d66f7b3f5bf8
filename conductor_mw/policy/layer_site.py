"""Compile what the options of a layer ask for; see `conductor_mw.layer_site.LayerSite`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from conductor_mw.agents.base import Agent
from conductor_mw.errors import ConductorError
from conductor_mw.policy.paid import paid_among
from conductor_mw.policy.site import FlowSite
from conductor_mw.policy.workers import refused_address
from conductor_mw.rules import Expression
from conductor_mw.signals import Signal
from conductor_mw.signals.paid import Paid


@dataclass(frozen=True, slots=True)
class OptionsSite(FlowSite):
    """The place of one layer's options."""

    agents: Mapping[str, Agent] = field(default_factory=dict[str, Agent])
    signals: Mapping[str, Signal] = field(default_factory=dict[str, Signal])
    rules: Sequence[str] = ()
    own_of_agents: Mapping[str, BaseModel] = field(default_factory=dict[str, BaseModel])
    own_of_rules: Mapping[str, BaseModel] = field(default_factory=dict[str, BaseModel])
    paid: Mapping[str, Paid] = field(default_factory=dict[str, Paid])
    environment: str = ""

    @property
    def store(self) -> str | None:
        """The address of the policy's shared state, or None where there is none."""
        return self.flows.draft.file.store

    @property
    def time_zone(self) -> str:
        """The name of the policy's time zone."""
        return self.flows.draft.file.time_zone

    @property
    def reads(self) -> Collection[str]:
        """The signals that rules, flows, guarantees and layers compiled so far read."""
        return frozenset(self.flows.draft.reads)

    @property
    def layers(self) -> Collection[str]:
        """The names of all layers below `plugins:`."""
        return self.flows.draft.layers.keys()

    def condition(self, text: str, *where: str | int) -> Expression:
        """Compile a boolean condition."""
        return self._free(FlowSite.condition(self, text, *where), where)

    def value(self, text: str, *where: str | int) -> Expression:
        """Compile an expression of any type."""
        return self._free(FlowSite.value(self, text, *where), where)

    def number(self, text: str, *where: str | int) -> Expression:
        """Compile a formula."""
        return self._free(FlowSite.number(self, text, *where), where)

    def address(self, url: str, *where: str | int) -> str:
        """Give a URL that leads to this computer or to what `addresses:` lists."""
        try:
            refused_address(self.flows.draft, url)
        except ConductorError as error:
            self.refuse(error.problem, *where, mend=error.mend)
        return url

    def warn(self, problem: str, *where: str | int, mend: str = "") -> None:
        """Tell what is probably wrong."""
        at = (*self.at, *where)
        self.flows.draft.find(at, "layer", problem, mend, severity="warning")

    def _free(self, found: Expression, where: tuple[str | int, ...]) -> Expression:
        asked = sorted(paid_among(self.flows.draft, self.paid, found.reads))
        if asked:
            self.refuse(
                f"it reads the signal {asked[0]!r}, and a layer asks nobody",
                *where,
                mend="read metadata or another signal that costs nothing",
            )
        return found
