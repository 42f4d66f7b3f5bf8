"""What a policy may write below `limits:`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conductor_mw import Duration

from .layer import Limiter
from .rate import SECOND, Rate, RateText

if TYPE_CHECKING:
    from conductor_mw import Expression, LayerSite, Setting

StoreDown: TypeAlias = Literal["refuse", "local", "allow"]
Sort: TypeAlias = Literal["requests", "tokens"]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class OneLimit(BaseModel):
    """One limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] = Field(
        default="limit", description="its name in messages, events and the store"
    )
    per: str | None = Field(
        default=None,
        description="an expression over signals: each of its values is counted by itself",
    )
    agents: tuple[str, ...] = Field(
        default=(), description="counts attempts at these agents; whole requests where left out"
    )
    requests: RateText | None = Field(default=None, description="how many, for example 60/m")
    tokens: RateText | None = Field(
        default=None, description="tokens sent and answered, for example 100000/m"
    )
    concurrent: Count | None = Field(default=None, description="how many at the same time")
    burst: Duration | None = Field(
        default=None,
        description="how much of a rate may be used at once, as time; one period where left out",
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        self.check()
        return self

    def check(self) -> None:
        """Refuse a limit that limits nothing, or lets nobody in."""
        if not self.rates and self.concurrent is None:
            raise ValueError("limits nothing; write requests, tokens or concurrent")
        for name, rate in self.rates:
            if self.burst_of(rate) < rate.cost(1):
                raise ValueError(f"burst: in {self.burst:g} s there is not one of {name}: {rate}")

    @property
    def rates(self) -> Sequence[tuple[Sort, Rate]]:
        """The rates, and what each of them counts."""
        both: tuple[tuple[Sort, Rate | None], ...] = (
            ("requests", self.requests),
            ("tokens", self.tokens),
        )
        return [(sort, rate) for sort, rate in both if rate is not None]

    def burst_of(self, rate: Rate) -> int:
        """Give the nanoseconds by which a rate may be used ahead."""
        return rate.period if self.burst is None else round(self.burst * SECOND)


class LimitsOptions(OneLimit):
    """What a policy may write below `limits:`: one limit, or several below `limits:`."""

    limits: tuple[OneLimit, ...] = Field(
        default=(), max_length=64, description="several limits; all of them must have room"
    )
    wait: Duration = Field(default=0.0, description="how long a request waits for room at most")
    answer_tokens: Annotated[int, Field(ge=0, le=10_000_000, strict=True)] | Literal["ceiling"] = (
        Field(
            default=1000,
            description=(
                "tokens held for an answer whose request sets no max_tokens; "
                "`ceiling`: the most it can have"
            ),
        )
    )
    store_down: StoreDown = Field(
        default="local",
        description="while the store cannot be reached: refuse, count in this process, or allow",
    )
    slot_lease: Duration = Field(
        default=30.0, description="after which the slots of a killed process are free again"
    )
    learn: bool = Field(
        default=True, description="keep away from agents whose provider says that nothing is left"
    )
    learn_most: Duration = Field(
        default=60.0, description="how long what a provider said holds at most"
    )

    def check(self) -> None:
        """Refuse two forms at once, limits of the same name, and options that do nothing."""
        own = OneLimit.model_fields.keys() & self.model_fields_set
        if self.limits and own:
            raise ValueError(f"{min(own)}: one limit here, or several below `limits:`, not both")
        if not self.limits and (own or not self.learn):
            super().check()
        named = [one.id for one in self.limits]
        if len(set(named)) < len(named):
            raise ValueError("two limits have the same id; give each an `id:`")

    @property
    def every(self) -> Iterator[tuple[OneLimit, tuple[str | int, ...]]]:
        """Every limit, and the keys below which the policy writes it."""
        if self.rates or self.concurrent is not None:
            yield self, ()
        for number, one in enumerate(self.limits):
            yield one, ("limits", number)

    def prepare(self, site: LayerSite) -> Prepared:
        """Give the options with their expressions compiled; refuse agents that are unknown."""
        found: list[tuple[OneLimit, Expression | None]] = []
        for one, where in self.every:
            for number, agent in enumerate(one.agents):
                if agent not in site.agents:
                    site.refuse(
                        f"there is no agent {agent!r}",
                        *where,
                        "agents",
                        number,
                        mend=f"known: {', '.join(sorted(site.agents))}",
                    )
            found.append((one, None if one.per is None else site.value(one.per, *where, "per")))
        shared = site.store is not None and not site.store.startswith("memory:")
        return Prepared(self, tuple(found), shared)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The options, compiled.

    Attributes:
        options: what the policy says.
        limits: every limit, and the expression whose values it counts by.
        shared: whether the policy's store is shared with other processes.
    """

    options: LimitsOptions
    limits: tuple[tuple[OneLimit, Expression | None], ...]
    shared: bool

    def build(self, setting: Setting) -> Limiter:
        """Give the layer."""
        return Limiter(self, setting)
