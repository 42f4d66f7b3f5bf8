"""A strategy and a kind of agent as a stranger's plugin would write them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from conductor_mw import (
    Agent,
    AgentOptions,
    At,
    Attempt,
    Flow,
    FlowOptions,
    Part,
    Request,
    Setting,
    Site,
    Speaker,
    Target,
)


class Backwards(FlowOptions):
    """Says what another one says, backwards."""

    backwards: Target

    def build(self, site: Site) -> Flow:
        return BackwardsFlow(site.step(self.backwards, "backwards"))


@dataclass(frozen=True)
class BackwardsFlow:
    step: Flow
    label: str = "backwards"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        return (("", self.step),)

    @property
    def worst_calls(self) -> int:
        return self.step.worst_calls

    @property
    def canonical(self) -> object:
        return ["backwards", self.step.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        async with aclosing(self.step.answer(request, at.into("backwards"))) as parts:
            async for part in parts:
                yield replace(part, text=part.text[::-1], native=None)


class Echo(AgentOptions):
    """Says what it hears."""

    times: int = 1

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        del agent, setting
        return EchoSpeaker(self.times)


@dataclass(frozen=True)
class EchoSpeaker:
    times: int

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        yield Part(attempt.request.text * self.times)
