"""One attempt: what layers see of it, how it is counted, and the call itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from .agents.answered import model_named, price_of
from .brackets import NO_TOKENS, enter, leave
from .effects import NO_TERMS, Attempt, Close, Next
from .enforce import dearest, weighed
from .errors import Failure
from .failures import classify, headers_of, retry_after_of
from .money import Money
from .parts import NO_HEADERS, Finish, Outcome, Part, Purpose, Usage

if TYPE_CHECKING:
    from .agents.base import Agent
    from .errors import FailureKind
    from .request import Request
    from .run import Run

_NO_USAGE = Usage()
_WORKED = ("timeout", "invalid_output")
"""Failures of an answer that somebody worked on."""


class Attempted:
    """One attempt as layers see it.

    Attributes:
        run: the run it belongs to: id, metadata, facts and decision.
        path: the step's stable place in the flow.
        agent: whom it asks: id, labels, price, fingerprint.
        number: 1 for the first try of this step, 2 for its first retry.
        request: what is asked, the agent's prompt and parameters included.
        deadline: monotonic second at which it must be over, or None.
        visible: False where the caller must not see the answer while it streams.
        purpose: what the answer is for: the caller's `answer`, a `candidate`, a `judge` ...
        terms: what the step says beside the request; see `Attempt`.
        raced: whether others answer the same beside it; see `Attempt`.
    """

    __slots__ = (
        "_ended",
        "_weighed",
        "agent",
        "deadline",
        "number",
        "path",
        "purpose",
        "raced",
        "request",
        "run",
        "terms",
        "visible",
    )

    def __init__(
        self,
        run: Run,
        path: str,
        agent: Agent,
        number: int,
        request: Request,
        *,
        deadline: float | None,
        visible: bool,
        purpose: Purpose = "answer",
        terms: Mapping[str, object] = NO_TERMS,
        raced: bool = False,
    ) -> None:
        self.run = run
        self.path = path
        self.agent = agent
        self.number = number
        self.request = request
        self.deadline = deadline
        self.visible = visible
        self.purpose: Purpose = purpose
        self.terms = terms
        self.raced = raced
        self._ended: list[Outcome] = []
        self._weighed: tuple[Request, Money | str] | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How the attempt ended, with its final figures; None until it has."""
        return self._ended[-1] if self._ended else None

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How each call of this attempt ended; several where a layer asked again."""
        return tuple(self._ended)

    def worst_cost(self) -> Money | str:
        """Give the most that this call could cost, or say why that is unknown.

        Input counts by its bytes, which no byte-level tokenizer exceeds, and output by its ceiling;
        write that ceiling into the request with `bound`, so that it holds.
        """
        known = self._weighed
        if known is not None and known[0] is self.request:
            return known[1]
        return dearest(self.agent, self.request)

    def bound(self) -> None:
        """Write the output ceiling into the request, so that no answer outgrows `worst_cost`."""
        self._weighed = weighed(self.agent, self.request)
        self.request = self._weighed[0]

    def with_request(self, request: Request) -> Attempted:
        """Give the same attempt with another request, for `proceed`."""
        other = copy(self)
        other.request = request
        return other

    def settle(self, outcome: Outcome) -> None:
        """Say how the attempt ended.

        The call itself does so; a layer does where it answers alone, with `by` set to its name.
        """
        if outcome.purpose != self.purpose:
            outcome = replace(outcome, purpose=self.purpose)
        self._ended.append(outcome)


class Tally:
    """Counts one attempt while a driver carries it out; both drivers count the same way."""

    __slots__ = (
        "_by", "_finish", "_first", "_headers", "_model", "_reported", "_started", "_usage",
        "agent", "attempt", "outcome",
    )  # fmt: skip

    def __init__(self, attempt: Attempt, agent: Agent, now: float) -> None:
        self.attempt = attempt
        self.agent = agent
        self.outcome: Outcome | None = None
        self._started = now
        self._first: float | None = None
        self._usage = _NO_USAGE
        self._reported = False
        self._finish: Finish = ""
        self._headers: Mapping[str, str] = NO_HEADERS
        self._by = ""
        self._model = ""

    @property
    def deadline(self) -> float | None:
        """The monotonic second at which the whole attempt is over, or None."""
        limit, whole = self.attempt.deadline, self.agent.timeouts.whole
        if whole is None:
            return limit
        return self._started + whole if limit is None else min(limit, self._started + whole)

    def before(self, now: float) -> tuple[float, str] | None:
        """Give the second by which the next part must come, and what to say if it does not."""
        limits = self.agent.timeouts
        found: tuple[float, str] | None = None
        if self.attempt.deadline is not None:
            found = (self.attempt.deadline, "the request's deadline passed")
        if limits.whole is not None:
            found = _sooner(found, self._started + limits.whole, "no answer", limits.whole)
        if self._first is None:
            if limits.first_part is not None:
                found = _sooner(
                    found, self._started + limits.first_part, "no first part", limits.first_part
                )
        elif limits.idle is not None:
            found = _sooner(found, now + limits.idle, "no further part", limits.idle)
        return found

    def part(self, part: Part, now: float) -> None:
        """Count a part."""
        if self._first is None and part.speaks:
            self._first = now
        if part.usage is not None:
            self._reported = True
            self._usage = self.attempt.request.lens.usage_after(self._usage, part.usage)
        if part.finish:
            self._finish = part.finish
        if part.headers is not None:
            self._headers = part.headers
        if part.by:
            self._by = part.by
        if part.model:
            self._model = model_named(part.model, self.agent)

    def end(self, now: float, error: Exception | None = None, *, cut: bool = False) -> Outcome:
        """Give the outcome; the first end counts, a later one changes nothing."""
        if self.outcome is not None:
            return self.outcome
        agent, usage = self.agent, self._usage
        kind = classify(error) if error else None
        retry_after = retry_after_of(error) if error else None
        if isinstance(error, Failure) and isinstance(error.__cause__, Exception):
            error = error.__cause__  # the speaker knew the kind; the caller wants the original
        finish: Finish = "error" if error else "cut" if cut else self._finish or "stop"
        self.outcome = Outcome(
            path=self.attempt.path,
            agent=agent.id,
            number=self.attempt.number,
            kind=kind,
            error=error,
            usage=usage,
            cost=self._cost(kind, failed=error is not None),
            started=self._started,
            seconds=now - self._started,
            first_part=None if self._first is None else self._first - self._started,
            finish=finish,
            visible=self.attempt.visible,
            purpose=self.attempt.purpose,
            by=self._by,
            retry_after=retry_after,
            replica=self.attempt.replica,
            headers=self._headers if error is None else headers_of(error),
            model=self._model,
        )
        return self.outcome

    def _cost(self, kind: FailureKind | None, *, failed: bool) -> Money | None:
        if self._by:
            return Money()
        if self._reported:
            price = price_of(self.agent, self._model)
            return None if price is None else price.cost(self._usage)
        # An error in the place of an answer is not billed. What we stopped waiting for, what broke
        # off, or what could not be parsed, was worked on, and nobody said for how many tokens.
        unbilled = failed and self._first is None and kind not in _WORKED
        return Money() if unbilled else None


async def ask(attempt: Attempted) -> AsyncGenerator[Part, None]:
    """Make the call, inside the layers that only begin and end.

    Raises:
        Failure: the agent did not answer, of a known kind; the original error is its cause.
    """
    run, agent = attempt.run, attempt.agent
    inner = run.runtime.layers.attempts.inner
    tokens = await enter(inner, attempt) if inner else NO_TOKENS
    try:
        pool = run.runtime.board.pool(agent) if agent.replicas else None
        replica = await pool.choose() if pool else ""
        request, held = run.spend_call(agent, attempt.request)
        handle = await Attempt(
            attempt.path,
            agent.id,
            request,
            attempt.deadline,
            attempt.visible,
            attempt.number,
            run.id,
            attempt.terms,
            replica,
            attempt.purpose,
            attempt.raced,
        )
        if pool:
            pool.begin(replica)
        try:
            while type(found := await Next(handle)) is Part:
                yield found
        finally:
            outcome = await Close(handle)
            if pool:
                pool.end(replica, outcome)
            run.settle_call(held, outcome)
            attempt.settle(outcome)
    finally:
        if inner:
            await leave(inner, tokens, attempt)
    error = outcome.error
    if error is None:
        return
    if outcome.kind is None or isinstance(error, Failure):
        raise error
    raise Failure(
        outcome.kind,
        f"agent {agent.id!r}: {error}",
        agent=agent.id,
        retry_after=outcome.retry_after,
    ) from error


def _sooner(
    found: tuple[float, str] | None, limit: float, what: str, seconds: float
) -> tuple[float, str]:
    if found is not None and found[0] <= limit:
        return found
    return limit, f"{what} within {seconds:g} s"
