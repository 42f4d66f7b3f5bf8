"""One request on its way: what its layers and flows share, from deciding to the last part."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from .attempts import Attempted
from .decide import Decision, decide
from .effects import Instant, Now
from .errors import EvaluationError, Failure
from .events import Event, EventName
from .flows.base import At
from .money import Money
from .onion import Around, onion
from .parts import Outcome, Part, Parts, Usage

if TYPE_CHECKING:
    from .agents.base import Agent
    from .drivers import Host
    from .policy import Policy
    from .request import Request
    from .signals import Facts


@dataclass(frozen=True, slots=True)
class Runtime:
    """A policy ready to run: its layers and observers compiled once, its speakers connected.

    Attributes:
        policy: the compiled policy.
        host: what drivers need.
        request_layers: `around_request` methods, outermost first.
        attempt_layers: `around_attempt` methods, outermost first.
        observers: every `conductor_event` implementation.
    """

    policy: Policy
    host: Host
    request_layers: Sequence[Around[Run]] = ()
    attempt_layers: Sequence[Around[Attempted]] = ()
    observers: Sequence[Callable[[Event], None]] = ()


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
        "_broken", "_calls", "_lock", "deadline", "decision", "facts", "id", "outcomes", "request",
        "runtime", "started",
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
        self._broken: dict[str, str] | None = None
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
        """The cost of every attempt so far, or None where a price is unknown."""
        total = 0
        for outcome in self.outcomes:
            if outcome.cost is not None:
                total += outcome.cost.nano
            elif outcome.usage != Usage():
                return None
        return Money(total)

    def parts(self) -> Parts:
        """Give the parts of the answer, through every layer."""
        return onion(self.runtime.request_layers, _route, self)

    def decide(self) -> Decision:
        """Decide, once; later calls give the same decision."""
        if self.decision is None:
            self.decision = decide(self.policy, self.facts)
        return self.decision

    def attempt(self, at: At, agent: Agent, number: int, request: Request) -> Attempted:
        """Allow one more call, or refuse it.

        Every guarantee is checked here, before anything is sent out.

        Raises:
            Failure: of kind `policy_violation`; the refused call is among the outcomes.
        """
        problem = self._violation(agent, request)
        if problem:
            failure = Failure(
                "policy_violation", f"agent {agent.id!r} was not asked: {problem}", agent=agent.id
            )
            self.outcomes.append(
                Outcome(
                    path=at.path, agent=agent.id, number=number, kind=failure.kind, error=failure,
                    finish="error", visible=at.visible,
                )  # fmt: skip
            )
            raise failure
        return Attempted(
            self, at.path, agent, number, request, deadline=self.deadline, visible=at.visible
        )

    async def tell(
        self, name: EventName, path: str = "", attempt: int = 0, **data: object
    ) -> None:
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

    def _violation(self, agent: Agent, request: Request) -> str:
        guarantees = self.policy.guarantees
        at_most = guarantees.at_most
        with self._lock:
            if at_most.calls is not None and self._calls >= at_most.calls:
                return f"the policy allows at most {at_most.calls} calls"
            self._calls += 1
        if guarantees.never:
            if self._broken is None:
                self._broken = self._forbidden()
            if agent.id in self._broken:
                return self._broken[agent.id]
        if at_most.cost is not None:
            return self._too_dear(agent, request, at_most.cost)
        return ""

    def _forbidden(self) -> dict[str, str]:
        """Give the agents that this request must never reach, each with the guarantee's words."""
        forbidden: dict[str, str] = {}
        for never in self.policy.guarantees.never:
            try:
                holds = cast("bool", never.when.evaluate(self.facts))
                because = never.text
            except EvaluationError as error:
                # What cannot be evaluated counts as true: a guarantee fails closed.
                holds, because = True, f"{never.text}, which could not be evaluated: {error}"
            if holds:
                for agent in never.agents:
                    forbidden.setdefault(agent, because)
        return forbidden

    def _too_dear(self, agent: Agent, request: Request, limit: Money) -> str:
        if agent.price is None:
            return f"its price is unknown and the policy allows at most {limit}"
        spent = self.cost
        if spent is None:
            return f"an earlier call has no known price and the policy allows at most {limit}"
        ceiling = output_ceiling(agent, request)
        if ceiling is None:
            return (
                f"its longest answer is unknown (no max_tokens) and the policy allows at most "
                f"{limit}"
            )
        # A byte-level tokenizer never makes more tokens than there are bytes.
        worst = agent.price.cost(Usage(input_tokens=request.size, output_tokens=ceiling))
        if spent + worst > limit:
            return f"it could cost {worst} after {spent}, and the policy allows at most {limit}"
        return ""


def output_ceiling(agent: Agent, request: Request) -> int | None:
    """Give the most tokens the agent can answer this request with, or None where unknown."""
    asked = request.parameters
    ceilings = [agent.max_output_tokens] if agent.max_output_tokens is not None else []
    for name in ("max_tokens", "max_completion_tokens"):
        value = asked.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            ceilings.append(value)
    return min(ceilings, default=None)


async def _route(run: Run) -> AsyncGenerator[Part, None]:
    """Decide, run the target, and name the first failure where nobody answered."""
    await run.tell("run_started", metadata=sorted(run.request.metadata))
    decision = run.decide()
    await run.tell("decided", rule=decision.rule, target=decision.target)
    failed: BaseException | None = None
    try:
        async with aclosing(decision.flow.answer(run.request, At(run))) as parts:
            async for part in parts:
                yield part
    except Failure as failure:
        failed = failure
        raise _primary(run, failure) from None
    except Exception as error:
        failed = error
        _attach(error, run)
        raise
    finally:
        await run.tell("run_ended", attempts=len(run.outcomes), failed=failed is not None)


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
