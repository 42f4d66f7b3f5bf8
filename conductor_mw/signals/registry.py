"""What a signal is, and the facts of one request: typed, lazy, each computed at most once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from conductor_mw.effects import Instant
from conductor_mw.errors import EvaluationError, nearest
from conductor_mw.request import Request
from conductor_mw.rules.types import Type

from .glance import NOTHING_SEEN, Glance


@dataclass(frozen=True, slots=True)
class Signal:
    """A typed fact about a request that a condition may read.

    Attributes:
        name: its dotted name, for example `input.tokens`.
        type: the type of its value; the checker relies on it.
        read: computes the value from the other facts; raises `EvaluationError` where it cannot.
        eager: it comes from what the app said and costs nothing, so that an index may be keyed
            by it. Reading it may still fail, for example where metadata is missing.
        content: the value holds text of the user; records carry its length only.
        live: it changes by itself (agents, budget, time); a decision records the value it saw.
        doc: one sentence for people.
    """

    name: str
    type: Type
    read: Callable[[Facts], object]
    eager: bool = False
    content: bool = False
    live: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True)
class AgentState:
    """How an agent is doing at one moment.

    Attributes:
        open: whether its circuit is open, so that a call would fail at once.
        error_rate: the share of its recent calls that failed, 0 to 1.
        p95_ms: the 95th percentile of its recent latencies, in milliseconds.
        in_flight: calls that are under way now.
    """

    open: bool = False
    error_rate: float = 0.0
    p95_ms: float = 0.0
    in_flight: int = 0


class LiveState(Protocol):
    """What live signals read: state that other requests and plugins change."""

    def agent(self, agent: str, /) -> AgentState:
        """Give how the agent with this id is doing."""
        ...

    def budget_remaining(self, facts: Facts, /) -> float:
        """Give the dollars that this request's budgets leave; infinity where there is none."""
        ...


class Idle:
    """A live state of which nothing is known: no circuit is open, no budget is declared.

    >>> Idle().agent("triage").open
    False
    """

    __slots__ = ()

    def agent(self, _agent: str, /) -> AgentState:
        """Give a quiet agent."""
        return _QUIET

    def budget_remaining(self, _facts: Facts, /) -> float:
        """Give infinity: nothing limits the spending."""
        return math.inf


_QUIET: Final = AgentState()
_IDLE: Final = Idle()
_NO_NAMES: Final[frozenset[str]] = frozenset()


class Facts(dict[str, object]):
    """The facts of one request: read `facts["input.tokens"]` and it is computed, once.

    It is a dict of what has been read so far; a name that is not there yet is computed from the
    signal of that name. A signal that failed fails again with the same error and is not computed
    again. One `Facts` belongs to one decision and to one thread.

    Attributes:
        request: the request.
        signals: every signal that may be read, by name.
        moment: the moment of the decision.
        live: the state that live signals read.
        failed: the errors of signals that could not be read.
    """

    __slots__ = ("_glance", "_states", "failed", "live", "moment", "request", "signals")

    def __init__(
        self,
        request: Request,
        signals: Mapping[str, Signal],
        moment: Instant,
        live: LiveState = _IDLE,
        read_now: Iterable[str] = _NO_NAMES,
    ) -> None:
        """Make the facts of a request.

        Args:
            request: the request.
            signals: every signal that may be read, by name.
            moment: the moment of the decision; `time.*` reads it.
            live: the state that live signals read.
            read_now: the live signals that the policy reads. They are read now, so that a
                decision can be explained from the very state it was made from.
        """
        self.request = request
        self.signals = signals
        self.moment = moment
        self.live = live
        self.failed: dict[str, EvaluationError] | None = None
        self._glance: Glance | None = None
        self._states: dict[str, AgentState] | None = None
        for name in read_now:
            self[name]

    def __missing__(self, name: str) -> object:
        signal = self.signals.get(name)
        if signal is None:
            self._refuse(name)
        if self.failed and name in self.failed:
            # Without its old traceback, which would grow with every rule that reads the signal.
            raise self.failed[name].with_traceback(None)
        try:
            value = signal.read(self)
        except EvaluationError as error:
            self.fail(name, error)
            raise
        self[name] = value
        return value

    def fail(self, name: str, error: EvaluationError) -> None:
        """Let every reading of a signal from now on raise this error."""
        if self.failed is None:
            self.failed = {}
        self.failed[name] = error

    @property
    def glance(self) -> Glance:
        """What the classifiers see of `input.text`: words and shapes of a capped excerpt."""
        if self._glance is None:
            text = self["input.text"]
            self._glance = Glance.at(text) if isinstance(text, str) and text else NOTHING_SEEN
        return self._glance

    def agent(self, agent: str) -> AgentState:
        """Give the state of an agent, the same one for all signals of this decision."""
        if self._states is None:
            self._states = {}
        if agent not in self._states:
            self._states[agent] = self.live.agent(agent)
        return self._states[agent]

    def _refuse(self, name: str) -> NoReturn:
        raise EvaluationError(f"no signal '{name[:80]}'", mend=nearest(name, self.signals))
