"""The skeleton of the policy file as pydantic models; registries give what stands below it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints

from conductor_mw.durations import Duration
from conductor_mw.errors import FailureKind
from conductor_mw.flows.base import Target
from conductor_mw.policy.entry import Entry, GatewayEntry
from conductor_mw.scorers.base import Spec

ID_PATTERN: Final = r"^[a-z][a-z0-9_-]*$"
SIGNAL_PATTERN: Final = r"^[a-z][a-z0-9_]*$"
MAX_RULES: Final = 10_000
MAX_AGENTS: Final = 1_000
MAX_FLOWS: Final = 2_000
MAX_SIGNALS: Final = 1_000
MAX_GUARANTEES: Final = 1_000
MAX_ADDRESSES: Final = 1_000
MAX_GATEWAYS: Final = 100

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=100)]
OnError = Literal["fail", "skip", "match"]


class ClassTable(Entry):
    """The short form: a table from `input.type` to a target."""

    type: Literal["declarative"] = Field("declarative", description="the only kind there is")
    route: dict[str, Target] = Field(
        min_length=1, description="which target answers each `input.type`"
    )
    default: Target | None = Field(None, description="who answers what the table does not name")


class Workflow(Entry):
    """What the policy is called."""

    name: str = Field("", max_length=200, description="shown in reports and records")
    description: str = Field("", description="for people")
    routing: ClassTable | None = Field(None, description="the short form of `routing`")


class SignalEntry(Entry):
    """A fact that the app supplies, or one that is made from others."""

    from_: str | None = Field(
        None, alias="from", description="where it comes from: `metadata.<key>`"
    )
    expr: str | None = Field(None, description="an expression over other signals")
    function: str | None = Field(None, description="a Python function that the app binds by name")
    ask: str | None = Field(
        None,
        description="an agent or a flow that is asked for it, when a rule that reads it is reached",
    )
    prompt: str | None = Field(None, description="with `ask`: the question, in your words")
    worker: Any = Field(None, description="an address, or a worker's options; asked as `ask` is")
    labels: list[Id] = Field(
        default_factory=list[str], description="with `worker`: its labels, for guarantees"
    )
    timeout: Duration | None = Field(None, description="with `worker`: how long it may take")
    type: str | None = Field(None, description="its type, for example `string` or `list<string>`")
    one_of: list[str | int | float | bool] | None = Field(
        None, min_length=1, description="the only values it may have"
    )
    default: Any = Field(
        None, description="its value where metadata has none, or where nobody asked gave one"
    )
    doc: str = Field("", description="one sentence for people")


class PriceEntry(Entry):
    """Dollars per million tokens."""

    input: float = Field(ge=0, le=1e6)
    output: float = Field(ge=0, le=1e6)
    cached_input: float | None = Field(None, ge=0, le=1e6)


class UsageEntry(Entry):
    """Tokens that a provider bills, and reports outside the usual counts."""

    input: list[str] = Field(
        default_factory=list[str],
        max_length=20,
        description="where they stand below an answer's `usage`, billed as input",
    )
    output: list[str] = Field(
        default_factory=list[str],
        max_length=20,
        description="where they stand below an answer's `usage`, billed as output",
    )
    at_most: int | None = Field(
        None, ge=0, le=10**9, description="the most of them in one call, for bounds and budgets"
    )


class TimeoutEntry(Entry):
    """How long an agent may take."""

    whole: Duration | None = Field(None, description="until its answer is complete")
    first_part: Duration | None = Field(None, description="until the caller sees something")
    idle: Duration | None = Field(None, description="between two parts")


class RetryEntry(Entry):
    """How often an agent is asked again after a failure."""

    times: int = Field(1, ge=0, le=20, description="further tries after the first")
    on: list[FailureKind] | None = Field(
        None,
        description="the kinds of failure that are tried again; without it timeout, connection, "
        "rate_limit and server_error",
    )
    wait: Duration | None = Field(None, description="the first wait; it doubles with every try")
    longest: Duration | None = Field(None, description="the longest wait")
    with_: list[dict[str, Any]] = Field(
        default_factory=list[dict[str, Any]],
        alias="with",
        max_length=20,
        description="parameters of the second try, the third ...; the last of them holds on",
    )


class CapabilitiesEntry(Entry):
    """What an agent can; what is left out is taken from LiteLLM's list, or unknown and allowed."""

    tools: bool | None = Field(None, description="whether it calls tools")
    vision: bool | None = Field(None, description="whether it reads images")
    audio: bool | None = Field(None, description="whether it listens to sounds")
    json_: bool | None = Field(
        None, alias="json", description="whether it keeps to a `response_format` of JSON"
    )


class ReplicaEntry(Entry):
    """One deployment or key of an agent's model; what it leaves out is the agent's."""

    name: Id | None = Field(None, description="its name in records; its position without one")
    base_url: str | None = Field(None, description="another address of the provider's API")
    api_key: str | None = Field(None, description="`${env:NAME}`; never the key itself")
    model: str | None = Field(
        None, min_length=1, max_length=200, description="what this deployment calls the model"
    )
    weight: float = Field(1.0, gt=0, le=1e6, description="its share of the calls")


class OverflowEntry(Entry):
    """What happens to a conversation that is too long for an agent."""

    summarise: Id = Field(description="the agent that sums up what is left out")


class AgentEntry(Entry):
    """Somebody who can answer; one further key says of which kind: `model`, `simulated` ..."""

    model_config = ConfigDict(extra="allow")

    id: Id = Field(description="its name; agents and flows share one namespace")
    prompt: str = Field("", description="a system prompt put in front")
    parameters: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="set on every call, for example temperature"
    )
    labels: list[Id] = Field(
        default_factory=list[str], description="the words that guarantees speak about"
    )
    price: PriceEntry | None = Field(None, description="dollars per million tokens")
    prices: dict[str, PriceEntry | Literal["listed"]] | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="for a router: what the models cost that its answers name; `listed` is the "
        "price of LiteLLM's list",
    )
    usage: UsageEntry | None = Field(
        None, description="tokens that are billed and reported outside the usual counts"
    )
    timeout: Duration | TimeoutEntry | None = Field(None, description="how long it may take")
    retry: Annotated[int, Field(ge=0, le=20)] | RetryEntry | None = Field(
        None, description="how often it is asked again"
    )
    max_output_tokens: int | None = Field(None, ge=1, description="the most it can answer")
    max_media_tokens: int | None = Field(
        None, ge=1, description="the most tokens that one image, sound or file costs it"
    )
    capabilities: CapabilitiesEntry | None = Field(
        None, description="what it can; a request that needs more is not sent to it"
    )
    context_window: int | None = Field(None, ge=1, description="the most tokens it can be sent")
    quality: float | None = Field(None, ge=0, le=1, description="how good its answers are")
    on_overflow: Literal["trim"] | OverflowEntry | None = Field(
        None, description="`trim` leaves out the oldest turns of a conversation that is too long"
    )
    replicas: list[ReplicaEntry] | None = Field(
        None, min_length=1, max_length=100, description="several deployments or keys of one model"
    )
    base_url: str | None = Field(None, description="another address of the provider's API")
    api_key: str | None = Field(None, description="`${env:NAME}`; never the key itself")
    score: Spec | None = Field(None, description="how its answers are scored, from 0 to 1")
    accept: str | None = Field(
        None,
        description="a condition over `answer.*`; an answer for which it does not hold is the "
        "failure low_confidence. With `score` alone it is `answer.score >= 0.5`",
    )
    output: dict[str, Any] | None = Field(
        None, description="a JSON Schema; an answer that does not meet it is invalid_output"
    )
    via: str | None = Field(
        None, description="`direct`, `native` for the object that the app binds, or a gateway"
    )


class RuleEntry(Entry):
    """A condition and who answers where it holds; the first match wins.

    A layer may let a rule say something under the layer's name, for example `cache: {ttl: 60s}`.
    """

    model_config = ConfigDict(extra="allow")

    id: Id | None = Field(None, description="its name in decisions; `#<position>` without one")
    condition: str = Field(description="an expression over signals that gives true or false")
    target: Target = Field(description="an agent's id, a flow's name, or a flow written in place")
    on_error: OnError = Field(
        "fail", description="what a condition that cannot be evaluated counts as"
    )
    fallback: dict[FailureKind, Target] = Field(
        default_factory=dict[FailureKind, Target],
        description="who answers after each kind of failure; goes before `routing.fallback`",
    )


class RoutingEntry(Entry):
    """Which target answers which request."""

    rules: list[RuleEntry] = Field(
        default_factory=list[RuleEntry], max_length=MAX_RULES, description="first match wins"
    )
    default: Target | None = Field(None, description="who answers where no rule matches")
    fallback: dict[FailureKind, Target] = Field(
        default_factory=dict[FailureKind, Target],
        description="who answers after each kind of failure that a target could not mend",
    )
    deadline: Duration | None = Field(None, description="how long any request may take")
    decide: Literal["trajectory", "call"] = Field(
        "trajectory",
        description="whether the rules decide once for all calls of an agent's tool loop, whose "
        "agent then goes on, or for every call",
    )


class NeverEntry(Entry):
    """Agents that must never see certain requests."""

    when: str = Field(description="an expression over signals")
    agents_without: Id | None = Field(None, description="forbids agents without this label")
    agents_with: Id | None = Field(None, description="forbids agents with this label")
    agents: list[Id] | None = Field(None, min_length=1, description="forbids these agents")


class AtMostEntry(Entry):
    """The most that one request may cost."""

    calls: int | None = Field(None, ge=1, description="calls of agents, retries included")
    dollars: float | None = Field(None, ge=0, le=1e6)
    seconds: float | None = Field(None, gt=0, le=1e8)


class GuaranteeEntry(Entry):
    """What must never happen."""

    id: Id | None = Field(None, description="its name in reports; `#<position>` without one")
    never: NeverEntry | None = None
    at_most: AtMostEntry | None = None


class RolloutEntry(Entry):
    """A new version of this policy that answers a share of the traffic."""

    policy: str = Field(min_length=1, description="the file of the new version, beside this one")
    percent: float = Field(gt=0, le=100, description="its share of the requests")
    by: str | None = Field(
        None, description="an expression; equal values stay with one version, else chance decides"
    )
    back_when: str | None = Field(
        None,
        description="a condition over `rollout.*` and `current.*` (runs, error_rate, "
        "unaccepted_rate, p95_ms, mean_dollars); once it holds, the new version gets nothing more",
    )


class EnvironmentEntry(Entry):
    """What one environment replaces. Guarantees and rules stay as they are."""

    agents: dict[Id, dict[str, Any]] = Field(
        default_factory=dict[str, dict[str, Any]],
        description="settings of agents to replace, by id",
    )
    gateways: dict[Id, dict[str, Any]] = Field(
        default_factory=dict[str, dict[str, Any]],
        description="settings of gateways to replace, by name",
    )
    plugins: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="options of plugins to replace, by plugin"
    )


class PolicyFile(Entry):
    """A routing policy of conductor-mw."""

    version: Literal[1] = Field(1, description="the version of this format")
    workflow: Workflow | None = Field(None, description="what the policy is called")
    include: str | list[str] | None = Field(
        None, description="files that lie under this one; this one may only narrow them"
    )
    mode: Literal["enforce", "observe"] = Field(
        "enforce", description="`observe` decides and records, but the app's own model answers"
    )
    env: list[str] = Field(
        default_factory=list[str], description="environment variables that conditions may read"
    )
    addresses: list[str] = Field(
        default_factory=list[str],
        max_length=MAX_ADDRESSES,
        description="where workers may be, for example https://score.example.com; loopback always",
    )
    rollout: RolloutEntry | None = Field(
        None, description="a new version that answers a share of the traffic"
    )
    signals: dict[str, SignalEntry] = Field(
        default_factory=dict[str, SignalEntry],
        max_length=MAX_SIGNALS,
        description="facts that the app supplies",
    )
    agents: list[AgentEntry] = Field(
        default_factory=list[AgentEntry], max_length=MAX_AGENTS, description="who can answer"
    )
    gateways: dict[Id, GatewayEntry] = Field(
        default_factory=dict[str, GatewayEntry],
        max_length=MAX_GATEWAYS,
        description="ways to models; an agent says `via: <name>`",
    )
    flows: dict[Id, dict[str, Any]] = Field(
        default_factory=dict[str, dict[str, Any]],
        max_length=MAX_FLOWS,
        description="named strategies; each has one marking key, for example `fallback`",
    )
    routing: RoutingEntry | None = Field(None, description="which target answers which request")
    guarantees: list[GuaranteeEntry] = Field(
        default_factory=list[GuaranteeEntry],
        max_length=MAX_GUARANTEES,
        description="what must never happen",
    )
    plugins: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="layers around every request, with options"
    )
    order: list[str] = Field(
        default_factory=list[str], description="layers from outside to inside, against their ranks"
    )
    tokens: Literal["estimate", "exact"] = Field(
        "estimate", description="how `input.tokens` is counted: from bytes, or with a tokenizer"
    )
    time_zone: str = Field(
        "UTC", max_length=64, description="the zone of `time.*`, for example Europe/Berlin"
    )
    store: str | None = Field(
        None, description="where shared state lives, for example sqlite:state.db"
    )
    environments: dict[Id, EnvironmentEntry] = Field(
        default_factory=dict[str, EnvironmentEntry], description="chosen by CONDUCTOR_ENV"
    )
