"""`on_overflow:` ask an agent again with a shorter conversation where it was too long for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from conductor_mw.effects import NO_TERMS
from conductor_mw.errors import Failure
from conductor_mw.parts import Part
from conductor_mw.signals.tokens import BYTES_PER_TOKEN

from .agent import AskAgent
from .reply import collect
from .shortening import droppable, summary_note, summary_question

if TYPE_CHECKING:
    from conductor_mw.agents.base import Agent
    from conductor_mw.request import Message, Request

    from .base import At, Flow

TRIES: Final = 2
"""Further tries, each with a conversation about half as long."""
_ROOM: Final = 0.8
"""The share of a context window that is filled; the rest is for the answer and for doubt."""


def leaf(agent: Agent, agents: Mapping[str, Agent]) -> Flow:
    """Give the node that asks an agent, and shortens what is too long where the policy says so.

    Args:
        agent: who is asked.
        agents: every agent of the policy, by id.
    """
    asking = AskAgent(agent)
    if agent.overflow is None:
        return asking
    name = agent.overflow.summarise
    return Shrinking(asking, AskAgent(agents[name]) if name in agents else None)


@dataclass(frozen=True, slots=True)
class Shrinking:
    """Asks an agent; after a `context_overflow` again, without the oldest of the conversation.

    System messages, the last user message and the newest step after it stay. A tool's call and its
    results stay or go together.
    """

    asking: AskAgent
    summariser: AskAgent | None

    @property
    def label(self) -> str:
        """What it does, for example `trim where too long`."""
        return f"{'summarise' if self.summariser else 'trim'} where too long"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The agent, and who sums up."""
        summariser = self.summariser
        return (("", self.asking), *((("summary", summariser),) if summariser else ()))

    @property
    def worst_calls(self) -> int:
        """Every try overflows but the last, and each further one needs a summary."""
        summary = self.summariser.worst_calls if self.summariser else 0
        return self.asking.worst_calls + TRIES * (self.asking.worst_calls + summary)

    @property
    def canonical(self) -> object:
        """The agent's id: its meaning says what it does with what is too long."""
        return self.asking.canonical

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the agent's parts. Raises `Failure` where nothing more can be left out."""
        here, number = at, 0
        while True:
            spoken = False
            try:
                async with aclosing(self.asking.answer(request, here)) as parts:
                    async for part in parts:
                        spoken = spoken or part.speaks
                        yield part
            except Failure as failure:
                number += 1
                if spoken or failure.kind != "context_overflow" or number > TRIES:
                    raise
                overflow = failure
            else:
                return
            here = at.into(f"overflow#{number}")
            request = await self._shorter(request, here, overflow)

    async def _shorter(self, request: Request, at: At, overflow: Failure) -> Request:
        """Give the request with less of the conversation, or raise the failure again."""
        lens, messages = request.lens, request.messages
        before = lens.weight(request.native).size
        dropped = droppable(messages, before - self._aim(before))
        if not dropped:
            raise overflow
        left_out = [messages[position] for position in sorted(dropped)]
        note = ""
        if self.summariser is not None:
            try:
                note = await self._summary(self.summariser, request, left_out, at)
            except Failure:
                raise overflow from overflow.__cause__
        shorter = request.with_native(lens.shortened(request.native, dropped, note))
        await at.run.tell(
            "shortened",
            at.path,
            agent=self.asking.agent.id,
            messages=len(dropped),
            bytes=before - lens.weight(shorter.native).size,
            summarised=bool(note),
        )
        return shorter

    def _aim(self, size: int) -> float:
        """Give how many bytes are to be left."""
        window = self.asking.agent.context_window
        half = size / 2
        return half if window is None else min(half, window * BYTES_PER_TOKEN * _ROOM)

    async def _summary(
        self, summariser: AskAgent, request: Request, messages: Sequence[Message], at: At
    ) -> str:
        window = summariser.agent.context_window
        most = None if window is None else int(window * BYTES_PER_TOKEN * _ROOM)
        question = summary_question(messages, most)
        asked = replace(request, native=request.lens.fresh(request.native, question), stream=False)
        # What the step says to its agent is not for whoever sums up.
        place = replace(at.into("summary").hidden("summary"), terms=NO_TERMS, rescued=frozenset())
        reply = await collect(summariser, asked, place)
        return summary_note(reply.text, len(messages))
