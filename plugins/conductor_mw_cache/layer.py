"""The layer: look an answer up, join an equal call that is under way, or ask and keep."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from conductor_mw import (
    Attempted,
    Clock,
    ConductorError,
    Failure,
    Instant,
    Money,
    Outcome,
    Part,
    Parts,
    Setting,
    StoreError,
)

from .admission import question_of, worth_keeping
from .corner import Corner
from .flights import Ending, Flight, Flights, Landing, landing_of
from .kept import Kept
from .options import MEMORY, Prepared
from .question import Question
from .shelves import Memory, Shared, Shelf

if TYPE_CHECKING:
    from .semantic.finder import Semantic, Wording

NAME: Final = "cache"
PROVIDERS: Final = frozenset(("timeout", "connection", "rate_limit", "server_error"))
"""Failures of the provider. Others, of a budget for example, are one caller's own."""
PATIENCE: Final = 2
"""Calls that may fail before those who waited for them do not wait for another one."""


_NO_ANSWER: Final = (Ending.GONE, Ending.BROKE)


@dataclass(slots=True)
class Visit:
    """An attempt on its way through the cache.

    Attributes:
        attempt: the attempt.
        question: what it asks.
        began: when it came.
        first: whether its run asks this for the first time, so that it may get a kept answer.
        flight: the call that it makes for others as well, or None.
        landing: how it ended, for those who wait.
        wording: what similar questions are compared with, on routes that ask for it.
        vector: the wording as a vector, where it was needed.
        similarity: of the question that was answered; 1 where it was this one.
    """

    attempt: Attempted
    question: Question
    began: Instant
    first: bool
    flight: Flight | None = None
    landing: Landing = Ending.GONE
    wording: Wording | None = None
    vector: Sequence[float] | None = None
    similarity: float = 1.0


@dataclass(frozen=True, slots=True)
class Cache:
    """Answers attempts from what was answered before.

    Attributes:
        prepared: the policy's options.
        clock: what time it is.
        shelf: where answers lie.
        flights: what is being asked at this moment.
        tell: tells an event that belongs to no run.
        semantic: looks for similar questions, or None where no route asks for it.
    """

    prepared: Prepared
    clock: Clock
    shelf: Shelf
    flights: Flights
    tell: Callable[..., None]
    semantic: Semantic | None = None

    answers: ClassVar[bool] = True
    """It answers in an agent's place, so it is left out where the app makes its calls itself."""

    @classmethod
    def of(cls, prepared: Prepared, setting: Setting) -> Self:
        """Give the layer of a policy; what is kept outlives the policy's reload."""
        options = prepared.options
        shelf: Shelf
        if options.store == MEMORY:
            shelf = setting.shared((NAME, MEMORY), Memory)
            shelf.resize(options.most_entries, options.most_bytes)
        else:
            with suppress(StoreError):  # it may come later; an address of no kind may not
                setting.store(options.store)
            shelf = setting.shared(
                (NAME, options.store), lambda: Shared(lambda: setting.store(options.store))
            )
        flights = setting.shared((NAME, "flights"), Flights)
        if options.semantic is None:
            return cls(prepared, setting.clock, shelf, flights, setting.tell)
        from .semantic.finder import Semantic

        semantic = Semantic.of(options.semantic, setting, shelf)
        return cls(prepared, setting.clock, shelf, flights, setting.tell, semantic)

    def embed_with(self, embedder: object) -> None:
        """Bind the app's embedder, where the policy says `embedder: app`.

        Args:
            embedder: a function of a text that gives its vector, sync or async; or an object with
                `embed_query` and perhaps `aembed_query`, as LangChain's embeddings are.

        Raises:
            ConductorError: the policy does not say so.
        """
        if self.semantic is None:
            raise ConductorError("no route asks for the semantic cache")
        self.semantic.embed_with(embedder)

    def corner(self, host: str, *, tenant: object = None, user: object = None) -> Corner:
        """Give a place where a host keeps answers of its own making, for one tenant.

        Args:
            host: what keeps them, for example `langchain`; others' answers lie apart.
            tenant: whose answers; needed where the policy says `scope: tenant`.
            user: of that tenant; needed where the policy says `scope: user`.

        Raises:
            ConductorError: the policy keeps answers apart by what is not given.
        """
        return Corner.of(self, host, tenant, user)

    async def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Give an answer that is kept, or the agent's, which is then kept."""
        question = question_of(self.prepared, attempt)
        if isinstance(question, str):
            if question:
                await attempt.run.tell("cache.skipped", attempt.path, attempt.number, why=question)
            async for part in proceed(attempt):
                yield part
            return
        first = self.flights.claim(attempt.run.id, question.key)
        visit = Visit(attempt, question, self.clock.now(), first)
        try:
            kept = await self._find(visit) if first else None
            if kept is not None:
                visit.landing = kept
                for part in await self._hit(visit, kept):
                    yield part
            else:
                parts: list[Part] = []
                async for part in proceed(attempt):
                    parts.append(part)
                    yield part
                kept = await self._keep(visit, parts)
                visit.landing = Ending.UNKEPT if kept is None else kept
        except Failure as failure:
            visit.landing = failure
            raise
        except Exception:
            visit.landing = Ending.BROKE
            raise
        finally:
            self._end(visit)

    async def _find(self, visit: Visit) -> Kept | None:
        """Give an answer that is kept or under way; where there is none, it may lead from now on.

        Raises:
            Failure: of kind `timeout`, or as several equal calls failed.
        """
        landed = self.flights.landed
        kept = self.shelf.glance(visit.question, visit.began.monotonic)
        if kept is not None:
            return kept
        failures = 0
        patience = visit.began.monotonic + self.prepared.options.wait
        flight: Flight | None = None
        while True:
            moment = self.clock.monotonic()
            flight, leads = self.flights.join(visit.question.key, moment, flight)
            if leads:
                visit.flight = flight
                if not self.shelf.at_hand:
                    kept = await self._look(visit)
                elif self.flights.landed != landed:  # between the first look and the joining
                    kept = self.shelf.glance(visit.question, visit.began.monotonic)
                if kept is None and self.semantic is not None:
                    kept = await self._similar(visit, self.semantic)
                return kept
            landing = await landing_of(flight, visit.attempt, self.clock, patience)
            if isinstance(landing, Kept):
                return landing
            if landing is None or landing is Ending.UNKEPT:
                return None
            failures += landing is not Ending.GONE
            if failures >= PATIENCE:
                _refuse(landing)
                return None

    def _end(self, visit: Visit) -> None:
        key, landing = visit.question.key, visit.landing
        if visit.flight is not None:
            self.flights.land(key, visit.flight, landing)
        if visit.first and (isinstance(landing, Failure) or landing in _NO_ANSWER):
            self.flights.waive(visit.attempt.run.id, key)

    async def _look(self, visit: Visit) -> Kept | None:
        try:
            return await self.shelf.get(visit.question, visit.began)
        except StoreError as error:
            await self._down(visit, error)
            return None

    async def _keep(self, visit: Visit, parts: list[Part]) -> Kept | None:
        began, moment = visit.began, self.clock.monotonic()
        utc = began.utc + moment - began.monotonic
        kept = worth_keeping(visit.attempt, parts, visit.question, utc)
        if kept is None:
            return None
        if self.shelf.at_hand:
            self.shelf.lay(visit.question, kept, moment)
        else:
            try:
                await self.shelf.put(visit.question, kept, Instant(moment, utc))
            except StoreError as error:
                await self._down(visit, error)
        if visit.wording is not None:
            self._remember(visit, visit.wording, kept)
        return kept

    async def _similar(self, visit: Visit, semantic: Semantic) -> Kept | None:
        """Give the answer to a similar question, on routes that want to be served so."""
        attempt = visit.attempt
        visit.wording = semantic.wording(attempt, visit.question)
        if visit.wording is None or not semantic.serves:
            return None
        visit.vector, similar = await semantic.find(attempt, visit.question, visit.wording)
        if similar is None:
            return None
        if similar.differs:
            await semantic.tell(attempt, similar)
            return None
        visit.similarity = similar.similarity
        return similar.kept

    def _remember(self, visit: Visit, wording: Wording, kept: Kept) -> None:
        """Let similar questions find this one; in shadow mode when the caller has its answer."""
        semantic = self.semantic
        if semantic is None:
            return
        if visit.vector is not None:
            semantic.remember(visit.question, wording, visit.vector)
        elif not semantic.serves:
            visit.attempt.run.leave(
                lambda: semantic.compare(visit.attempt, visit.question, wording, kept)
            )

    async def _down(self, visit: Visit, error: StoreError) -> None:
        attempt = visit.attempt
        await attempt.run.tell("cache.down", attempt.path, attempt.number, problem=error.problem)

    async def _hit(self, visit: Visit, kept: Kept) -> list[Part]:
        attempt, began = visit.attempt, visit.began.monotonic
        seconds = self.clock.monotonic() - began
        attempt.settle(
            Outcome(
                path=attempt.path,
                agent=attempt.agent.id,
                number=attempt.number,
                cost=Money(),
                started=began,
                seconds=seconds,
                first_part=seconds,
                finish=kept.finish,
                visible=attempt.visible,
                purpose=attempt.purpose,
                by=NAME,
            )
        )
        age = max(0.0, visit.began.utc + seconds - kept.made)
        await attempt.run.tell(
            "cache.hit", attempt.path, attempt.number,
            agent=attempt.agent.id, age=age, similarity=round(visit.similarity, 4),
        )  # fmt: skip
        return kept.parts(stream=attempt.request.stream)


def _refuse(landing: Failure | Ending) -> None:
    """Fail as equal calls failed, where the provider is at fault and would answer nobody."""
    if isinstance(landing, Failure) and landing.kind in PROVIDERS:
        raise Failure(
            landing.kind,
            landing.problem,
            agent=landing.agent,
            retry_after=landing.retry_after,
        ) from landing
