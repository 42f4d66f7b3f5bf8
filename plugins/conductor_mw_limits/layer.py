"""Hold requests and attempts until their limits have room, or refuse them."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from math import isinf
from typing import TYPE_CHECKING, Any, Final

from conductor_mw import Failure, Now, Sleep, StoreError

from .books import Books
from .counting import Counting
from .held import Held, Short, free_slots, release
from .learned import Learned, Lesson

if TYPE_CHECKING:
    from conductor_mw import Attempted, Run, Setting

    from .counting import Needs
    from .options import Prepared
    from .rate import Rate

SOON: Final = 1.0
"""Seconds after which to come back where nobody knows better: slots are full, the store is gone."""


class Limiter:
    """The layer. What it counts outlives a reload of the policy."""

    def __init__(self, prepared: Prepared, setting: Setting) -> None:
        options = prepared.options
        self._counting = Counting(prepared)
        self._wait = options.wait
        self._clock = setting.clock
        self._books = Books.of(prepared, setting)
        self._learned: Learned | None = None
        if options.learn:
            self._learned = setting.shared(
                ("limits", "learned", options.learn_most), lambda: Learned(options.learn_most)
            )

    def begin_request(self, run: Run) -> Held | Coroutine[Any, Any, Held] | None:
        """Take what a whole request needs; gives a coroutine only where it must wait."""
        counting = self._counting
        if not counting.around_requests:
            return None
        try:
            needs = counting.of_request(run.facts)
        except Failure as failure:
            return _refused(failure, run, None)
        held = self._books.taken(needs)
        return self._waited(needs, run, None) if held is None else held

    def end_request(self, run: Run, token: Held | None) -> None:
        """Give a request's slots back; what it was counted for stays counted."""
        del run
        if token is not None:
            free_slots(token)

    def begin_attempt(self, attempt: Attempted) -> Held | Coroutine[Any, Any, Held] | None:
        """Take what an attempt needs; gives a coroutine only where it must wait."""
        counting, learned = self._counting, self._learned
        needs: Needs = ([], [])
        if counting.around_attempts:
            try:
                needs = counting.of_attempt(attempt)
            except Failure as failure:
                return _refused(failure, attempt.run, attempt)
        if attempt.purpose == "undo":  # what was done must be undone: counted, never refused
            return self._books.forced(needs)
        if learned is not None and attempt.agent.id in learned.closed:
            return self._waited(needs, attempt.run, attempt)
        if not counting.around_attempts:
            return None
        held = self._books.taken(needs)
        return self._waited(needs, attempt.run, attempt) if held is None else held

    def end_attempt(
        self, attempt: Attempted, token: Held | None
    ) -> Coroutine[Any, Any, None] | None:
        """Give an attempt's slots back, and count the tokens that it used in the end."""
        outcomes = attempt.outcomes
        if token is not None:
            if outcomes:
                free_slots(token)
                _settle(token, attempt)
            else:  # an inner layer refused: nobody was asked
                release(token)
        if self._learned is not None:
            for outcome in outcomes:
                if outcome.headers or outcome.retry_after:
                    lesson = self._learned.learn(attempt.agent, outcome, self._clock.now().utc)
                    if lesson is not None:
                        return _tell(lesson, attempt)
        return None

    async def _waited(self, needs: Needs, run: Run, attempt: Attempted | None) -> Held:
        begun = (await Now()).monotonic
        until = begun + self._wait
        deadline = run.deadline if attempt is None else attempt.deadline
        if deadline is not None:
            until = min(until, deadline)
        if self._learned is not None and attempt is not None:
            await self._reopened(self._learned, attempt, until)
        try:
            got = await self._books.acquired(needs, until)
        except StoreError as error:
            problem = f"nobody can tell whether there is room: {error.problem}"
            failure = Failure("limited", problem, agent=_agent(attempt), retry_after=SOON)
            raise await _told(failure, run, attempt, "store") from error
        if isinstance(got, Short):
            raise await _told(_refusal(got, attempt), run, attempt, got.limit)
        waited = (await Now()).monotonic - begun
        if waited > 0:
            try:
                await _tell_run(run, attempt, "limits.waited", {"seconds": round(waited, 6)})
            except BaseException:
                release(got)
                raise
        return got

    async def _reopened(self, learned: Learned, attempt: Attempted, until: float) -> None:
        agent = attempt.agent.id
        now = (await Now()).monotonic
        while (seconds := learned.seconds(agent, now)) > 0:
            if now + seconds > until:
                failure = Failure(
                    "limited",
                    f"the provider of agent {agent!r} said to come back in {seconds:.3g} s",
                    agent=agent,
                    retry_after=seconds,
                )
                raise await _told(failure, attempt.run, attempt, "provider")
            await Sleep(seconds)
            now = (await Now()).monotonic


def _settle(held: Held, attempt: Attempted) -> None:
    for charge in held.charges:
        use = charge[0]
        if use.terms.tokens:
            held.book.settle(charge, _used(attempt, use.cost, use.terms.rate))


def _used(attempt: Attempted, expected: int, rate: Rate) -> int:
    """Give the nanoseconds that an attempt's calls used in the end."""
    used = 0
    for outcome in attempt.outcomes:
        usage = outcome.usage
        tokens = usage.input_tokens + usage.output_tokens
        cost = rate.cost(tokens) if tokens else 0 if outcome.by else expected
        # A call that broke off was worked on, for nobody says how long.
        broken = outcome.finish in ("cut", "error")
        used += max(cost, expected) if broken and not outcome.by else cost
    return used


def _agent(attempt: Attempted | None) -> str:
    return "" if attempt is None else attempt.agent.id


def _refusal(short: Short, attempt: Attempted | None) -> Failure:
    agent = _agent(attempt)
    limit = f"limit {short.limit!r}"
    if short.seat is not None:
        problem = f"{limit}: all {short.seat.most} slots are in use"
        return Failure("limited", problem, agent=agent, retry_after=SOON)
    if isinf(short.seconds):
        return Failure("limited", f"{limit} never has room for so much at once", agent=agent)
    problem = f"{limit} has room again in {short.seconds:.3g} s"
    return Failure("limited", problem, agent=agent, retry_after=short.seconds)


async def _refused(failure: Failure, run: Run, attempt: Attempted | None) -> Held:
    raise await _told(failure, run, attempt)


async def _told(failure: Failure, run: Run, attempt: Attempted | None, limit: str = "") -> Failure:
    """Give a refusal that everybody who listens was told of."""
    data = {"limit": limit, "retry_after": failure.retry_after}
    await _tell_run(run, attempt, "limits.refused", data)
    return failure


async def _tell_run(
    run: Run, attempt: Attempted | None, name: str, data: Mapping[str, object]
) -> None:
    if attempt is None:
        await run.tell(name, "", 0, **data)
    else:
        await run.tell(name, attempt.path, attempt.number, agent=attempt.agent.id, **data)


async def _tell(lesson: Lesson, attempt: Attempted) -> None:
    await attempt.run.tell(
        "limits.learned",
        attempt.path,
        attempt.number,
        agent=lesson.agent,
        replica=lesson.replica,
        sort=lesson.sort,
        seconds=round(lesson.seconds, 6),
    )
