"""The layer: sees what goes by, and lets the writer's thread do the rest."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from conductor_mw import Attempted, Clock, Event, Latch, Now, Part, Parts, Run, Wait

from .describe import Describer
from .entry import Entry
from .passage import Passage
from .scribe import Item
from .writer import Unrecorded, WhenFull, Writer

OF_RUNS: Final = frozenset(
    {
        "retry", "fallback", "shortened", "rated", "escalated", "hedged", "won", "disagreed",
        "picked", "repeated", "learned", "undo_failed", "undo_left", "shadow_compared",
        "shadow_dropped",
    }
)  # fmt: skip
"""What is told of a run and recorded as it is told."""
OF_THE_HOUSE: Final = frozenset({"feedback", "policy_loaded", "policy_refused", "rollout_returned"})
"""What is told beside runs."""
OF_PLUGINS: Final = frozenset(
    {
        "breaker.opened", "breaker.half_open", "breaker.closed", "breaker.drained",
        "breaker.resumed", "budget.alert", "budget.exhausted", "budget.overdraft",
        "budget.charged_in_full", "guard.redacted", "limits.refused", "quality.dropped",
        "quality.scored",
    }
)  # fmt: skip
"""What other plugins tell."""
_LONGEST_WAIT: Final = 30.0


@dataclass(slots=True)
class Recorder:
    """Records what happens, a little behind it: no answer waits for its record.

    Attributes:
        writer: writes the records.
        describer: makes them.
        clock: what time it is.
        when_full: what a request does while the queue is full.
        sent: whether what each agent was sent is looked at.
        archive: makes the record of the policy; taken with the first request.
    """

    writer: Writer
    describer: Describer
    clock: Clock
    when_full: WhenFull
    sent: bool
    archive: Callable[[None], Iterable[Entry]] | None

    observes = True
    hears = OF_RUNS | OF_THE_HOUSE | OF_PLUGINS

    async def around_request(
        self, run: Run, proceed: Callable[[Run], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Pass the answer on, and record the run when it is over."""
        passage = Passage(run)
        if not self.writer.has_room:
            await self._admit(run)
        seen = passage.parts.append
        try:
            async for part in proceed(run):
                seen(part)
                yield part
        except BaseException as error:  # raised again, once it is known to the record
            passage.error = error
            raise
        finally:
            passage.ended = self.clock.monotonic()
            self._put(self.describer.decision, run.id, passage)

    def begin_attempt(self, attempt: Attempted) -> object:
        """Keep what is sent, where the record holds something of it."""
        if not self.sent:
            return None
        request = attempt.request
        return request.lens.shortened(request.native, ())

    def end_attempt(self, attempt: Attempted, native: object) -> None:
        """Record the calls of the attempt."""
        self._put(self.describer.call, attempt.run.id, (attempt, native))

    def told(self, event: Event) -> None:
        """Record an event."""
        self._put(self.describer.event, event.run, event)

    def _put(self, make: Callable[[Any], Iterable[Entry]], run: str, subject: object) -> None:
        writer = self.writer
        if self.when_full == "drop" and not writer.has_room:
            writer.lose()
            return
        if self.archive is not None:
            first, self.archive = self.archive, None
            writer.put(Item(first, "", None))
        writer.put(Item(make, run, subject))

    async def _admit(self, run: Run) -> None:
        """Let a request in while the queue is full, or refuse it."""
        if self.when_full == "drop":
            return
        left = await self._left(run)
        if self.when_full == "block":
            while not self.writer.has_room and left > 0:
                await Wait(self.writer.vacancy(), left)
                left = await self._left(run)
        if not self.writer.has_room:
            raise Unrecorded(
                f"the audit log's queue of {self.writer.most:,} records is full",
                where="audit",
                mend=self.writer.health.problem or "Raise `queue:`, or write to PostgreSQL.",
            )

    async def _left(self, run: Run) -> float:
        if run.deadline is None:
            return _LONGEST_WAIT
        now = await Now()
        return run.deadline - now.monotonic


class Holder(Recorder):
    """Records first: no answer reaches the caller before its record is on the disk."""

    __slots__ = ()

    async def around_request(
        self, run: Run, proceed: Callable[[Run], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Hold the answer back until its record is kept; a stream's first part, and its end.

        Raises:
            Unrecorded: it cannot be kept, so that there is no answer.
        """
        passage = Passage(run)
        if not self.writer.has_room:
            await self._admit(run)
        streams, spoken = run.request.stream, False
        try:
            async for part in proceed(run):
                passage.parts.append(part)
                if not streams or not (spoken or part.speaks):
                    continue  # what says nothing to us may say something in the host's form
                if spoken:
                    yield part
                    continue
                spoken = True
                await self._durable(self.describer.begun, passage)
                for held in tuple(passage.parts):
                    yield held
        except BaseException as error:  # raised again, once it is known to the record
            passage.error = error
            passage.ended = self.clock.monotonic()
            self._put(self.describer.decision, run.id, passage)
            raise
        passage.ended = self.clock.monotonic()
        await self._durable(self.describer.decision, passage)
        if not spoken:
            for part in passage.parts:
                yield part

    async def _durable(self, make: Callable[[Passage], Iterable[Entry]], passage: Passage) -> None:
        """Wait until a record is on the disk.

        Raises:
            Unrecorded: it cannot be, or not in time.
        """
        run, latch = passage.run, Latch()
        if self.archive is not None:
            first, self.archive = self.archive, None
            self.writer.put(Item(first, "", None))
        self.writer.put(Item(make, run.id, passage, latch))
        kept = await Wait(latch, max(0.0, min(_LONGEST_WAIT, await self._left(run))))
        if kept and latch.value is None:
            return
        problem: Any = latch.value if kept else "it took too long"
        if not kept:
            self._put(self._withheld, run.id, passage)
        raise Unrecorded(
            f"the answer is held back, because its record cannot be kept: {problem}",
            where="audit",
            mend="Look at the disk's room, or at the database.",
        )

    def _withheld(self, passage: Passage) -> Iterable[Entry]:
        now = self.clock.now().utc
        told = {"because": "it took too long"}
        yield Entry(kind="withheld", time=now, run=passage.run.id, data=told)
