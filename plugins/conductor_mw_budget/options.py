"""What a policy may write below `budget:`, and how it is checked while the policy compiles."""

from __future__ import annotations

from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Annotated, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_validator,
)

from conductor_mw import Agent, Duration, LayerSite, Money, nearest

from .counted import Counted, Part
from .layer import Prepared, Ways
from .lease import Cap
from .periods import Every

AGENT = "agent"
ENVIRONMENT = "environment"
_METADATA = ("user", "key", "tenant")
"""Words that stand for the app's metadata of that name where the policy declares no such signal."""


def _several(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


Share = Annotated[float, Field(gt=0.0, le=1.0)]
_TEXT: dict[str, JsonValue] = {"type": "string"}
Words = Annotated[
    tuple[str, ...],
    BeforeValidator(_several),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT}, {"type": "null"}]}),
]


class BudgetEntry(BaseModel):
    """One budget.

    Attributes:
        id: its name in events, errors and the store; made of `per` and `every` where left out.
        per: whose spending is counted apart: expressions over signals; everybody's together where
            left out. `agent` stands for the agent that is asked, `environment` for the policy's.
        dollars: how much may be spent.
        every: over how long.
        agents: counts only calls of these agents.
        environments: holds only in these environments.
        alert_at: shares of the budget at which an alert is told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field("", pattern="^([a-z][a-z0-9_-]{0,63})?$", description="Its name.")
    per: Words = Field((), description="Whose spending is counted apart.")
    dollars: Decimal = Field(gt=0, le=9_000_000, description="How much may be spent.")
    every: Every = Field(description="Over how long.")
    agents: Words = Field((), description="Counts only calls of these agents.")
    environments: Words = Field((), description="Holds only in these environments.")
    alert_at: tuple[Share, ...] | None = Field(None, description="Shares at which to alert.")


class BudgetOptions(BaseModel):
    """What a policy writes below `budget:`: one budget, or several below `budgets:`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(
        "", pattern="^([a-z][a-z0-9_-]{0,63})?$", description="The name of the one budget."
    )
    per: Words = Field(
        (),
        description="Whose spending is counted apart: expressions over signals, `agent` or "
        "`environment`; everybody's together where left out.",
    )
    dollars: Decimal | None = Field(
        None, gt=0, le=9_000_000, description="How much may be spent, where there is one budget."
    )
    every: Every | None = Field(
        None, description="Over how long: request, hour, day, week, month or total."
    )
    agents: Words = Field((), description="Counts only calls of these agents.")
    environments: Words = Field((), description="Holds only in these environments.")
    budgets: tuple[BudgetEntry, ...] = Field(
        (), description="Several budgets; every one of them must have room for a call."
    )
    alert_at: tuple[Share, ...] = Field(
        (0.8, 0.95), description="Shares of a budget at which an alert is told, once a period."
    )
    time_zone: str | None = Field(
        None, description="Whose days and months; the policy's time zone where left out."
    )
    when_exhausted: Literal["refuse", "wait"] = Field(
        "refuse",
        description="Fail the call as `budget` at once, or wait for what other calls give back.",
    )
    wait: Duration = Field(5.0, description="How long a call waits before it fails as `budget`.")
    unknown_price: Literal["refuse", "allow"] = Field(
        "refuse", description="Whether agents whose price is unknown may be asked, uncounted."
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        description="The longest answer, where neither the agent nor the caller says one.",
    )
    store_down: Literal["refuse", "local", "allow"] = Field(
        "refuse",
        description="While the shared store is away: refuse what is not in hand, go on below the "
        "cap by what this process knows, or let everything through.",
    )
    namespace: str = Field(
        "",
        pattern="^[A-Za-z0-9_.-]{0,64}$",
        description="Keeps policies apart that share a store and write alike budgets.",
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> BudgetOptions:
        single = {"id", "per", "dollars", "every", "agents", "environments"}
        stated = sorted(single & self.model_fields_set)
        if self.budgets and stated:
            raise ValueError(f"write {stated[0]!r} inside `budgets:`, or leave `budgets:` out")
        if not self.budgets and (self.dollars is None or self.every is None):
            raise ValueError(
                "says no budget; write for example {per: tenant, dollars: 20, every: day}"
            )
        return self

    def prepare(self, site: LayerSite) -> Prepared:
        """Compile the budgets, and find agents that they would refuse."""
        zone = _zone(site, self.time_zone)
        found: list[Counted] = []
        for entry, where in self._entries():
            if entry.environments and site.environment not in entry.environments:
                continue
            for agent in entry.agents:
                if agent not in site.agents:
                    mend = nearest(agent, site.agents)
                    site.refuse(f"no agent {agent!r}", *where, "agents", mend=mend)
            parts = tuple(_part(site, word, *where) for word in entry.per)
            # Every request that comes near its own end is no news, unless somebody asks for it.
            common = () if entry.every == "request" else self.alert_at
            alert_at = common if entry.alert_at is None else entry.alert_at
            counted = Counted.of(
                entry.id,
                parts,
                Cap(Money.of(entry.dollars).nano, tuple(sorted(set(alert_at)))),
                entry.every,
                zone,
                frozenset(entry.agents),
                self.namespace,
            )
            if any(counted.name == other.name for other in found):
                site.refuse(
                    f"it counts the same as another budget, {counted.id!r}",
                    *where,
                    mend="give each of them an `id:`, or leave one out",
                )
            found.append(counted)
        self._warn(site, found)
        ways = Ways(
            wait=self.wait if self.when_exhausted == "wait" else None,
            unknown_price=self.unknown_price,
            max_tokens=self.max_tokens,
            store_down=self.store_down,
        )
        return Prepared(tuple(found), ways)

    def _entries(self) -> list[tuple[BudgetEntry, tuple[str | int, ...]]]:
        if self.dollars is None or self.every is None:
            return [(entry, ("budgets", at)) for at, entry in enumerate(self.budgets)]
        one = BudgetEntry(
            id=self.id,
            per=self.per,
            dollars=self.dollars,
            every=self.every,
            agents=self.agents,
            environments=self.environments,
            alert_at=None,
        )
        return [(one, ())]

    def _warn(self, site: LayerSite, found: list[Counted]) -> None:
        allowed = self.unknown_price == "allow"
        counting = {
            name: agent
            for name, agent in site.agents.items()
            if any(one.counts(name) for one in found)
        }
        unknown = [name for name, agent in counting.items() if _unpriced(agent)]
        if unknown:
            asked = "asked without being counted" if allowed else "refused"
            site.warn(
                f"the price of {_listed(unknown)} is unknown: calls will be {asked}",
                mend="write `price: {input: ..., output: ...}` at the agent, in dollars per "
                "million tokens",
            )
        endless = [
            name
            for name, agent in counting.items()
            if agent.price is not None
            and agent.price.most(1, 1)
            and agent.max_output_tokens is None
            and not {"max_tokens", "max_completion_tokens"} & set(agent.parameters)
        ]
        if endless and self.max_tokens is None:
            site.warn(
                f"the longest answer of {_listed(endless)} is unknown: calls without max_tokens "
                "will be refused",
                mend="write `max_output_tokens:` at the agent, or `max_tokens:` at the budget",
            )


def _part(site: LayerSite, word: str, *where: str | int) -> Part:
    if word == AGENT and AGENT not in site.signals:
        return Part(word, None)
    if word == ENVIRONMENT and ENVIRONMENT not in site.signals:
        return Part(word, None, site.environment)
    text = word
    if word in _METADATA and word not in site.signals:
        text = f"metadata.{word}"
    expression = site.value(text, *where, "per")
    # A key may be a credential, and a text of the user is nobody's name: people see a stand-in.
    hidden = word == "key" or any(site.signals[name].content for name in expression.reads)
    return Part(word, expression, hidden=hidden)


def _zone(site: LayerSite, name: str | None) -> tzinfo:
    chosen = name or site.time_zone
    if chosen == "UTC":
        return UTC  # also on a machine without a time zone database
    try:
        return ZoneInfo(chosen)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if name is not None:
            site.refuse(f"no time zone {name!r}", "time_zone", mend="write for example Europe/Rome")
        return UTC  # the policy's own name is refused where it stands


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _unpriced(agent: Agent) -> bool:
    # Nobody bills for a simulated agent.
    return agent.price is None and agent.kind != "simulated"
