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
    from conductor_mw import Attempted, Outcome, Run, Setting

    from .counting import Needs
    from .options import Prepared
    from .rate import Rate

SOON: Final = 1.0
"""Seconds after which to come back where nobody knows better: slots are full, the store is gone."""
_NOTHING: Final[Needs] = ((), ())


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
        try:
            needs = self._counting.of_request(run.facts)
        except Failure as failure:
            return _refused(failure, run, None)
        if needs is None:
            return None
        held = self._books.taken(needs)
        return self._waited(needs, run, None) if held is None else held

    def end_request(self, run: Run, token: Held | None) -> None:
        """Give a request's slots back; what it was counted for stays counted."""
        del run
        if token is not None:
            free_slots(token)

    def begin_attempt(self, attempt: Attempted) -> Held | Coroutine[Any, Any, Held] | None:
        """Take what an attempt needs; gives a coroutine only where it must wait."""
        learned = self._learned
        try:
            needs = self._counting.of_attempt(attempt)
        except Failure as failure:
            return _refused(failure, attempt.run, attempt)
        if attempt.purpose == "undo":  # what was done must be undone: counted, never refused
            return None if needs is None else self._books.forced(needs)
        if learned is not None and attempt.agent.id in learned.closed:
            return self._waited(needs or _NOTHING, attempt.run, attempt)
        if needs is None:
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
                if outcome.by:
                    continue  # what lay in a cache says nothing of the provider's limits now
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
    outcomes = attempt.outcomes
    for charge in held.charges:
        use = charge[0]
        terms = use[2]
        if terms.tokens:
            used = 0
            for outcome in outcomes:
                used += _used(outcome, use[1], terms.rate)
            if used != use[1]:
                held.book.settle(charge, used)


def _used(outcome: Outcome, expected: int, rate: Rate) -> int:
    """Give the nanoseconds that a call used in the end."""
    usage = outcome.usage
    tokens = usage.input_tokens + usage.output_tokens
    if outcome.by:  # a layer answered in the agent's place
        return rate.cost(tokens)
    if not tokens:
        return expected
    if outcome.finish in ("cut", "error"):  # worked on, and nobody says for how long
        return max(rate.cost(tokens), expected)
    return rate.cost(tokens)


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
