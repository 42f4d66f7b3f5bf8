"""Which keys a request and an attempt are counted under, and what each of them costs."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from conductor_mw import EvaluationError, Expression, Failure, Unasked

from .clocks import Terms, Use
from .rate import Rate
from .slots import Seat
from .tokens import ceiling_of, input_tokens

if TYPE_CHECKING:
    from conductor_mw import Agent, Attempted, Facts, Request

    from .options import OneLimit, Prepared, Sort

LONGEST_VALUE: Final = 200
"""A longer value of `per:` is counted under its hash: what users send must not fill the memory."""
FEW: Final = 50
"""A rate whose burst has no room for so many requests is counted in the store one by one."""
Answer: TypeAlias = int | Literal["ceiling"]


@dataclass(frozen=True, slots=True)
class Counted:
    """One rate of a limit, as it is counted for each key.

    Attributes:
        sort: `requests` or `tokens`.
        per: whose values are the keys; None where there is one key.
        terms: the rate and what may be used of it at once.
        agents: the agents whose attempts count; empty where everything counts.
    """

    sort: Sort
    per: Expression | None
    terms: Terms
    agents: frozenset[str]

    @classmethod
    def of(cls, one: OneLimit, per: Expression | None, sort: Sort, rate: Rate) -> Counted:
        """Give a rate of a limit, ready to be counted."""
        burst = one.burst_of(rate)
        life = burst // 10 if rate.worth(burst) >= FEW else 0
        terms = Terms(one.id, rate, burst, life, sort == "tokens")
        return cls(sort, per, terms, frozenset(one.agents))

    @property
    def limit(self) -> str:
        """The id of the limit."""
        return self.terms.limit

    def use(self, value: str, amount: int) -> Use:
        """Give what an amount uses under a key."""
        terms = self.terms
        return Use(f"{terms.limit}/{self.sort}/{value}", terms.rate.cost(amount), terms)


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


Needs: TypeAlias = tuple[list[Use], list[Seat]]


class Counting:
    """The limits of a policy: those around whole requests, and those around attempts.

    A limit that names agents counts attempts at these agents. One that names none counts requests
    and concurrency around the whole request, whoever answers it and however often it is tried; its
    tokens are counted for every attempt.
    """

    __slots__ = ("_answer", "_around_attempts", "_around_requests", "_tokens")

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
        whole = [one for one in rates if one.sort == "requests" and not one.agents]
        self._around_requests = (whole, [one for one in slots if not one.agents])
        self._around_attempts = (
            [one for one in rates if one not in whole],
            [one for one in slots if one.agents],
        )
        self._answer: Answer = prepared.options.answer_tokens

    @property
    def around_requests(self) -> bool:
        """Whether anything is counted around requests."""
        return any(self._around_requests)

    @property
    def around_attempts(self) -> bool:
        """Whether anything is counted around attempts."""
        return any(self._around_attempts)

    def of_request(self, facts: Facts) -> Needs:
        """Give what a request needs.

        Raises:
            Failure: of kind `limited`: nobody can say under which key it counts.
        """
        rates, slots = self._around_requests
        known: dict[Expression | None, str] = {None: ""}
        return (
            [one.use(_value(one, facts, known), 1) for one in rates],
            [one.seat(_value(one, facts, known)) for one in slots],
        )

    def of_attempt(self, attempt: Attempted) -> Needs:
        """Give what an attempt needs.

        Raises:
            Failure: of kind `limited`: nobody can say under which key it counts.
        """
        rates, slots = self._around_attempts
        agent, facts = attempt.agent.id, attempt.run.facts
        known: dict[Expression | None, str] = {None: ""}
        uses: list[Use] = []
        tokens = -1
        for one in rates:
            if one.agents and agent not in one.agents:
                continue
            amount = 1
            if one.sort == "tokens":
                if tokens < 0:
                    tokens = expected_tokens(attempt.agent, attempt.request, self._answer)
                amount = tokens
            uses.append(one.use(_value(one, facts, known), amount))
        seats = [one.seat(_value(one, facts, known)) for one in slots if agent in one.agents]
        return uses, seats


def expected_tokens(agent: Agent, request: Request, answer: Answer) -> int:
    """Give the tokens that a call is expected to use, or those it can use at most.

    Args:
        agent: who is asked.
        request: what is sent.
        answer: what an answer is expected to have where the request sets no bound, or `ceiling`.
    """
    asked, most = ceiling_of(agent, request)
    if answer == "ceiling":
        expected = most or 0
    else:
        expected = answer if asked is None else asked
        expected = expected if most is None else min(expected, most)
    return input_tokens(request) + expected


def _value(one: Counted | Concurrent, facts: Facts, known: dict[Expression | None, str]) -> str:
    value = known.get(one.per)
    if value is not None:
        return value
    try:
        found = one.per.evaluate(facts) if one.per is not None else None
    except (EvaluationError, Unasked) as error:
        raise Failure(
            "limited",
            f"limit {one.limit!r} cannot tell whom this request counts for: "
            f"{error.problem if isinstance(error, EvaluationError) else error}",
        ) from error
    value = known[one.per] = keyed(found)
    return value


def keyed(value: object) -> str:
    """Give a value of `per:` as a piece of a key; values of different types stay apart.

    >>> keyed("acme"), keyed(7), keyed(True), keyed(None), keyed("7")
    ("'acme", 'int 7', 'bool True', 'NoneType None', "'7")
    """
    text = f"'{value}" if isinstance(value, str) else f"{type(value).__name__} {value!r}"
    if len(text) <= LONGEST_VALUE:
        return text
    return f"#{sha256(text.encode(errors='surrogatepass')).hexdigest()}"
