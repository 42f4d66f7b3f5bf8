"""The compiled policy: everything a decision or a run needs to know, and nothing that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel

from conductor_mw.agents.base import Agent
from conductor_mw.errors import Finding, Place
from conductor_mw.flows.base import Flow
from conductor_mw.policy.guarantees import Guarantees
from conductor_mw.rules import Expression, RuleTable
from conductor_mw.rules.scope import Scope
from conductor_mw.signals import Signal
from conductor_mw.signals.paid import Paid

if TYPE_CHECKING:
    from conductor_mw.policy.rollout import Rollout

_NOWHERE: Final = Place()
OnError = Literal["fail", "skip", "match"]
DecidePer = Literal["trajectory", "call"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and who answers where it holds.

    Attributes:
        id: its name, or `#<position>`.
        position: 0 for the first rule.
        condition: the compiled condition.
        target: an agent's id, a flow's name, or `#<position>` for a flow written in place.
        flow: the compiled target, rescues included.
        on_error: what a condition that cannot be evaluated counts as.
        place: where the rule was written.
    """

    id: str
    position: int
    condition: Expression
    target: str
    flow: Flow
    on_error: OnError = "fail"
    place: Place = _NOWHERE


@dataclass(frozen=True, slots=True)
class LayerUse:
    """A layer that the policy names below `plugins:`.

    Attributes:
        name: the key below `plugins:`.
        options: an object of the layer's option class.
        rank: layers with a lower rank lie further out.
        owner: the plugin that offers the layer.
        prepared: what the options made of themselves while the policy was compiled; the options
            themselves where they prepare nothing.
        own_of_agents: what agents write under its name, by id.
        own_of_rules: what rules write under its name, by id.
    """

    name: str
    options: Any
    rank: int
    owner: str
    prepared: Any = None
    own_of_agents: Mapping[str, BaseModel] = field(default_factory=dict[str, BaseModel])
    own_of_rules: Mapping[str, BaseModel] = field(default_factory=dict[str, BaseModel])


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A compiled policy. It never changes; a new version is a new object.

    Attributes:
        name: what the policy calls itself, or the name of its file.
        fingerprint: sha-256 of its meaning, in hexadecimal; prices and formatting do not count.
        mode: `observe` decides and records, but the app's own model answers.
        agents: every agent by id.
        flows: every named flow.
        rules: the rules, first match wins.
        table: finds the first rule that matches.
        default: the target where no rule matches, or None.
        default_flow: its flow, rescues included.
        guarantees: what must never happen.
        layers: the layers that the policy names, outermost first.
        signals: every signal that a condition may read, by name.
        live_signals: the signals among those which the policy reads and which change by themselves.
        scope: the types of the signals; compiles further conditions.
        deadline: the seconds any request may take, or None.
        env: the environment variables that conditions may read.
        environment: the environment that was chosen, or an empty string.
        worst_calls: the largest number of calls one request can cost, by target, rescues and paid
            signals included.
        paid: the signals that somebody must be asked for, by name.
        store: the address of shared state, or None.
        addresses: where workers may be beside this computer.
        warnings: findings that do not stop the policy from loading.
        sources: the files that were read, the policy's own first.
        rollout: the new version that answers a share of the traffic, or None.
        decide: whether the rules decide once for a trajectory, or for every call of it.
        checked: the agents whose own checks every answer must meet, by id.
        documents: the text of every file that was read, by its name.
    """

    name: str
    fingerprint: str
    mode: Literal["enforce", "observe"]
    agents: Mapping[str, Agent]
    flows: Mapping[str, Flow]
    rules: tuple[Rule, ...]
    table: RuleTable
    default: str | None
    default_flow: Flow | None
    guarantees: Guarantees
    layers: tuple[LayerUse, ...]
    signals: Mapping[str, Signal] = field(repr=False)
    live_signals: frozenset[str]
    scope: Scope = field(repr=False)
    deadline: float | None
    env: Mapping[str, str]
    environment: str
    worst_calls: Mapping[str, int]
    store: str | None
    addresses: tuple[str, ...]
    paid: Mapping[str, Paid] = field(default_factory=dict[str, Paid])
    warnings: tuple[Finding, ...]
    sources: tuple[str, ...]
    rollout: Rollout | None = None
    decide: DecidePer = "trajectory"
    checked: Mapping[str, Flow] = field(default_factory=dict[str, "Flow"])
    documents: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
