"""The layer: counts a request and its attempts as they end, and opens their spans."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from conductor_mw import (
    Attempted,
    Clock,
    Event,
    Expression,
    Outcome,
    Run,
    classify,
    leaves_on_purpose,
)

from .labels import Labelling
from .ledger import Ledger
from .spans import OpenSpan, Spans
from .tally import (
    ACCEPTED,
    CACHE_HITS,
    CALLS,
    CUT,
    DEFAULT_RULE,
    FALLBACKS,
    NOT_ACCEPTED,
    REFUSED,
    RETRIES,
    UNDECIDED,
    Labels,
    Place,
    Tally,
    Where,
)  # fmt: skip
from .writer import Writer

_LAYERS: Final = "conductor_mw.onion"
"""The module through whose layers a request's error is raised."""

FAULT: Final = "fault"
"""The kind of an error that is no failure of an agent: a bug, a policy that cannot decide."""


class Under:
    """A request on its way: what its attempts came to so far."""

    # Defaults stand on the class, so that to make one costs one assignment.
    place: Place | None = None
    span: OpenSpan | None = None
    first: float | None = None
    cost: int | None = 0
    cache_hits = retries = fallbacks = 0
    accepted: bool | None = None
    ended = False

    def __init__(self, run: Run) -> None:
        self.run = run


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
        self._places: dict[tuple[str, str, Labels], Place] = {}

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
        error = sys.exception()
        if error is not None:
            error = _in_flight(error)
        place = self._place(token)
        with self._ledger.lock:
            minute = int((now + self._behind) // 60)
            _count_request(self._ledger.tally(place, "", minute), token, error, now)
            for outcome in run.outcomes:
                if _fell(outcome):
                    self._ledger.tally(place, outcome.agent, minute).fell(_kind(outcome))
            token.ended = True
        self._under.pop(run.id, None)
        if token.span is not None:
            token.span.end_run(run, place.where, error)

    def begin_attempt(self, attempt: Attempted) -> OpenSpan | None:
        """Open the attempt's span, where somebody collects spans."""
        return None if self._spans is None else self._spans.of_attempt(attempt)

    def end_attempt(self, attempt: Attempted, token: object) -> None:
        """Count the attempt; how it failed is counted with the request, when that is known."""
        run = attempt.run
        under = self._under.get(run.id) or self._late(run)
        place = self._place(under)
        outcomes = attempt.outcomes
        with self._ledger.lock:
            for outcome in outcomes:
                self._count(outcome, under, place, streamed=attempt.request.stream)
            if not outcomes:
                now = self._monotonic() + self._behind
                counts = self._ledger.tally(place, attempt.agent.id, int(now // 60)).counts
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
            place = self._place(under)
            minute = int((event.monotonic + self._behind) // 60)
            with self._ledger.lock:
                self._ledger.tally(place, below[-1].agent, minute).counts[FALLBACKS] += 1

    def _count(self, outcome: Outcome, under: Under, place: Place, *, streamed: bool) -> None:
        seconds, first, error = outcome.seconds, outcome.first_part, outcome.error
        minute = int((outcome.started + seconds + self._behind) // 60)
        tally = self._ledger.tally(place, outcome.agent, minute)
        nano = None if outcome.cost is None else outcome.cost.nano
        cut = outcome.finish == "cut"
        if outcome.by:
            _count_stand_in(tally, outcome, nano, under)
        elif cut or (error is not None and outcome.kind != "timeout"):
            # How soon it was stopped, or failed, does not say how fast the agent is.
            tally.ended(None, first if streamed else None, outcome.usage, nano)
        else:
            tally.ended(seconds, first if streamed else None, outcome.usage, nano)
        if first is not None and under.first is None and outcome.visible:
            under.first = outcome.started + first
        under.cost = None if nano is None or under.cost is None else under.cost + nano
        if outcome.number > 1:
            tally.counts[RETRIES] += 1
        if cut:
            tally.counts[CUT] += 1
        if under.ended and _fell(outcome):  # else the request counts how it failed
            tally.fell(_kind(outcome))

    def _scored(self, event: Event) -> None:
        score, agent = event.data.get("score"), event.data.get("agent")
        if not isinstance(score, (int, float)) or not isinstance(agent, str) or not agent:
            return
        rule = event.data.get("rule")
        place = self._known(rule if isinstance(rule, str) and rule else DEFAULT_RULE, "", ())
        with self._ledger.lock:
            minute = int((event.monotonic + self._behind) // 60)
            self._ledger.tally(place, agent, minute).rated(score)

    def _late(self, run: Run) -> Under:
        """Give what stands for a request that has ended before one of its attempts."""
        late = Under(run)
        late.ended = True
        return late

    def _place(self, under: Under) -> Place:
        if under.place is not None:
            return under.place
        run = under.run
        decision, labels = run.decision, self.labelling.of(run.facts)
        if decision is None:
            return self._known(UNDECIDED, "", labels)
        under.place = self._known(decision.rule or DEFAULT_RULE, decision.target, labels)
        return under.place

    def _known(self, rule: str, target: str, labels: Labels) -> Place:
        found = self._places.get((rule, target, labels))
        if found is None:
            place = Place(Where(rule, target, self._policy, labels))
            found = self._places.setdefault((rule, target, labels), place)
        return found


def _count_request(tally: Tally, under: Under, error: BaseException | None, now: float) -> None:
    counts, run = tally.counts, under.run
    began = run.started.monotonic
    seconds = first = None
    if error is None:
        seconds = now - began
        if run.request.stream:
            first = seconds if under.first is None else under.first - began
    elif isinstance(error, Exception) and not leaves_on_purpose(error):
        seconds = now - began
        tally.fell(classify(error) or FAULT)
    else:
        counts[CUT] += 1  # stopped by the caller: closed, cancelled, or left to ask people
    tally.ended(seconds, first, None, under.cost)
    if under.cache_hits:
        counts[CACHE_HITS] += 1
    if under.fallbacks:
        counts[FALLBACKS] += 1
    if under.retries:
        counts[RETRIES] += 1
    if under.accepted is not None:
        counts[ACCEPTED if under.accepted else NOT_ACCEPTED] += 1


def _count_stand_in(tally: Tally, outcome: Outcome, nano: int | None, under: Under) -> None:
    """Count what a layer answered: it says nothing of the agent's speed, and used no tokens."""
    tally.ended(None, None, None, nano)
    if outcome.by == "cache":
        tally.counts[CACHE_HITS] += 1
        under.cache_hits += 1


def _fell(outcome: Outcome) -> bool:
    return outcome.error is not None and not leaves_on_purpose(outcome.error)


def _kind(outcome: Outcome) -> str:
    return outcome.kind or FAULT


def _in_flight(error: BaseException) -> BaseException | None:
    """Give what ends the request just now, or None where that is over, or is the app's own.

    A layer is told that a request ends, not how: that is what is being raised through the core's
    layers. Meanwhile an app, a driver or another layer may be handling an error that was raised
    elsewhere, and that Python shows here as well.
    """
    trace = error.__traceback__
    name = None if trace is None else trace.tb_frame.f_globals.get("__name__")
    return error if name == _LAYERS else None
