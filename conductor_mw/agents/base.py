"""What an agent is once the policy is compiled, and what somebody who can answer has to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from pydantic import BaseModel, ConfigDict

from conductor_mw.errors import FailureKind

from .answered import Beside
from .gateway import Gateway

if TYPE_CHECKING:
    from conductor_mw.effects import Attempt
    from conductor_mw.money import Price
    from conductor_mw.parts import Parts
    from conductor_mw.setting import Setting

RETRIED: Final[frozenset[FailureKind]] = frozenset(
    {"timeout", "connection", "rate_limit", "server_error"}
)
"""The failures that a retry on the same agent may mend."""
NO_PARAMETERS: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an agent may take, in seconds; None means no limit.

    Attributes:
        whole: until its answer is complete.
        first_part: until the caller sees something.
        idle: between two parts.
    """

    whole: float | None = None
    first_part: float | None = None
    idle: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often an agent is asked again after a failure, and how long the run waits between.

    The wait before try n is a random time up to `wait * 2 ** (n - 1)`, at most `longest`; a
    provider's Retry-After is honoured where it is longer ("full jitter", Brooker 2015, AWS
    Architecture Blog).

    Attributes:
        times: further tries after the first.
        on: the kinds of failure that are tried again.
        wait: seconds.
        longest: seconds; a Retry-After beyond it ends the retries.
        parameters: what each further try sets beside the agent's parameters, the second try first;
            the last of them holds for all tries after it.
    """

    times: int = 0
    on: frozenset[FailureKind] = RETRIED
    wait: float = 0.5
    longest: float = 8.0
    parameters: tuple[Mapping[str, object], ...] = ()

    def parameters_of(self, number: int) -> Mapping[str, object]:
        """Give what try `number` sets; nothing for the first try, which is number 1."""
        if number < 2 or not self.parameters:
            return NO_PARAMETERS
        return self.parameters[min(number - 2, len(self.parameters) - 1)]


@dataclass(frozen=True, slots=True)
class Replica:
    """One of several deployments or keys of an agent's model.

    Attributes:
        name: its name in outcomes and events, or its position in the policy, from 0.
        options: the agent's options with what is this replica's own.
        weight: its share of the calls, relative to the others.
    """

    name: str
    options: AgentOptions
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Overflow:
    """What happens to a conversation that does not fit into the agent's context window.

    Attributes:
        summarise: the id of the agent that sums up what is left out; empty where it is only left
            out.
    """

    summarise: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who can answer, as the compiled policy describes them.

    Attributes:
        id: the name in the policy.
        kind: `model`, `simulated`, `bound` or a plugin's kind.
        options: what the policy wrote below the kind's key.
        labels: the words that guarantees speak about.
        prompt: the system prompt put in front, or an empty string.
        parameters: parameters set on every call.
        price: what its tokens cost, or None where unknown; of a router the dearest of its prices.
        max_output_tokens: the most it can answer, or None where unknown.
        max_media_tokens: the most that one image, sound or file costs it, or None where unknown.
        timeouts: how long it may take.
        retry: how often it is asked again.
        capabilities: what it can and what it cannot; what is not named is unknown and allowed.
        context_window: the most tokens that it can be sent, or None where unknown.
        quality: how good its answers are, from 0 to 1, as the policy says; None where it does not.
        declared: of these three, what the policy itself says: that is part of its meaning.
        replicas: its deployments or keys, where it has several.
        overflow: what happens to a conversation that is too long for it, or None.
        gateway: how its calls travel, or None where they go to its provider directly.
        prices: of a router, what the models cost that its answers name; None where unknown.
        beside: tokens that are billed and reported outside the usual counts, or None.
        fingerprint: hash of everything that shapes its answers; a cache key uses it.
    """

    id: str
    kind: str
    options: AgentOptions
    labels: frozenset[str] = frozenset()
    prompt: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    price: Price | None = None
    price_source: str = "unknown"
    max_output_tokens: int | None = None
    max_media_tokens: int | None = None
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    capabilities: Mapping[str, bool] = field(default_factory=dict[str, bool])
    context_window: int | None = None
    quality: float | None = None
    declared: Mapping[str, object] = field(default_factory=dict[str, object])
    replicas: tuple[Replica, ...] = ()
    overflow: Overflow | None = None
    gateway: Gateway | None = None
    prices: Mapping[str, Price | None] = field(default_factory=dict[str, "Price | None"])
    beside: Beside | None = None
    fingerprint: str = ""

    @property
    def worst_calls(self) -> int:
        """The most calls that one answer can cost: retries, and each replica once at once."""
        return 1 + self.retry.times + max(0, len(self.replicas) - 1)


class Speaker(Protocol):
    """Somebody who can answer, ready to be asked. One speaker serves all runs of a policy."""

    def answer(self, attempt: Attempt) -> Parts:
        """Give the answer's parts.

        Written once for both colours: await `Open`, `Io` and `Sleep`, never the loop itself.

        Args:
            attempt: what is asked: `attempt.request` carries the agent's prompt and parameters
                already, and its `stream` says whether to answer part by part; `attempt.deadline`
                is the monotonic second at which it ends, to be handed to the SDK as a timeout;
                where `attempt.visible` is False, the caller must not see the parts as they come.
        """
        ...


class AgentOptions(BaseModel, ABC):
    """What a policy writes below an agent's kind, for example below `simulated:`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    free: ClassVar[bool] = False
    """Whether asking costs nothing, so that the price is known where the policy states none."""

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """Give the mapping for a short form, for example for `model: openai/gpt-4o-mini`."""
        return value

    @abstractmethod
    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        """Give a speaker for this agent.

        Args:
            agent: the agent as the policy describes it.
            setting: the policy, the clock and the store, for speakers that need them.

        Raises:
            ConductorError: the agent cannot be reached from here, for example without its extra.
        """
