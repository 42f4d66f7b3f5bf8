"""The layer: counts a request and its attempts as they end, and opens their spans."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from conductor_mw import Attempted, Clock, Event, Expression, Outcome, Run, classify

from .labels import Labelling
from .ledger import Ledger
from .spans import OpenSpan, Spans
from .tally import (
    ACCEPTED,
    CACHE_HITS,
    CACHED,
    CALLS,
    CUT,
    DEFAULT_RULE,
    FALLBACKS,
    INPUT,
    NOT_ACCEPTED,
    OUTPUT,
    REASONING,
    REFUSED,
    RETRIES,
    UNDECIDED,
    Series,
    Tally,
    Where,
)  # fmt: skip
from .writer import Writer

FAULT: Final = "fault"
"""The kind of an error that is no failure of an agent: a bug, a policy that cannot decide."""


class Under:
    """A request on its way: what its attempts came to so far."""

    __slots__ = (
        "accepted", "before", "cache_hits", "cost", "ended", "fallbacks", "first", "retries", "run",
        "span", "where",
    )  # fmt: skip

    def __init__(self, run: Run) -> None:
        self.run = run
        self.where: Where | None = None
        self.span: OpenSpan | None = None
        self.before = sys.exception()
        self.first: float | None = None
        self.cost: int | None = 0
        self.cache_hits = self.retries = self.fallbacks = 0
        self.accepted: bool | None = None
        self.ended = False


class Metrics:
    """Counts. What it touches on the way is memory only, under one lock.

    Attributes:
        writer: keeps what was counted, over reloads of the policy.
        labelling: gives requests their labels.
    """

    observes: Final = True
    hears: Final = frozenset(("fallback", "rated", "quality.scored"))

    def __init__(
        self,
        writer: Writer,
        labels: Sequence[tuple[str, Expression]],
        *,
        policy: str,
        most_values: int,
        clock: Clock,
        spans: Spans | None,
    ) -> None:
        """Begin to count for one policy.

        Args:
            writer: keeps what was counted.
            labels: names and expressions.
            policy: the policy's fingerprint.
            most_values: the most values of a label that are told apart.
            clock: what time it is.
            spans: makes spans, or None.
        """
        self.writer = writer
        self.labelling = Labelling(labels, most_values, writer.ledger.overflowed)
        self._ledger = writer.ledger
        self._policy = policy
        self._monotonic = clock.monotonic
        now = clock.now()
        self._behind = now.utc - now.monotonic
        self._spans = spans
        self._under: dict[str, Under] = {}

    @property
    def ledger(self) -> Ledger:
        """What was counted so far."""
        return self._ledger

    def flush(self) -> None:
        """Write what was counted so far.

        Raises:
            ConductorError: it cannot be written now; it is kept and tried again.
        """
        self.writer.flush()

    def begin_request(self, run: Run) -> Under:
        """Remember the request, and open its span."""
        under = self._under[run.id] = Under(run)
        if self._spans is not None:
            under.span = self._spans.of_run(run)
        return under

    def end_request(self, run: Run, token: object) -> None:
        """Count the request."""
        assert isinstance(token, Under)  # noqa: S101 - `begin_request` gave it
        now = self._monotonic()
        error = _in_flight(token.before)
        where = self._where(token)
        with self._ledger.lock:
            minute = int((now + self._behind) // 60)
            tally = self._ledger.tally(Series("", where), minute)
            _count_request(tally, token, error, now)
            for outcome in run.outcomes:
                if outcome.error is not None:
                    self._ledger.tally(Series(outcome.agent, where), minute).fell(_kind(outcome))
            token.ended = True
        self._under.pop(run.id, None)
        if token.span is not None:
            token.span.end_run(run, where, error)

    def begin_attempt(self, attempt: Attempted) -> OpenSpan | None:
        """Open the attempt's span, where somebody collects spans."""
        return None if self._spans is None else self._spans.of_attempt(attempt)

    def end_attempt(self, attempt: Attempted, token: object) -> None:
        """Count the attempt; how it failed is counted with the request, when that is known."""
        run = attempt.run
        under = self._under.get(run.id) or self._late(run)
        where = self._where(under)
        outcomes = attempt.outcomes
        ledger = self._ledger
        with ledger.lock:
            if outcomes:
                for outcome in outcomes:
                    self._count(outcome, under, where)
            else:
                now = self._monotonic() + self._behind
                counts = ledger.tally(Series(attempt.agent.id, where), int(now // 60)).counts
                counts[CALLS] += 1
                counts[REFUSED] += 1
            if attempt.number > 1:
                under.retries += 1
        if token is not None:
            assert isinstance(token, OpenSpan)  # noqa: S101 - `begin_attempt` gave it
            token.end_attempt(attempt)

    def told(self, event: Event) -> None:
        """Count what happens between attempts, and what was found of answers."""
        if event.name == "quality.scored":
            self._scored(event)
            return
        under = self._under.get(event.run)
        if under is None:
            return
        if event.name == "rated":
            accepted = event.data.get("accepted")
            if isinstance(accepted, bool):
                under.accepted = accepted
            return
        under.fallbacks += 1
        if under.span is not None:
            under.span.note(event)
        below = under.run.outcomes_below(event.path)
        if below:  # the one that is given up is the last that ended there
            series = Series(below[-1].agent, self._where(under))
            minute = int((event.monotonic + self._behind) // 60)
            with self._ledger.lock:
                self._ledger.tally(series, minute).counts[FALLBACKS] += 1

    def _count(self, outcome: Outcome, under: Under, where: Where) -> None:
        ended = outcome.started + outcome.seconds
        tally = self._ledger.tally(Series(outcome.agent, where), int((ended + self._behind) // 60))
        if outcome.by:
            _count_stand_in(tally, outcome, under)
        else:
            _count_call(tally, outcome)
        first = outcome.first_part
        if first is not None and under.first is None and outcome.visible:
            under.first = outcome.started + first
        cost = None if outcome.cost is None else outcome.cost.nano
        tally.paid(cost)
        under.cost = None if cost is None or under.cost is None else under.cost + cost
        if under.ended and outcome.error is not None:  # else the request counts how it failed
            tally.fell(_kind(outcome))

    def _scored(self, event: Event) -> None:
        score, agent = event.data.get("score"), event.data.get("agent")
        if not isinstance(score, (int, float)) or not isinstance(agent, str) or not agent:
            return
        rule = event.data.get("rule")
        where = Where(rule if isinstance(rule, str) else DEFAULT_RULE, "", self._policy, ())
        with self._ledger.lock:
            minute = int((event.monotonic + self._behind) // 60)
            self._ledger.tally(Series(agent, where), minute).rated(score)

    def _late(self, run: Run) -> Under:
        """Give what stands for a request that has ended before one of its attempts."""
        late = Under(run)
        late.ended = True
        return late

    def _where(self, under: Under) -> Where:
        if under.where is not None:
            return under.where
        run = under.run
        decision = run.decision
        if decision is None:
            return Where(UNDECIDED, "", self._policy, self.labelling.of(run.facts))
        where = Where(
            decision.rule or DEFAULT_RULE,
            decision.target,
            self._policy,
            self.labelling.of(run.facts),
        )
        under.where = where
        return where


def _count_request(tally: Tally, under: Under, error: BaseException | None, now: float) -> None:
    counts, began = tally.counts, under.run.started.monotonic
    counts[CALLS] += 1
    if error is None:
        tally.spoke((now if under.first is None else under.first) - began)
        tally.took(now - began)
    elif isinstance(error, Exception):
        tally.fell(classify(error) or FAULT)
        tally.took(now - began)
    else:
        counts[CUT] += 1  # stopped by the caller: closed, or cancelled
    tally.paid(under.cost)
    if under.cache_hits:
        counts[CACHE_HITS] += 1
    if under.fallbacks:
        counts[FALLBACKS] += 1
    if under.retries:
        counts[RETRIES] += 1
    if under.accepted is not None:
        counts[ACCEPTED if under.accepted else NOT_ACCEPTED] += 1


def _count_call(tally: Tally, outcome: Outcome) -> None:
    counts, usage = tally.counts, outcome.usage
    counts[CALLS] += 1
    counts[INPUT] += usage.input_tokens
    counts[OUTPUT] += usage.output_tokens
    counts[CACHED] += usage.cached_tokens
    counts[REASONING] += usage.reasoning_tokens
    if outcome.number > 1:
        counts[RETRIES] += 1
    if outcome.finish == "cut":
        counts[CUT] += 1
    elif outcome.error is None or outcome.kind == "timeout":
        tally.took(outcome.seconds)
    if outcome.first_part is not None:
        tally.spoke(outcome.first_part)


def _count_stand_in(tally: Tally, outcome: Outcome, under: Under) -> None:
    """Count what a layer answered: it says nothing of the agent's speed, and used no tokens."""
    tally.counts[CALLS] += 1
    if outcome.by == "cache":
        tally.counts[CACHE_HITS] += 1
        under.cache_hits += 1


def _kind(outcome: Outcome) -> str:
    return outcome.kind or FAULT


def _in_flight(before: BaseException | None) -> BaseException | None:
    """Give what ends the request just now, or None where it was answered whole.

    A layer is told that a request ends, not how: that is what is being raised through it. An app
    may well be handling an error of its own meanwhile; that one was raised elsewhere.
    """
    error = sys.exception()
    if error is None or error is before:
        return None
    trace = error.__traceback__
    name = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return error if str(name).startswith("conductor_mw.") else None
