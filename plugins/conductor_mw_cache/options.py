"""What a policy may write below `cache:`, at the plugin, at an agent and at a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw import Agent, Duration, Expression, LayerSite, Setting

from .partition import Partitions
from .semantic.options import SemanticOptions

if TYPE_CHECKING:
    from .layer import Cache

MEMORY: Final = "memory"
PERSONAL: Final = ("input.pii", "input.secrets")
"""Signals that say what must not be kept, where a policy has them."""
_ANSWERING: Final = frozenset(("model", "simulated", "bound"))
"""Kinds of agents that only answer; others may act, and are cached where they are named."""
_COUNTED: Final = frozenset(("list", "map", "string"))


class OwnCache(BaseModel):
    """What an agent or a rule may write under `cache`; `cache: off` turns it off there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ttl: Duration | None = Field(default=None, description="How long an answer is kept; 0s: never.")
    temperature: bool | None = Field(
        default=None, description="Whether answers to a temperature above 0 are kept."
    )
    tool_calls: bool | None = Field(
        default=None, description="Whether answers that call tools are kept."
    )

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """`cache: off` is short for `cache: {ttl: 0s}`."""
        return {"ttl": "0s"} if value is False or value == "off" else value


class CacheOptions(BaseModel):
    """What a policy may write below `plugins.cache`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ttl: Duration = Field(default=3600.0, description="How long an answer is kept.")
    scope: Literal["tenant", "user", "shared"] = Field(
        default="tenant", description="Who may get an answer that somebody else asked for."
    )
    tenant: str | None = Field(
        default=None, description="The tenant, an expression; the signal `tenant` if left out."
    )
    user: str | None = Field(
        default=None, description="The user, an expression; the signal `user` if left out."
    )
    store: str = Field(
        default=MEMORY, min_length=1, description="`memory`, or the address of a store."
    )
    most_entries: Annotated[int, Field(ge=1)] = Field(
        default=10_000, description="The most answers in memory."
    )
    most_bytes: Annotated[int, Field(ge=1)] = Field(
        default=64 * 2**20, description="About the most bytes of memory that they take."
    )
    temperature: bool = Field(
        default=False, description="Whether answers to a temperature above 0 are kept."
    )
    tool_calls: bool = Field(default=False, description="Whether answers that call tools are kept.")
    agents: tuple[str, ...] | None = Field(
        default=None, description="The agents that it stands before; every model if left out."
    )
    wait: Duration = Field(
        default=30.0,
        description="How long a call waits for an equal one that is under way; 0s: not at all.",
    )

    semantic: SemanticOptions | None = Field(
        default=None, description="Routes that may be answered by the answer to a similar question."
    )

    def prepare(self, site: LayerSite) -> Prepared:
        """Give the cache with its expressions compiled and its agents looked up."""
        if self.semantic is not None:
            self.semantic.check(site)
        tenant = self._expression(site, "tenant", needed=self.scope == "tenant")
        user = self._expression(site, "user", needed=self.scope == "user")
        uses = {name: Use.of(self, site.own_of_agents.get(name)) for name in self._agents(site)}
        # Looked for only where the policy looks for such data itself: it takes its time.
        looks = "guard" in site.layers or any(name in site.reads for name in PERSONAL)
        flags = [name for name in PERSONAL if _countable(site, name)] if looks else []
        personal = tuple(_flags(site, name) for name in flags)
        return Prepared(
            self,
            Partitions(
                self.scope,
                tenant if self.scope != "shared" else None,
                user if self.scope == "user" else None,
            ),
            personal,
            uses,
            {name: own for name, own in site.own_of_rules.items() if isinstance(own, OwnCache)},
        )

    def _expression(self, site: LayerSite, name: str, *, needed: bool) -> Expression | None:
        text: str | None = getattr(self, name)
        if text is not None:
            return site.value(text, name)
        if name in site.signals:
            return site.value(name, name)
        if needed:
            site.refuse(
                f"the cache keeps the answers of every {name} apart, and the policy does not say "
                f"who the {name} is",
                mend=f"declare a signal `{name}`, write `{name}: metadata.{name}` here, or write "
                "`scope: shared` where everybody may get everybody's answers",
            )
        return None

    def _agents(self, site: LayerSite) -> Mapping[str, Agent]:
        if self.agents is None:
            return {name: one for name, one in site.agents.items() if one.kind in _ANSWERING}
        for position, name in enumerate(self.agents):
            agent = site.agents.get(name)
            if agent is None:
                site.refuse(f"no agent {name!r}", "agents", position)
            if agent.kind == "human":
                site.refuse(
                    f"{name!r} is people, and what they answer once they did not answer again",
                    "agents",
                    position,
                    mend="leave it out",
                )
        return {name: site.agents[name] for name in self.agents}


def _countable(site: LayerSite, name: str) -> bool:
    signal = site.signals.get(name)
    return signal is not None and signal.type.kind in _COUNTED | {"bool"}


def _flags(site: LayerSite, name: str) -> Expression:
    counted = site.signals[name].type.kind in _COUNTED
    return site.condition(f"size({name}) > 0" if counted else name)


@dataclass(frozen=True, slots=True)
class Use:
    """How answers of one agent are kept."""

    ttl: float
    temperature: bool
    tool_calls: bool

    @classmethod
    def of(cls, options: CacheOptions, own: BaseModel | None) -> Self:
        """Give what the plugin says, and what the agent itself says instead."""
        use = cls(options.ttl, options.temperature, options.tool_calls)
        return use.under(own) if isinstance(own, OwnCache) else use

    def under(self, own: OwnCache) -> Self:
        """Give the same with what somebody says instead."""
        return type(self)(
            self.ttl if own.ttl is None else own.ttl,
            self.temperature if own.temperature is None else own.temperature,
            self.tool_calls if own.tool_calls is None else own.tool_calls,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """The options of one policy, compiled.

    Attributes:
        options: as the policy wrote them.
        partitions: tell whose answers these are.
        personal: conditions under which nothing is kept.
        uses: how answers are kept, by agent; other agents' are not.
        rules: what rules say instead, by id.
    """

    options: CacheOptions
    partitions: Partitions
    personal: tuple[Expression, ...]
    uses: Mapping[str, Use]
    rules: Mapping[str, OwnCache]

    def build(self, setting: Setting) -> Cache:
        """Give the layer."""
        from .layer import Cache

        return Cache.of(self, setting)
