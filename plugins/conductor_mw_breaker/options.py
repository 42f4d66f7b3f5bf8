"""What a policy may write below `breaker`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import Duration, LayerSite, Setting

from .fleet import Fleet
from .guarded import Guarded
from .layer import Breaker
from .ledger import Ledger
from .probing import Probing, StoreDown
from .thresholds import Thresholds
from .watching import Watch

_UNCOUNTED: Final = frozenset({"human"})
Share = Annotated[float, Field(gt=0, le=1)]
Calls = Annotated[int, Field(ge=1, le=1_000_000)]
Probes = Annotated[int, Field(ge=1, le=1_000)]
Length = Annotated[Duration, Field(gt=0)]


class OwnBreaker(BaseModel):
    """What holds for one agent instead of what holds for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error_rate: Share | None = Field(
        default=None, description="The share of failed calls from which the circuit opens."
    )
    slow_after: Length | None = Field(
        default=None, description="A call is slow whose first part takes longer."
    )
    slow_rate: Share | None = Field(
        default=None, description="The share of slow calls from which the circuit opens."
    )
    min_calls: Calls | None = Field(
        default=None, description="The calls that must have been seen before it opens."
    )
    window: Length | None = Field(
        default=None, description="Calls that ended longer ago do not count."
    )
    open_for: Length | None = Field(
        default=None, description="How long it stays open the first time."
    )
    longest: Length | None = Field(
        default=None, description="How long it stays open at most, however often it opens in a row."
    )
    probes: Probes | None = Field(
        default=None, description="How many calls find out whether the agent works again."
    )
    probe_within: Length | None = Field(
        default=None, description="A probe that has not ended by then is given up."
    )


class BreakerOptions(BaseModel):
    """When an agent is not asked for a while, and how it comes back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error_rate: Share = Field(
        default=0.5, description="The share of failed calls from which an agent's circuit opens."
    )
    slow_after: Length | None = Field(
        default=None,
        description="A call is slow whose first part takes longer; without it, no call is slow.",
    )
    slow_rate: Share = Field(
        default=0.8, description="The share of slow calls from which the circuit opens."
    )
    min_calls: Calls = Field(
        default=10, description="The calls that must have been seen in the window before it opens."
    )
    window: Length = Field(default=60.0, description="Calls that ended longer ago do not count.")
    open_for: Length = Field(
        default=30.0,
        description="How long it stays open the first time; twice as long each further time in a "
        "row, less up to a fifth by chance.",
    )
    longest: Length = Field(
        default=600.0,
        description="How long it stays open at most, however often it opens in a row.",
    )
    probes: Probes = Field(
        default=3,
        description="How many calls then find out whether the agent works again. All of them must "
        "answer well.",
    )
    probe_within: Length = Field(
        default=60.0,
        description="A probe that has not ended by then is given up, and another may go.",
    )
    store_down: StoreDown = Field(
        default="local",
        description="While a shared store cannot be reached: `local` every process decides alone, "
        "`refuse` an open circuit stays open, `allow` calls go through that an open circuit would "
        "stop.",
    )
    agents: dict[str, OwnBreaker] = Field(
        default={}, description="What holds for some agents instead, by id."
    )

    def prepare(self, site: LayerSite) -> Prepared:
        """Give what holds for every agent.

        Raises:
            PolicyError: an agent does not exist or is named in two places, a rule has a breaker, or
                lengths of time contradict each other.
        """
        for name in self.agents:
            if name not in site.agents:
                site.refuse(f"there is no agent {name!r}", "agents", name)
            if name in site.own_of_agents:
                site.refuse(
                    f"agent {name!r} has a `breaker:` of its own", "agents", name,
                    mend="Say it in one place.",
                )  # fmt: skip
        for rule in site.own_of_rules:
            site.refuse(
                f"rule {rule!r} has a `breaker:`, but a circuit is an agent's",
                mend="Write it at the agent.",
            )
        own = {**self.agents, **site.own_of_agents}
        found: dict[str, Thresholds] = {}
        for name in site.agents:
            found[name] = self._thresholds(own.get(name))
            if found[name].longest < found[name].open_for:
                site.refuse(
                    f"agent {name!r}: `longest` is shorter than `open_for`",
                    mend="Write a `longest` of at least `open_for`.",
                )
        return Prepared(found, self.store_down)

    def _thresholds(self, own: BaseModel | None) -> Thresholds:
        stated = {} if own is None else own.model_dump(exclude_none=True)
        return Thresholds(**{**self.model_dump(exclude={"agents", "store_down"}), **stated})


@dataclass(frozen=True, slots=True)
class Prepared:
    """The options, looked up and checked.

    Attributes:
        thresholds: what holds for every agent, by id.
        store_down: what happens while the store cannot be reached.
    """

    thresholds: Mapping[str, Thresholds]
    store_down: StoreDown

    def build(self, setting: Setting) -> Breaker:
        """Give the layer over the circuits that were there before this policy was loaded."""
        address = setting.policy.store or "memory:"
        shares = address.partition(":")[0] != "memory"

        def made() -> Fleet:
            return Fleet(setting.clock, Ledger(setting.store()) if shares else None, setting.tell)

        fleet = setting.shared(("breaker", "circuits", address), made)
        fleet.tell = setting.tell
        if shares:
            setting.shared(("breaker", "watch", address), lambda: Watch(fleet))
        guarded = {
            name: Guarded(
                fleet.circuit(name), thresholds, setting.policy.agents[name].kind not in _UNCOUNTED
            )
            for name, thresholds in self.thresholds.items()
        }
        layer = Breaker(Probing(guarded, fleet, self.store_down, setting.dice), setting.board)
        setting.board.watch_agents(layer.state)
        return layer
