"""Ask one agent: prompt and parameters put on, guarantees checked, layers around, retries after."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conductor_mw.agents.base import Agent
from conductor_mw.attempts import Attempted, ask
from conductor_mw.effects import Now, Random, Sleep
from conductor_mw.errors import Failure
from conductor_mw.money import Money
from conductor_mw.onion import onion
from conductor_mw.parts import Finish, Origin, Outcome, Part

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow


@dataclass(frozen=True, slots=True)
class AskAgent:
    """The leaf of every flow."""

    agent: Agent

    @property
    def label(self) -> str:
        """The agent's id."""
        return self.agent.id

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """None: an agent is a leaf."""
        return ()

    @property
    def worst_calls(self) -> int:
        """The first call and its retries."""
        return 1 + self.agent.retry.times

    @property
    def canonical(self) -> object:
        """The agent's id; the fingerprint holds every agent's meaning once."""
        return ["agent", self.agent.id]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the agent's parts. Raises `Failure` when its last try failed."""
        run, agent = at.run, self.agent
        at = at.into(agent.id)
        request = dress(request, agent)
        number = 0
        while True:
            number += 1
            spoken = False
            silent: deque[Part] = deque()
            attempt = Attempted(
                run, at.path, agent, number, request, deadline=at.deadline, visible=at.visible,
                purpose=at.purpose, terms=at.terms,
            )  # fmt: skip
            await run.tell("attempt_started", at.path, number, agent=agent.id)
            failure: Failure | None = None
            fault: Exception | None = None
            finish: Finish = "cut"
            run.runtime.board.busier(agent.id, 1)
            try:
                run.refuse_forbidden(agent)
                parts = onion(run.runtime.attempt_layers, ask, attempt)
                async with aclosing(parts):
                    async for part in parts:
                        # What says nothing yet (a role, an id) waits for what does: should this
                        # try fail, the next one's answer must not begin with it.
                        if spoken:
                            yield part
                        elif part.speaks:
                            spoken = True
                            while silent:
                                yield silent.popleft()
                            yield replace(part, origin=Origin(agent.id, at.path))
                        else:
                            silent.append(part)
                _refuse_silence(attempt, spoken=spoken)
                finish = "stop"
            except Failure as error:
                failure = fault = error
            except Exception as error:  # only to record it; it goes on as it was raised
                fault = error
                raise
            finally:
                run.runtime.board.busier(agent.id, -1)
                outcome = _record(attempt, fault, finish)
                await run.tell(
                    "attempt_ended",
                    at.path,
                    number,
                    agent=agent.id,
                    kind=outcome.kind,
                    finish=outcome.finish,
                    seconds=outcome.seconds,
                    by=outcome.by,
                )
            if failure is None:
                for part in silent:
                    yield part
                return
            if spoken or not await self._again(failure, number, at):
                raise failure

    async def _again(self, failure: Failure, number: int, at: At) -> bool:
        """Wait for the next try; gives False where there is none."""
        retry = self.agent.retry
        if number > retry.times or failure.kind not in retry.on:
            return False
        wait = await Random() * min(retry.longest, retry.wait * 2 ** (number - 1))
        if failure.retry_after is not None:
            if failure.retry_after > retry.longest:
                return False
            wait = max(wait, failure.retry_after)
        deadline = at.deadline
        if deadline is not None and (await Now()).monotonic + wait >= deadline:
            return False
        await at.run.tell("retry", at.path, number, kind=failure.kind, wait=wait)
        await Sleep(wait)
        return True


def dress(request: Request, agent: Agent) -> Request:
    """Give the request as this agent gets it: with its prompt and its parameters."""
    native, lens = request.native, request.lens
    if agent.prompt:
        native = lens.with_system(native, agent.prompt)
    if agent.parameters:
        native = lens.with_parameters(native, agent.parameters)
    return request if native is request.native else request.with_native(native)


def _refuse_silence(attempt: Attempted, *, spoken: bool) -> None:
    # A provider's filter that let nothing through is a failure a policy can route on.
    outcome = attempt.outcome
    if outcome is not None and outcome.finish == "refusal" and not spoken:
        raise Failure(
            "refusal", f"agent {attempt.agent.id!r} refused to answer", agent=attempt.agent.id
        )


def _record(attempt: Attempted, fault: Exception | None, finish: Finish) -> Outcome:
    """Put every call of an attempt among the run's outcomes, and give the last.

    Args:
        attempt: the attempt, which is over.
        fault: what ended it, or None.
        finish: how it ended where no call and no layer said so, and nothing was raised.
    """
    recorded = list(attempt.outcomes)
    kind = fault.kind if isinstance(fault, Failure) else None
    if recorded and fault is not None and recorded[-1].error is None:
        # It answered, and its answer was refused: one call, which failed and still has its cost.
        last = recorded[-1]
        ended: Finish = "refusal" if last.finish == "refusal" else "error"
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
                finish="error" if fault else finish,
                visible=attempt.visible,
                purpose=attempt.purpose,
            )
        )
    attempt.run.record(recorded)
    return recorded[-1]
