"""One request on its way: what its layers and flows share, from deciding to the last part."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, cast

from .asking import Asking
from .decide import Decision, decide, decided
from .effects import Instant, Now, Spawn
from .enforce import forbidden_agents
from .errors import EvaluationError, Failure, Unasked
from .events import Event, EventName
from .failures import leaves_on_purpose
from .flows.base import At
from .money import Money
from .onion import onion
from .parts import Outcome, Part, Parts, Purpose, Usage
from .signals.beside import Beside
from .spending import Spending, violation

if TYPE_CHECKING:
    from .agents.base import Agent
    from .policy import Policy
    from .request import Request
    from .rules import Expression
    from .runtime import Runtime
    from .signals import Facts

_BESIDE: Final[frozenset[Purpose]] = frozenset(
    ("judge", "score", "signal", "summary", "undo", "shadow")
)
"""What was asked beside the answer; how it failed is not how the answer failed."""

_WRAPPED: Final = 8
"""Errors around the one that a run raised; hosts put their own around it."""


class Run:
    """One request on its way.

    Attributes:
        id: names the run in events and records.
        request: what the app asked.
        facts: the request's signals, computed when a condition reads them.
        deadline: monotonic second at which the run must be over, or None.
        outcomes: every attempt that ended so far, in the order of their ends.
        decision: where the request goes; set once it was decided.
        notes: what whoever gets the run's error must know, for example what was not undone.
    """

    __slots__ = (
        "_asking", "_forbidden", "_lock", "_shadows", "_spending", "_under_way", "_worst_calls",
        "deadline", "decision", "facts", "id", "notes", "outcomes", "request", "runtime", "started",
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
        self.notes: list[str] = []
        self._shadows: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._spending = Spending()
        self._under_way = 0
        self._worst_calls: int | None = None
        self._forbidden: dict[str, str] = {}
        self._asking = Asking()
        if decision is not None:
            decision.asked = self._asking.asked
        self._lock = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return self.runtime.policy

    @property
    def usage(self) -> Usage:
        """The tokens of every attempt so far, failed ones included, shadows left out."""
        return usage_of(self.attempts)

    @property
    def cost(self) -> Money | None:
        """The cost of every attempt, or None where one is unknown or has not ended."""
        under_way = self._under_way  # first: an attempt is recorded before it counts as ended
        costs = [outcome.cost for outcome in self.attempts]
        known = [cost.nano for cost in costs if cost is not None]
        return None if under_way or len(known) < len(costs) else Money(sum(known))

    @property
    def attempts(self) -> tuple[Outcome, ...]:
        """Every attempt that has ended, oldest first; those of shadows are left out."""
        return tuple([one for one in tuple(self.outcomes) if one.purpose != "shadow"])

    def parts(self) -> Parts:
        """Give the parts of the answer, through every layer."""
        return onion(self.runtime.layers.requests, self.runtime.innermost or route, self)

    def decide(self) -> Decision:
        """Decide, once; later calls give the same decision.

        It asks nobody: before the run has decided, it fails where a rule reads a paid signal. What
        can wait awaits `decided`.
        """
        if self.decision is None:
            self.decision = decide(self.policy, self.facts, self.runtime.commitments)
        return self.decision

    async def decided(self) -> Decision:
        """Decide, once, and ask for the paid signals that the rules read."""
        while self.decision is None:
            try:
                decision = decided(self.policy, self.facts, self.runtime.commitments)
            except Unasked as unasked:
                await self._asking.learn(self, unasked.signal, "")
            else:
                decision.asked = self._asking.asked
                self.decision = decision
        return self.decision

    async def decide_anew(self) -> Decision:
        """Let the rules decide where a trajectory cannot go on as it began."""
        self.decision = None
        decision = await self.decided()
        await self.tell("decided", rule=decision.rule, target=decision.target)
        return decision

    async def weigh_guarantees(self, agent: Agent, path: str) -> None:
        """Find out whether a guarantee forbids an agent; asks for the paid signals that it reads.

        Args:
            agent: who is about to be asked.
            path: the step that asks.
        """
        if self.policy.guarantees.never and agent.id not in self._forbidden:
            self._forbidden[agent.id] = await self._forbidding(agent, path)

    def weigh_unasked(self, agent: Agent) -> None:
        """Find out whether a guarantee forbids an agent where nobody may be asked for that.

        Args:
            agent: whom the app is about to ask.
        """
        forbidden = forbidden_agents(self.policy.guarantees, self.facts)
        self._forbidden[agent.id] = forbidden.get(agent.id, "")

    def refuse_forbidden(self, agent: Agent) -> None:
        """Refuse an agent that this request must never reach.

        Asked before an attempt's layers, so that an answer from a cache is refused as well. Where
        the guarantees were not weighed before, a paid signal that was not asked for counts against
        the agent.

        Raises:
            Failure: of kind `policy_violation`.
        """
        if not self.policy.guarantees.never:
            return
        because = self._forbidden.get(agent.id)
        if because is None:
            because = forbidden_agents(self.policy.guarantees, self.facts).get(agent.id, "")
        if because:
            raise violation(agent, because)

    async def _forbidding(self, agent: Agent, path: str) -> str:
        """Give why an agent must not be asked, or an empty string. It fails closed."""
        for never in self.policy.guarantees.never:
            if agent.id not in never.agents:
                continue
            try:
                if await self.value(never.when, self.facts, path) is not False:
                    return never.text
            except EvaluationError as error:
                return f"{never.text} (not evaluated: {error.problem})"
        return ""

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
        return self._spending.take(agent, request, self.policy.guarantees.at_most, self._worst())

    def _worst(self) -> int:
        """Give the most calls that this run can need, for all that is known of it so far."""
        if self._worst_calls is not None:
            return self._worst_calls
        layers = self.runtime.layers
        worst = sum(one.worst_calls for one in self.policy.paid.values())
        if self.decision is None:  # what is asked now is asked in order to decide
            return worst * layers.most_calls
        known = self.policy.worst_calls.get(self.decision.target)
        if known is None or self.decision.forced or self.decision.kept:
            known = worst + self.decision.flow.worst_calls
        self._worst_calls = (known + layers.side_calls) * layers.most_calls
        return self._worst_calls

    def settle_call(self, held: Money, outcome: Outcome) -> None:
        """Put what a call cost in the place of what was held back for it."""
        self._spending.settle(held, outcome)

    def carry_over(self, calls: int, cost: Money) -> None:
        """Count what an earlier pass of this run did and cost, so that its bounds hold for both."""
        self._spending.add(cost, calls)

    def begin_attempt(self, purpose: Purpose) -> None:
        """Count an attempt that begins; `record` counts its end."""
        with self._lock:
            self._under_way += purpose != "shadow"

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep how the calls of an attempt ended."""
        with self._lock:
            self.outcomes.extend(outcomes)
            self._under_way -= outcomes[0].purpose != "shadow"
        for outcome in outcomes:
            self.runtime.board.saw(outcome)
            if outcome.by and outcome.cost is not None:
                self._spending.add(outcome.cost)  # a layer that answered alone, but not for nothing

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
        if not path:  # whatever a signal was asked for, it was not asked by a step
            return tuple(one for one in self.outcomes if one.purpose != "signal")
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
        return await self.value(
            expression, Beside(self.facts, known) if known else self.facts, at.path
        )

    async def value(self, expression: Expression, facts: Facts | Beside, path: str) -> object:
        """Give an expression's value over these facts; asks for the paid signals that it reads.

        Args:
            expression: the compiled expression.
            facts: what it reads.
            path: the step that needs it.

        Raises:
            EvaluationError: it has no value.
        """
        while True:
            try:
                return expression.evaluate(facts)
            except Unasked as unasked:
                await self._asking.learn(self, unasked.signal, path)

    async def tell(
        self, name: EventName | str, path: str = "", attempt: int = 0, **data: object
    ) -> None:
        """Tell everybody who hears of such events; costs nothing where nobody does.

        Args:
            name: what happened; a plugin's own event is called `<layer>.<what>`.
            path: the step's stable place in the flow, where there is one.
            attempt: which try of the step, where there is one.
            data: plain JSON, without any text of user or agent.
        """
        hearers = self.runtime.audience.of(name)
        if not hearers:
            return
        now = await Now()
        event = Event(
            name=name, run=self.id, path=path, attempt=attempt, monotonic=now.monotonic,
            utc=now.utc, data=data,
        )  # fmt: skip
        for hear in hearers:
            hear(event)


async def route(run: Run) -> AsyncGenerator[Part, None]:
    """Decide, run the target, and name the first failure where nobody answered."""
    runtime = run.runtime
    if runtime.audience.of("run_started"):
        text = runtime.commitments.stand_for(run.request.text)
        await run.tell("run_started", metadata=sorted(run.request.metadata), text=text)
    failed: BaseException | None = None
    whole = False
    try:
        decision = await run.decided()
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
        fell = failed is not None and not leaves_on_purpose(failed)
        await run.tell("run_ended", attempts=len(run.outcomes), failed=fell)
        if whole or failed is not None:  # a caller who stopped reading stopped everything
            await run.begin_shadows()


def _primary(run: Run, failure: Failure) -> BaseException:
    # Falling back must not hide what was wrong in the first place: the caller sees the error of the
    # agent that the policy named first, with every other attempt attached.
    tried = [one for one in run.outcomes if one.purpose not in _BESIDE]
    first = next((one.error for one in tried if one.error is not None), None)
    error: BaseException = failure if first is None else first
    if tried and tried[-1].error is None:
        # Where the last one answered, an error of somebody before it was mended already, unless it
        # is what the flow failed with: a step that was to answer, and others went on after it.
        cause = failure.__cause__
        error = cause if cause is not None and any(one.error is cause for one in tried) else failure
    _attach(error, run)
    return error


def _attach(error: BaseException, run: Run) -> None:
    error.__dict__["conductor_attempts"] = tuple(run.outcomes)
    for note in run.notes:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def usage_of(attempts: Sequence[Outcome]) -> Usage:
    """Give the tokens of some attempts together."""
    if len(attempts) == 1:
        return attempts[0].usage
    total = Usage()
    for one in attempts:
        total += one.usage
    return total


def attempts_of(error: BaseException) -> tuple[Outcome, ...]:
    """Give every attempt of the run that an error ended, oldest first.

    Args:
        error: what `call`, `stream` or their async twins raised, or what was raised from it.

    Returns:
        The outcomes, failed and refused ones included; empty for an error of something else.
    """
    for _ in range(_WRAPPED):
        found: object = getattr(error, "conductor_attempts", None)
        if found is not None:
            return cast("tuple[Outcome, ...]", found)
        # LiteLLM keeps what broke a stream beside the error that it raises.
        error = error.__cause__ or getattr(error, "original_exception", None) or error
    return ()
