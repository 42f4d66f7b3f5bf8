"""Ask one agent: prompt and parameters put on, guarantees checked, layers around, retries after."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..agents.base import Agent
from ..attempts import Attempted, ask
from ..effects import Now, Random, Sleep
from ..errors import Failure
from ..onion import onion
from ..parts import Outcome, Part

if TYPE_CHECKING:
    from ..request import Request
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
            attempt = run.attempt(at, agent, number, request)
            await run.tell("attempt_started", at.path, number, agent=agent.id)
            failure: Failure | None = None
            try:
                parts = onion(run.runtime.attempt_layers, ask, attempt)
                async with aclosing(parts):
                    async for part in parts:
                        spoken = spoken or part.speaks
                        yield part
            except Failure as error:
                failure = error
            finally:
                outcome = _outcome(attempt, failure)
                run.outcomes.append(outcome)
                await run.tell(
                    "attempt_ended", at.path, number, agent=agent.id, kind=outcome.kind,
                    finish=outcome.finish, seconds=outcome.seconds, by=outcome.by,
                )  # fmt: skip
            if failure is None:
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
        deadline = at.run.deadline
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


def _outcome(attempt: Attempted, failure: Failure | None) -> Outcome:
    outcome = attempt.outcome
    if outcome is not None and (failure is None or outcome.kind is not None):
        return outcome
    # A layer refused before the call was made (`circuit_open`, `budget`), or after it.
    return Outcome(
        path=attempt.path,
        agent=attempt.agent.id,
        number=attempt.number,
        kind=failure.kind if failure else None,
        error=failure,
        usage=outcome.usage if outcome else Outcome.usage,
        cost=outcome.cost if outcome else None,
        started=outcome.started if outcome else 0.0,
        seconds=outcome.seconds if outcome else 0.0,
        finish="error" if failure else "cut",
        visible=attempt.visible,
    )
