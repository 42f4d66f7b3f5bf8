"""`simulated:` an agent that answers from the policy itself: for tests, dry runs and first steps.

What it says, how long it takes and how it fails depends on its seed and the request only, so two
runs of the same traffic are the same. Nothing else in the project ever stands in for a model.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from conductor_mw.durations import Duration
from conductor_mw.effects import STAND_IN, Attempt, Sleep
from conductor_mw.errors import Failure, FailureKind
from conductor_mw.parts import Part, Usage

from .base import Agent, AgentOptions, Speaker

if TYPE_CHECKING:
    from conductor_mw.setting import Setting

BYTES_PER_TOKEN = 4
"""A round figure for English (OpenAI's help centre gives the same); enough for a simulation."""


class SimulatedOptions(AgentOptions):
    """An agent without a model behind it."""

    answer: str | None = Field(default=None, description="What it always says.")
    answers: list[str] = Field(
        default=[], description="What it says, one of them by seed and request."
    )
    latency: Duration = Field(default=0.0, description="Time until the first part.")
    tokens_per_second: float | None = Field(
        default=None, gt=0, description="How fast it speaks after that; at once where left out."
    )
    errors: dict[FailureKind, float] = Field(
        default={}, description="The share of requests that fail, by kind of failure."
    )
    seed: int = Field(default=0, description="Another seed, other answers and failures.")
    vary: bool = Field(
        default=False,
        description="Whether another step or another try of the same request is another chance.",
    )

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """`simulated: Hello` is short for `simulated: {answer: Hello}`."""
        return {"answer": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sensible(self) -> SimulatedOptions:
        if self.answer is not None and self.answers:
            raise ValueError("write `answer` or `answers`, not both")
        if any(not 0 <= share <= 1 for share in self.errors.values()):
            raise ValueError("a share of errors lies between 0 and 1")
        if sum(self.errors.values()) > 1:
            raise ValueError("the shares of errors add up to more than 1")
        return self

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        """Give a speaker for this agent."""
        del setting
        return Simulated(agent.id, self)


@dataclass(frozen=True, slots=True)
class Simulated:
    """Speaks for a simulated agent."""

    id: str
    options: SimulatedOptions

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give the simulated answer, word by word where the request streams."""
        request, options = attempt.request, self.options
        dice = self._dice(attempt)
        await Sleep(options.latency)
        self._fail(dice.random())
        text = self._text(dice, attempt)
        words = _words(text)
        usage = Usage(_tokens(request.size), _tokens(len(text.encode())))
        pause = 0.0
        if options.tokens_per_second is not None:
            pause = usage.output_tokens / options.tokens_per_second / max(1, len(words))
        if not request.stream:
            await Sleep(pause * len(words))
            yield Part(text, usage=usage, finish="stop")
            return
        for word in words:
            yield Part(word)
            await Sleep(pause)
        yield Part(usage=usage, finish="stop")

    def _dice(self, attempt: Attempt) -> Random:
        # Tied to the request, not to the order of arrival: concurrency changes no outcome. Python's
        # own hash is salted per process and would.
        tied = f"{self.id}\0{self.options.seed}\0{attempt.request.text}"
        if self.options.vary:
            tied += f"\0{attempt.path}\0{attempt.number}"
        return Random(sha256(tied.encode("utf-8", "surrogatepass")).digest())

    def _fail(self, point: float) -> None:
        for kind, share in sorted(self.options.errors.items()):
            point -= share
            if point < 0:
                raise Failure(kind, f"simulated {kind.replace('_', ' ')}", agent=self.id)

    def _text(self, dice: Random, attempt: Attempt) -> str:
        options = self.options
        if options.answers:
            return options.answers[dice.randrange(len(options.answers))]
        if options.answer is not None:
            return options.answer
        # A dry run goes on past a judge or a question with declared answers, and says "simulated".
        stand_in = attempt.terms.get(STAND_IN)
        return stand_in if isinstance(stand_in, str) else f"(simulated answer of {self.id})"


def _words(text: str) -> list[str]:
    *words, last = text.split(" ")
    return [*(word + " " for word in words), last]


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)
