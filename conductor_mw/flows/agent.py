"""Ask one agent: its prompt and parameters put on, and again where a failure may pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conductor_mw.agents.base import Agent
from conductor_mw.agents.replicas import RESTING
from conductor_mw.effects import Now, Random, Sleep
from conductor_mw.errors import Failure
from conductor_mw.parts import Part

from .trying import Try

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
        """The first call, its retries, and the other replicas."""
        return self.agent.worst_calls

    @property
    def canonical(self) -> object:
        """The agent's id; the fingerprint holds every agent's meaning once."""
        return ["agent", self.agent.id]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the agent's parts. Raises `Failure` when its last try failed."""
        at = at.into(self.agent.id)
        again = _Again(self.agent, at, dress(request, self.agent))
        whole = self._looks_for_refusals(at)
        while True:
            trying = Try(self.agent, at, again.number, again.request, whole=whole)
            await trying.begin()
            try:
                async with aclosing(trying.parts()) as parts:
                    async for part in parts:
                        if trying.spoken:
                            yield part
                        else:
                            for said in trying.hear(part):
                                yield said
                trying.finish()
            except Failure as failure:
                trying.fail(failure)
            except Exception as fault:  # only to record it; it goes on as it was raised
                trying.fail(fault)
                raise
            finally:
                await trying.end()
            if trying.failure is None:
                for said in trying.rest():
                    yield said
                return
            if trying.spoken or not await again.wait(trying.failure, trying.replica):
                raise trying.failure

    def _looks_for_refusals(self, at: At) -> bool:
        # Only a whole answer tells, so an answer is held back only where somebody acts upon it.
        retry = self.agent.retry
        return "refusal" in at.rescued or (retry.times > 0 and "refusal" in retry.on)


def dress(request: Request, agent: Agent) -> Request:
    """Give the request as this agent gets it: with its prompt and its parameters."""
    native, lens = request.native, request.lens
    if agent.prompt:
        native = lens.with_system(native, agent.prompt)
    if agent.parameters:
        native = lens.with_parameters(native, agent.parameters)
    return request if native is request.native else request.with_native(native)


class _Again:
    """Which try of an agent it is, and whether there is another."""

    __slots__ = ("_agent", "_at", "_first", "_retries", "_switches", "number", "request")

    def __init__(self, agent: Agent, at: At, request: Request) -> None:
        self._agent = agent
        self._at = at
        self._first = request
        self._retries = self._switches = 0
        self.number = 1
        self.request = request

    async def wait(self, failure: Failure, replica: str) -> bool:
        """Wait for the next try; gives False where there is none.

        Args:
            failure: how the last try failed.
            replica: who failed, of an agent that has replicas and where one was called.
        """
        others = len(self._agent.replicas) - 1
        if replica and failure.kind in RESTING and self._switches < others:
            self._switches += 1
            pause = 0.0  # that one rests now, another one may answer at once
        elif self._retries < self._agent.retry.times and failure.kind in self._agent.retry.on:
            found = await self._pause(failure)
            if found is None:
                return False
            self._retries += 1
            pause = found
            self._set_parameters()
        else:
            return False
        await self._at.run.tell("retry", self._at.path, self.number, kind=failure.kind, wait=pause)
        if pause:
            await Sleep(pause)
        self.number += 1
        return True

    async def _pause(self, failure: Failure) -> float | None:
        """Give the seconds until the next try, or None where that would be too late."""
        retry, deadline = self._agent.retry, self._at.deadline
        ceiling: float = retry.wait * 2**self._retries
        pause = await Random() * min(retry.longest, ceiling)
        if failure.retry_after is not None:
            if failure.retry_after > retry.longest:
                return None
            pause = max(pause, failure.retry_after)
        if deadline is not None and (await Now()).monotonic + pause >= deadline:
            return None
        return pause

    def _set_parameters(self) -> None:
        own = self._agent.retry.parameters_of(self._retries + 1)
        if own:
            native = self._first.lens.with_parameters(self._first.native, own)
            self.request = self._first.with_native(native)
