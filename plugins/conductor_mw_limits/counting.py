"""Which keys a request and an attempt are counted under, and what each of them costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from conductor_mw import EvaluationError, Expression, Failure, Unasked

from .clocks import Terms, Use
from .rate import Rate
from .slots import Seat
from .tokens import ceiling_of, input_tokens

if TYPE_CHECKING:
    from conductor_mw import Attempted, Facts

    from .options import OneLimit, Prepared, Sort

LONGEST_VALUE: Final = 200
"""A longer value of `per:` is counted under its hash: what users send must not fill the memory."""
MOST_KNOWN: Final = 4_096
FEW: Final = 200
"""A rate whose burst has no room for so many requests is counted in the store one by one."""
Answer: TypeAlias = int | Literal["ceiling"]


@dataclass(frozen=True, slots=True)
class Counted:
    """One rate of a limit, as it is counted for each key.

    Attributes:
        per: whose values are the keys; None where there is one key.
        terms: the rate and what may be used of it at once.
        agents: the agents whose attempts count; empty where everything counts.
    """

    per: Expression | None
    terms: Terms
    agents: frozenset[str]

    @classmethod
    def of(cls, one: OneLimit, per: Expression | None, sort: Sort, rate: Rate) -> Counted:
        """Give a rate of a limit, ready to be counted."""
        burst = rate.burst(one.burst_of(rate))
        life = burst // 10 if rate.worth(burst) >= FEW else 0
        terms = Terms(one.id, rate, burst, life, sort == "tokens")
        return cls(per, terms, frozenset(one.agents))

    @property
    def limit(self) -> str:
        """The id of the limit."""
        return self.terms.limit


@dataclass(frozen=True, slots=True)
class Concurrent:
    """One bound on how many go on at the same time; see `Counted`."""

    limit: str
    per: Expression | None
    most: int
    agents: frozenset[str]

    def seat(self, value: str) -> Seat:
        """Give the slot that is needed under a key."""
        return Seat(f"{self.limit}/concurrent/{value}", self.most, self.limit)


Needs: TypeAlias = tuple[Sequence[Use], Sequence[Seat]]


class Counting:
    """The limits of a policy: those around whole requests, and those around attempts.

    A limit that names agents counts attempts at these agents. One that names none counts requests
    and concurrency around the whole request, whoever answers it and however often it is tried; its
    tokens are counted for every attempt.
    """

    __slots__ = ("_answer", "_around_attempts", "_around_requests")

    def __init__(self, prepared: Prepared) -> None:
        rates = [
            Counted.of(one, per, sort, rate)
            for one, per in prepared.limits
            for sort, rate in one.rates
        ]
        slots = [
            Concurrent(one.id, per, one.concurrent, frozenset(one.agents))
            for one, per in prepared.limits
            if one.concurrent is not None
        ]
        whole = [one for one in rates if not one.terms.tokens and not one.agents]
        self._around_requests = _Plan(whole, [one for one in slots if not one.agents])
        rates = [one for one in rates if one not in whole]
        slots = [one for one in slots if one.agents]
        sets = [one.agents for one in rates] + [one.agents for one in slots]
        named = frozenset[str]().union(*sets)
        self._around_attempts = {
            agent: _Plan(
                [one for one in rates if not one.agents or agent in one.agents],
                [one for one in slots if agent in one.agents],
            )
            for agent in ("", *named)
        }
        self._answer: Answer = prepared.options.answer_tokens

    def of_request(self, facts: Facts) -> Needs | None:
        """Give what a request needs, or None where nothing is counted.

        Raises:
            Failure: of kind `limited`: nobody can say under which key it counts.
        """
        plan = self._around_requests
        if plan.empty:
            return None
        known = plan.of(facts)
        return known.uses, known.seats

    def of_attempt(self, attempt: Attempted) -> Needs | None:
        """Give what an attempt needs, or None where nothing is counted.

        Raises:
            Failure: of kind `limited`: nobody can say under which key it counts.
        """
        plans = self._around_attempts
        plan = plans.get(attempt.agent.id) or plans[""]
        if plan.empty:
            return None
        known = plan.of(attempt.run.facts)
        if not known.tokens:
            return known.uses, known.seats
        tokens = expected_tokens(attempt, self._answer)
        more = [Use(key, terms.rate.cost(tokens), terms) for key, terms in known.tokens]
        return [*known.uses, *more], known.seats


class _Known(NamedTuple):
    """What counts for some values of `per:`: what does not change from request to request."""

    uses: Sequence[Use]
    tokens: Sequence[tuple[str, Terms]]
    seats: Sequence[Seat]


class _Plan:
    """The limits that hold together."""

    __slots__ = ("_known", "_pers", "_rates", "_slots", "empty")

    def __init__(self, rates: Sequence[Counted], slots: Sequence[Concurrent]) -> None:
        self.empty = not rates and not slots
        self._rates = rates
        self._slots = slots
        pers: dict[Expression, str] = {}
        for per, limit in [(r.per, r.limit) for r in rates] + [(s.per, s.limit) for s in slots]:
            if per is not None:
                pers.setdefault(per, limit)
        self._pers = tuple(pers.items())
        self._known: dict[tuple[str, ...], _Known] = {}

    def of(self, facts: Facts) -> _Known:
        """Give what counts for a request."""
        values = tuple([_value(per, limit, facts) for per, limit in self._pers])
        known = self._known.get(values)
        if known is None:
            known = self._known_for(values)
        return known

    def _known_for(self, values: tuple[str, ...]) -> _Known:
        value: dict[Expression | None, str] = {None: ""}
        value.update({per: one for (per, _), one in zip(self._pers, values, strict=True)})
        uses: list[Use] = []
        tokens: list[tuple[str, Terms]] = []
        for rate in self._rates:
            terms = rate.terms
            if terms.tokens:
                tokens.append((f"{terms.limit}/tokens/{value[rate.per]}", terms))
            else:
                key = f"{terms.limit}/requests/{value[rate.per]}"
                uses.append(Use(key, terms.rate.cost(1), terms))
        known = _Known(uses, tokens, [one.seat(value[one.per]) for one in self._slots])
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[values] = known
        return known


def expected_tokens(attempt: Attempted, answer: Answer) -> int:
    """Give the tokens that a call is expected to use, or those it can use at most.

    Args:
        attempt: whom it asks, and what it sends.
        answer: what an answer is expected to have where the request sets no bound, or `ceiling`.
    """
    run, request = attempt.run, attempt.request
    asked, most = ceiling_of(attempt.agent, request)
    if answer == "ceiling":
        expected = most or 0
    else:
        expected = answer if asked is None else asked
        expected = expected if most is None else min(expected, most)
    if request.native is run.request.native:  # counted at most once for each request
        counted = run.facts["input.tokens"]
        if isinstance(counted, int):
            return counted + expected
    return input_tokens(request) + expected


def _value(per: Expression, limit: str, facts: Facts) -> str:
    try:
        return keyed(per.evaluate(facts))
    except (EvaluationError, Unasked) as error:
        why = error.problem if isinstance(error, EvaluationError) else str(error)
        problem = f"limit {limit!r} cannot tell whom this request counts for: {why}"
        raise Failure("limited", problem) from error


def keyed(value: object) -> str:
    """Give a value of `per:` as a piece of a key; values of different types stay apart.

    >>> keyed("acme"), keyed(7), keyed(True), keyed(None), keyed("7")
    ("'acme", 'int 7', 'bool True', 'NoneType None', "'7")
    """
    text = f"'{value}" if isinstance(value, str) else f"{type(value).__name__} {value!r}"
    if len(text) <= LONGEST_VALUE:
        return text
    return f"#{sha256(text.encode(errors='surrogatepass')).hexdigest()}"
