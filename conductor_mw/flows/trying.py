"""One try of one agent: what is held back of its answer, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from conductor_mw.agents.capabilities import refuse_incapable
from conductor_mw.attempts import Attempted, ask
from conductor_mw.errors import Failure
from conductor_mw.money import Money
from conductor_mw.onion import onion
from conductor_mw.parts import Finish, Origin, Outcome, Part, Parts
from conductor_mw.refusal import refuses

if TYPE_CHECKING:
    from conductor_mw.agents.base import Agent
    from conductor_mw.request import Request

    from .base import At


class Try:
    """One try.

    Attributes:
        attempt: what layers see of it.
        spoken: whether the caller saw something.
        failure: how it failed, or None.
    """

    __slots__ = ("_at", "_fault", "_finish", "_held", "_whole", "attempt", "failure", "spoken")

    def __init__(self, agent: Agent, at: At, number: int, request: Request, *, whole: bool) -> None:
        self.attempt = Attempted(
            at.run, at.path, agent, number, request, deadline=at.deadline,
            visible=at.visible and not whole, purpose=at.purpose, terms=at.terms,
            raced=at.raced,
        )  # fmt: skip
        self.spoken = False
        self.failure: Failure | None = None
        self._at = at
        self._whole = whole
        self._held: list[Part] = []
        self._fault: Exception | None = None
        self._finish: Finish = "cut"

    @property
    def replica(self) -> str:
        """Which of the agent's replicas was called, or an empty string."""
        outcome = self.attempt.outcome
        return "" if outcome is None else outcome.replica

    async def begin(self) -> None:
        """Tell that it begins, once it is known whether a guarantee forbids it."""
        run, agent = self._at.run, self.attempt.agent
        if run.policy.guarantees.never:
            await run.weigh_guarantees(agent, self._at.path)
        await run.tell("attempt_started", self._at.path, self.attempt.number, agent=agent.id)
        run.runtime.board.busier(agent.id, 1)
        run.begin_attempt(self.attempt.purpose)

    def parts(self) -> Parts:
        """Give the answer's parts, through every layer. Raises `Failure` where nobody may ask."""
        run, agent = self._at.run, self.attempt.agent
        run.refuse_forbidden(agent)
        refuse_incapable(agent, self.attempt.request)
        return onion(run.runtime.layers.attempts, ask, self.attempt)

    def hear(self, part: Part) -> Sequence[Part]:
        """Give what the caller may see, now that this part came."""
        if self._whole or not part.speaks:
            # What says nothing yet (a role, an id) waits for what does: should this try fail, the
            # next one's answer must not begin with it.
            self._held.append(part)
            return ()
        self.spoken = True
        self._held.append(self._named(part))
        return self._held

    def finish(self) -> None:
        """Take in that the answer is complete. Raises `Failure` where it is a refusal."""
        outcome = self.attempt.outcome
        finish = outcome.finish if outcome is not None else ""
        # A provider's filter that let nothing through is a failure a policy can route on.
        if (finish == "refusal" and not self.spoken) or (self._whole and _refuses(self._held)):
            agent = self.attempt.agent.id
            raise Failure("refusal", f"agent {agent!r} refused to answer", agent=agent)
        self._finish = "stop"

    def rest(self) -> Sequence[Part]:
        """Give what is still held back of an answer that is complete."""
        if self.spoken:
            return ()
        first = next((at for at, part in enumerate(self._held) if part.speaks), None)
        if first is not None:
            self._held[first] = self._named(self._held[first])
        return self._held

    def _named(self, part: Part) -> Part:
        return part.with_origin(Origin(self.attempt.agent.id, self._at.path))

    def fail(self, fault: Exception) -> None:
        """Take in what ended it."""
        self._fault = fault
        if isinstance(fault, Failure):
            self.failure = fault

    async def end(self) -> None:
        """Record it and tell how it ended."""
        attempt = self.attempt
        attempt.run.runtime.board.busier(attempt.agent.id, -1)
        outcome = self._recorded()
        await attempt.run.tell(
            "attempt_ended",
            attempt.path,
            attempt.number,
            agent=attempt.agent.id,
            kind=outcome.kind,
            finish=outcome.finish,
            seconds=outcome.seconds,
            by=outcome.by,
        )

    def _recorded(self) -> Outcome:
        """Put every call of the try among the run's outcomes, and give the last."""
        attempt, fault = self.attempt, self._fault
        recorded = list(attempt.outcomes)
        kind = self.failure.kind if self.failure else None
        if recorded and fault is not None and recorded[-1].error is None:
            # It answered, and its answer was refused: one call, which failed and has its cost.
            last = recorded[-1]
            ended: Finish = "refusal" if "refusal" in (kind, last.finish) else "error"
            recorded[-1] = replace(last, kind=kind, error=fault, finish=ended)
        elif not recorded or (kind is None and fault not in (None, recorded[-1].error)):
            # A layer refused before the call (`circuit_open`, `budget`), answered alone, or broke.
            recorded.append(
                Outcome(
                    path=attempt.path,
                    agent=attempt.agent.id,
                    number=attempt.number,
                    kind=kind,
                    error=fault,
                    cost=Money(),
                    finish="error" if fault else self._finish,
                    visible=attempt.visible,
                    purpose=attempt.purpose,
                )
            )
        attempt.run.record(recorded)
        return recorded[-1]


def _refuses(parts: Sequence[Part]) -> bool:
    """Give whether a whole answer declines to answer; one that calls a tool does not."""
    if any(part.tool_calls for part in parts):
        return False
    finish = next((part.finish for part in reversed(parts) if part.finish), "")
    return refuses("".join(part.text for part in parts), finish)
