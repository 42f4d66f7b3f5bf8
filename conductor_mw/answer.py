"""What a caller gets: a whole answer, or its parts with the answer at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .decide import Decision
from .money import Money
from .parts import Finish, Outcome, Part, Rating, ToolCall, Usage, joined_tool_calls
from .provenance import Provenance, agent_of, provenance_of
from .request import Lens
from .run import usage_of
from .trajectory import Trajectory
from .unread import begun, dropped, over

if TYPE_CHECKING:
    from .run import Run


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, and how it came about.

    Attributes:
        id: the run's id; events and records carry it.
        text: what the agent said.
        agent: the id of the agent that said it; of the last one, where several did.
        tool_calls: the tools it wants to call, each whole.
        finish: why it stopped; `cut` where the caller stopped reading, empty while it goes on.
        usage: tokens of every attempt, of failed ones, losers, judges and paid signals too.
        cost: what every attempt cost together, or None where a price or an attempt's tokens are
            unknown. For a sync caller the loser of a race goes on until its call returns, and the
            cost is unknown until then: see `updated`.
        attempts: every attempt that has ended, oldest first; those of shadows, which begin when the
            answer is there, are told in events only.
        decision: where the request went and why.
    """

    id: str
    text: str
    agent: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish = "stop"
    usage: Usage = field(default_factory=Usage)
    cost: Money | None = None
    attempts: tuple[Outcome, ...] = ()
    decision: Decision
    _parts: Sequence[Part] = field(repr=False)
    _lens: Lens = field(repr=False)
    _run: Run = field(repr=False, compare=False)

    @cached_property
    def native(self) -> object:
        """The answer in the host's own form, untouched where it came in one piece."""
        parts = self._parts
        if len(parts) == 1 and parts[0].native is not None:
            return parts[0].native
        return self._lens.join(parts)

    @cached_property
    def provenance(self) -> Provenance:
        """Who said which part of it, and what became of every attempt."""
        return provenance_of(self._parts, self.attempts)

    @property
    def trajectory(self) -> Trajectory | None:
        """What the next call of the same trajectory is given; None where no rule decided."""
        decision = self.decision
        if decision.forced or decision.observed or not self.agent:
            return None
        return Trajectory(decision.rule, self.agent, decision.fingerprint)

    @property
    def score(self) -> float | None:
        """How good it was found to be, from 0 to 1, or None where nothing scored it."""
        return self._rating.score

    @property
    def accepted(self) -> bool:
        """Whether it met its `accept:`; True where there is none."""
        return self._rating.accepted is not False

    def updated(self) -> Answer:
        """Give the same answer with the figures of attempts that have ended since."""
        return answer_of(self._run, self._parts)

    @property
    def _rating(self) -> Rating:
        return next((part.rating for part in reversed(self._parts) if part.rating), Rating())


def answer_of(run: Run, parts: Sequence[Part]) -> Answer:
    """Give the whole answer of a run that is over."""
    cost = run.cost  # before the attempts: what ends between the two is then unknown
    attempts = run.attempts
    return Answer(
        id=run.id,
        text="".join(part.text for part in parts),
        agent=agent_of(parts, attempts),
        tool_calls=joined_tool_calls(parts),
        finish=_finish(run, parts),
        usage=usage_of(attempts),
        cost=cost,
        attempts=attempts,
        decision=run.decide(),
        _parts=tuple(parts),
        _lens=run.request.lens,
        _run=run,
    )


def _finish(run: Run, parts: Sequence[Part]) -> Finish:
    for part in reversed(parts):
        if part.finish:
            return part.finish
    origin = next((part.origin for part in reversed(parts) if part.origin is not None), None)
    for outcome in reversed(run.outcomes):
        if origin is None:
            if outcome.visible:
                return outcome.finish
        elif (outcome.agent, outcome.path) == origin:
            # An earlier try of the step that never spoke is not why the one that did has stopped.
            return "" if outcome.error and outcome.first_part is None else outcome.finish
    return ""


class PartStream(Iterator[Part]):
    """The parts of an answer for a sync caller; `answer` is there once they are read.

    Leaving its `with` block, or `close()`, stops the run within one part.
    """

    def __init__(self, run: Run, parts: Generator[Part, None, None]) -> None:
        self._run = run
        self._parts = parts
        begun(parts)
        self._read: list[Part] = []

    @property
    def answer(self) -> Answer:
        """The answer as far as it was read."""
        return answer_of(self._run, self._read)

    @property
    def decision(self) -> Decision:
        """Where the request goes; it does not wait for the first part."""
        return self._run.decide()

    def __next__(self) -> Part:
        try:
            part = next(self._parts)
        except BaseException:
            over(self._parts)  # it is closed: it was read, or it failed
            raise
        self._read.append(part)
        return part

    def close(self) -> None:
        """Stop the run and close every layer."""
        try:
            self._parts.close()
        finally:
            over(self._parts)

    def __del__(self) -> None:
        dropped(self._parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()


class AsyncPartStream(AsyncIterator[Part]):
    """The parts of an answer for an async caller; `answer` is there once they are read.

    Leaving its `async with` block, or `aclose()`, stops the run within one part.
    """

    def __init__(self, run: Run, parts: AsyncGenerator[Part, None]) -> None:
        self._run = run
        self._parts = parts
        begun(parts)
        self._read: list[Part] = []

    @property
    def answer(self) -> Answer:
        """The answer as far as it was read."""
        return answer_of(self._run, self._read)

    @property
    def decision(self) -> Decision:
        """Where the request goes; it does not wait for the first part."""
        return self._run.decide()

    async def __anext__(self) -> Part:
        try:
            part = await anext(self._parts)
        except BaseException:
            over(self._parts)  # it is closed: it was read, or it failed
            raise
        self._read.append(part)
        return part

    async def aclose(self) -> None:
        """Stop the run and close every layer."""
        try:
            await self._parts.aclose()
        finally:
            over(self._parts)

    def __del__(self) -> None:
        over(self._parts)  # its event loop closes it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        await self.aclose()
