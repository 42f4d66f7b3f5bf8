"""The layer: look an answer up, join an equal call that is under way, or ask and keep."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Self

from conductor_mw import (
    Attempted,
    Clock,
    Failure,
    Instant,
    Money,
    Outcome,
    Part,
    Parts,
    Run,
    Setting,
    StoreError,
)

from .admission import Unsuitable, question_of, worth_keeping
from .flights import Ending, Flights, Landing, landing_of
from .kept import Kept
from .options import MEMORY, Prepared
from .question import Question
from .shelves import Memory, Shared, Shelf

NAME: Final = "cache"
PROVIDERS: Final = frozenset(("timeout", "connection", "rate_limit", "server_error"))
"""Failures of the provider. Others, of a budget for example, are one caller's own."""
PATIENCE: Final = 2
"""Calls that may fail before those who waited for them do not wait for another one."""


class Course(Enum):
    """What an attempt does for which no answer was found."""

    LEAD = "lead"
    """It asks, and others wait for it."""
    ALONE = "alone"
    """It asks, and nobody waits for it."""


@dataclass(slots=True)
class Cache:
    """Answers attempts from what was answered before.

    Attributes:
        prepared: the policy's options.
        clock: what time it is.
        shelf: where answers lie.
        flights: what is being asked at this moment.
    """

    prepared: Prepared
    clock: Clock
    shelf: Shelf
    flights: Flights
    _asked: dict[str, set[bytes]] = field(default_factory=dict[str, set[bytes]])

    @classmethod
    def of(cls, prepared: Prepared, setting: Setting) -> Self:
        """Give the layer of a policy; what is kept outlives the policy's reload."""
        options = prepared.options
        shelf: Shelf
        if options.store == MEMORY:
            shelf = setting.shared((NAME, MEMORY), Memory)
            shelf.resize(options.most_entries, options.most_bytes)
        else:
            shelf = setting.shared(
                (NAME, options.store), lambda: Shared(lambda: setting.store(options.store))
            )
        return cls(prepared, setting.clock, shelf, setting.shared((NAME, "flights"), Flights))

    def begin_request(self, run: Run) -> None:
        """Begin to remember what a run asks: it never gets the same answer twice."""
        self._asked[run.id] = set()

    def end_request(self, run: Run, token: object) -> None:
        """Forget it."""
        del token
        self._asked.pop(run.id, None)

    async def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Give an answer that is kept, or the agent's, which is then kept."""
        try:
            question = question_of(self.prepared, attempt)
        except Unsuitable as unsuitable:
            question = None
            await attempt.run.tell(
                "cache.skipped", attempt.path, attempt.number, why=str(unsuitable)
            )
        if question is None:
            async for part in proceed(attempt):
                yield part
            return
        # Whoever asks the same again in one run was not content with the answer (a retry, another
        # round), or wants several (a vote): it gets another one.
        asked = self._asked.get(attempt.run.id, set())
        again = question.key in asked
        asked.add(question.key)
        answered = False
        try:
            serve = self._ask if again else self._serve
            async for part in serve(attempt, proceed, question):
                yield part
            answered = True
        finally:
            if not answered and not again:
                asked.discard(question.key)

    async def _serve(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts], question: Question
    ) -> AsyncGenerator[Part, None]:
        began = self.clock.now()
        found = self.shelf.glance(question, began) or await self._join(attempt, question, began)
        if found is Course.LEAD:
            async for part in self._lead(attempt, proceed, question, began):
                yield part
        elif found is Course.ALONE:
            async for part in self._ask(attempt, proceed, question):
                yield part
        else:
            for part in await self._hit(attempt, found, began):
                yield part

    async def _join(self, attempt: Attempted, question: Question, began: Instant) -> Kept | Course:
        """Give the answer of an equal call that is under way, or what to do instead.

        Raises:
            Failure: of kind `timeout`, or as several equal calls failed.
        """
        failures = 0
        while True:
            latch, leads = self.flights.join(question.key)
            if leads:
                return Course.LEAD
            landing = await landing_of(
                latch, attempt, self.clock, began.monotonic, self.prepared.options.wait
            )
            if isinstance(landing, Kept):
                return landing
            if landing is None or landing is Ending.UNKEPT:
                return Course.ALONE
            failures += landing is not Ending.GONE
            if failures >= PATIENCE:
                return _after(landing)

    async def _lead(
        self,
        attempt: Attempted,
        proceed: Callable[[Attempted], Parts],
        question: Question,
        began: Instant,
    ) -> AsyncGenerator[Part, None]:
        """Answer for everybody who asks the same at this moment."""
        landing: Landing = Ending.GONE
        try:
            # Somebody may have landed between the first look and the joining.
            kept = await self._look(attempt, question, began)
            if kept is not None:
                landing = kept
                for part in await self._hit(attempt, kept, began):
                    yield part
                return
            parts: list[Part] = []
            async for part in proceed(attempt):
                parts.append(part)
                yield part
            kept = await self._keep(attempt, parts, question)
            landing = Ending.UNKEPT if kept is None else kept
        except Failure as failure:
            landing = failure
            raise
        except Exception:
            landing = Ending.BROKE
            raise
        finally:
            self.flights.land(question.key, landing)

    async def _ask(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts], question: Question
    ) -> AsyncGenerator[Part, None]:
        """Ask whatever is kept, and keep the new answer in its place."""
        parts: list[Part] = []
        async for part in proceed(attempt):
            parts.append(part)
            yield part
        await self._keep(attempt, parts, question)

    async def _look(self, attempt: Attempted, question: Question, now: Instant) -> Kept | None:
        try:
            return await self.shelf.get(question, now)
        except StoreError as error:
            await self._down(attempt, error)
            return None

    async def _keep(self, attempt: Attempted, parts: list[Part], question: Question) -> Kept | None:
        now = self.clock.now()
        kept = worth_keeping(attempt, parts, question, now.utc)
        if kept is not None:
            try:
                await self.shelf.put(question, kept, now)
            except StoreError as error:
                await self._down(attempt, error)
        return kept

    async def _down(self, attempt: Attempted, error: StoreError) -> None:
        await attempt.run.tell("cache.down", attempt.path, attempt.number, problem=error.problem)

    async def _hit(self, attempt: Attempted, kept: Kept, began: Instant) -> list[Part]:
        now = self.clock.now()
        seconds = now.monotonic - began.monotonic
        attempt.settle(
            Outcome(
                path=attempt.path,
                agent=attempt.agent.id,
                number=attempt.number,
                cost=Money(),
                started=began.monotonic,
                seconds=seconds,
                first_part=seconds,
                finish=kept.finish,
                visible=attempt.visible,
                purpose=attempt.purpose,
                by=NAME,
            )
        )
        age = max(0.0, now.utc - kept.made)
        await attempt.run.tell(
            "cache.hit", attempt.path, attempt.number, agent=attempt.agent.id, age=age
        )
        return kept.parts(stream=attempt.request.stream)


def _after(landing: Failure | Ending) -> Course:
    """Go on by oneself where others failed for a reason of their own; else fail as they did.

    Raises:
        Failure: the provider answers nobody.
    """
    if isinstance(landing, Failure) and landing.kind in PROVIDERS:
        raise Failure(
            landing.kind,
            landing.problem,
            agent=landing.agent,
            retry_after=landing.retry_after,
        ) from landing
    return Course.ALONE
