"""One request on its way: what its layers and flows share, from deciding to the last part."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .attempts import Attempted
from .commitment import LENGTHS_ONLY, Commitments
from .decide import Decision, decide
from .effects import Instant, Now, Spawn
from .enforce import bounded, dearest, forbidden_agents
from .errors import Failure
from .events import Event, EventName
from .flows.base import At
from .live import Board
from .money import Money
from .onion import Around, onion
from .parts import Outcome, Part, Parts, Usage
from .signals.beside import Beside

if TYPE_CHECKING:
    from .agents.base import Agent
    from .drivers import Host
    from .policy import Policy
    from .request import Request
    from .rules import Expression
    from .signals import Facts

_NOTHING = Money()


@dataclass(frozen=True, slots=True)
class Runtime:
    """A policy ready to run: its layers and observers compiled once, its speakers connected.

    Attributes:
        policy: the compiled policy.
        host: what drivers need.
        request_layers: `around_request` methods, outermost first.
        attempt_layers: `around_attempt` methods, outermost first.
        observers: every `conductor_event` implementation.
        board: what live signals read.
        most_calls: the most calls that the layers may make of one attempt.
        commitments: make what events and decisions hold instead of the user's text.
    """

    policy: Policy
    host: Host
    board: Board
    request_layers: Sequence[Around[Run]] = ()
    attempt_layers: Sequence[Around[Attempted]] = ()
    observers: Sequence[Callable[[Event], None]] = ()
    most_calls: int = 1
    commitments: Commitments = LENGTHS_ONLY


class Run:
    """One request on its way.

    Attributes:
        id: names the run in events and records.
        request: what the app asked.
        facts: the request's signals, computed when a condition reads them.
        deadline: monotonic second at which the run must be over, or None.
        outcomes: every attempt that ended so far, in the order of their ends.
        decision: where the request goes; set once it was decided.
    """

    __slots__ = (
        "_calls", "_forbidden", "_lock", "_shadows", "_taken", "_worst_calls", "deadline",
        "decision", "facts", "id", "outcomes", "request", "runtime", "started",
    )  # fmt: skip

    def __init__(
        self,
        runtime: Runtime,
        request: Request,
        facts: Facts,
        started: Instant,
        *,
        deadline: float | None = None,
        decision: Decision | None = None,
    ) -> None:
        self.id = f"{runtime.host.dice.getrandbits(64):016x}"
        self.runtime = runtime
        self.request = request
        self.facts = facts
        self.started = started
        self.deadline = deadline
        self.decision = decision
        self.outcomes: list[Outcome] = []
        self._calls = 0
        self._shadows: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._taken = _NOTHING
        self._worst_calls: int | None = None
        self._forbidden: Mapping[str, str] | None = None
        self._lock = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return self.runtime.policy

    @property
    def usage(self) -> Usage:
        """The tokens of every attempt so far, failed ones included."""
        total = Usage()
        for outcome in self.outcomes:
            total += outcome.usage
        return total

    @property
    def cost(self) -> Money | None:
        """The cost of every attempt so far, or None where one of them is unknown."""
        total = 0
        for outcome in self.outcomes:
            if outcome.cost is None:
                return None
            total += outcome.cost.nano
        return Money(total)

    def parts(self) -> Parts:
        """Give the parts of the answer, through every layer."""
        return onion(self.runtime.request_layers, _route, self)

    def decide(self) -> Decision:
        """Decide, once; later calls give the same decision."""
        if self.decision is None:
            self.decision = decide(self.policy, self.facts, self.runtime.commitments)
        return self.decision

    def refuse_forbidden(self, agent: Agent) -> None:
        """Refuse an agent that this request must never reach.

        Asked before an attempt's layers, so that an answer from a cache is refused as well.

        Raises:
            Failure: of kind `policy_violation`.
        """
        if not self.policy.guarantees.never:
            return
        if self._forbidden is None:
            self._forbidden = forbidden_agents(self.policy.guarantees, self.facts)
        if agent.id in self._forbidden:
            raise _violation(agent, self._forbidden[agent.id])

    def spend_call(self, agent: Agent, request: Request) -> tuple[Request, Money]:
        """Count a call that is about to be made, or refuse it.

        Asked inside every layer, right before something is sent out, so that a layer that asks
        again is counted again.

        Returns:
            What is to be sent, its answer no longer than what it was counted for; and what is held
            back for it, to be given to `settle_call` when it is over.

        Raises:
            Failure: of kind `policy_violation`.
        """
        self.refuse_forbidden(agent)
        at_most = self.policy.guarantees.at_most
        if self._worst_calls is None:
            self._worst_calls = self.decide().flow.worst_calls * self.runtime.most_calls
        worst = _NOTHING
        if at_most.cost is not None:
            worst = _known(agent, request, at_most.cost)
            request = bounded(agent, request)
        # Branches that run at the same time must not each find the same call or money unspent.
        with self._lock:
            if at_most.calls is not None and self._calls >= at_most.calls:
                raise _violation(agent, f"the policy allows at most {at_most.calls} calls")
            if self._calls >= self._worst_calls:
                problem = f"its target was compiled to make at most {self._worst_calls} calls"
                raise _violation(agent, problem)
            if at_most.cost is not None and self._taken + worst > at_most.cost:
                problem = (
                    f"it could cost {worst} after {self._taken}, "
                    f"and the policy allows at most {at_most.cost}"
                )
                raise _violation(agent, problem)
            self._calls += 1
            self._taken += worst
        return request, worst

    def settle_call(self, held: Money, outcome: Outcome) -> None:
        """Put what a call cost in the place of what was held back for it.

        Only an answer that came to its end and told its tokens is known to have cost less: a call
        that failed, was cut or told nothing may be billed in full, so what was held stays spent.
        """
        ended = outcome.finish not in ("cut", "error") and outcome.usage != Usage()
        if ended and outcome.cost is not None:
            with self._lock:
                self._taken += outcome.cost - held

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep how the calls of an attempt ended."""
        with self._lock:
            self.outcomes.extend(outcomes)
            for outcome in outcomes:
                if outcome.by and outcome.cost is not None:
                    self._taken += outcome.cost  # a layer that answered alone, but not for nothing

    def leave(self, shadow: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Keep work that begins when the run has ended, and that nobody waits for."""
        with self._lock:
            self._shadows.append(shadow)

    async def begin_shadows(self) -> None:
        """Begin what was left behind; what is too much at once is told and forgotten."""
        while self._shadows:
            if not await Spawn(self._shadows.pop(0)):
                await self.tell("shadow_dropped")

    def outcomes_below(self, path: str) -> tuple[Outcome, ...]:
        """Give the attempts so far of a step and of everything below it, oldest first."""
        below = path + "/"
        return tuple(one for one in self.outcomes if one.path == path or one.path.startswith(below))

    async def evaluate(self, expression: Expression, known: Mapping[str, object], at: At) -> object:
        """Give an expression's value over the request's signals and what steps gave.

        Args:
            expression: the compiled expression.
            known: what holds beside the signals, by name.
            at: where it is asked for.

        Raises:
            EvaluationError: it has no value.
        """
        del at
        return expression.evaluate(Beside(self.facts, known) if known else self.facts)

    async def tell(self, name: EventName, path: str = "", attempt: int = 0, **data: object) -> None:
        """Tell every observer; costs nothing where there is none."""
        observers = self.runtime.observers
        if not observers:
            return
        now = await Now()
        event = Event(
            name=name, run=self.id, path=path, attempt=attempt, monotonic=now.monotonic,
            utc=now.utc, data=data,
        )  # fmt: skip
        for observer in observers:
            observer(event)


def _known(agent: Agent, request: Request, limit: Money) -> Money:
    worst = dearest(agent, request)
    if isinstance(worst, str):
        raise _violation(agent, f"{worst} and the policy allows at most {limit}")
    return worst


def _violation(agent: Agent, problem: str) -> Failure:
    return Failure(
        "policy_violation", f"agent {agent.id!r} was not asked: {problem}", agent=agent.id
    )


async def _route(run: Run) -> AsyncGenerator[Part, None]:
    """Decide, run the target, and name the first failure where nobody answered."""
    if run.runtime.observers:
        text = run.runtime.commitments.stand_for(run.request.text)
        await run.tell("run_started", metadata=sorted(run.request.metadata), text=text)
    failed: BaseException | None = None
    whole = False
    try:
        decision = run.decide()
        await run.tell("decided", rule=decision.rule, target=decision.target)
        async with aclosing(
            decision.flow.answer(run.request, At(run, deadline=run.deadline))
        ) as parts:
            async for part in parts:
                yield part
        whole = True
    except Failure as failure:
        failed = _primary(run, failure)
        raise failed from failed.__cause__
    except Exception as error:  # only to attach the attempts; it goes on as it was raised
        failed = error
        _attach(error, run)
        raise
    finally:
        await run.tell("run_ended", attempts=len(run.outcomes), failed=failed is not None)
        if whole or failed is not None:  # a caller who stopped reading stopped everything
            await run.begin_shadows()


def _primary(run: Run, failure: Failure) -> BaseException:
    # Falling back must not hide what was wrong in the first place: the caller sees the error of the
    # agent that the policy named first, with every other attempt attached.
    first = next((one.error for one in run.outcomes if one.error is not None), None)
    error: BaseException = first or failure
    _attach(error, run)
    return error


def _attach(error: BaseException, run: Run) -> None:
    error.__dict__["conductor_attempts"] = tuple(run.outcomes)


def attempts_of(error: BaseException) -> tuple[Outcome, ...]:
    """Give every attempt of the run that an error ended, oldest first.

    Args:
        error: what `call`, `stream` or their async twins raised.

    Returns:
        The outcomes, failed and refused ones included; empty for an error of something else.
    """
    found: object = getattr(error, "conductor_attempts", ())
    return cast("tuple[Outcome, ...]", found)
