"""A budget ready to count: which account a call belongs to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from conductor_mw import ConductorError, Expression, Facts

from .account import Account
from .lease import Cap
from .periods import ALWAYS, Every, Period, period_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .book import Book


class Part(NamedTuple):
    """A part of a budget's key.

    Attributes:
        text: how the policy wrote it.
        expression: gives it for a request; None where it is the agent or a fixed word.
        fixed: the fixed word; None where it is the agent.
        hidden: whether people see something else in its place.
    """

    text: str
    expression: Expression | None
    fixed: str | None = None
    hidden: bool = False


class Unkeyed(ConductorError):
    """A budget cannot tell whose spending it is to count."""


@dataclass(slots=True)
class Counted:
    """A budget ready to count.

    Attributes:
        id: its name for people.
        name: its stable name among accounts; the cap is no part of it, so a changed cap holds for
            what was spent before.
        parts: what makes a key.
        cap: how much may be spent.
        every: over how long.
        zone: whose days and months.
        agents: the agents it counts; all where there are none.
        first: nano-dollars at which the first alert is due.
    """

    id: str
    name: str
    parts: tuple[Part, ...]
    cap: Cap
    every: Every
    zone: tzinfo = UTC
    agents: frozenset[str] = frozenset()
    first: float = field(init=False)
    book: Book | None = None
    stand_in: Callable[[str], object] = len
    _current: tuple[Period, dict[str, Account]] = field(init=False, default=(Period(0, 0), {}))

    def __post_init__(self) -> None:
        shares = self.cap.alert_at
        self.first = shares[0] * self.cap.nano if shares else float("inf")

    @classmethod
    def of(
        cls,
        id_: str,
        parts: tuple[Part, ...],
        cap: Cap,
        every: Every,
        zone: tzinfo,
        agents: frozenset[str],
        namespace: str,
    ) -> Counted:
        """Give a budget with a name that stays the same while it counts the same."""
        shown = id_ or "/".join([*("+".join(part.text for part in parts).split()), every])
        name = id_
        if not name:
            meaning = [
                [
                    part.text if part.expression is None else part.expression.canonical
                    for part in parts
                ],
                every,
                sorted(agents),
            ]
            digest = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:16]
            name = f"{every}-{digest}"
        return cls(shown, f"{namespace}/{name}", parts, cap, every, zone, agents)

    def counts(self, agent: str) -> bool:
        """Whether it counts calls of an agent."""
        return not self.agents or agent in self.agents

    @property
    def foreseen(self) -> bool:
        """Whether it is known before anybody is chosen what it leaves."""
        everybody = not self.agents and all(
            part.expression is not None or part.fixed is not None for part in self.parts
        )
        return everybody and self.every != "request"

    def key(self, facts: Facts, agent: str) -> str:
        """Give whose spending a call belongs to.

        Raises:
            ConductorError: it cannot be told.
        """
        parts = self.parts
        if not parts:
            return ""
        if len(parts) == 1:
            value = self._value(parts[0], facts, agent)
            # What begins with a zero is written out, so that no text can pass for something else.
            plain = type(value) is str and value[:1] != "\0"
            return str(value) if plain else "\0" + _written(value)
        return "\0" + _written([self._value(part, facts, agent) for part in parts])

    def shown(self, facts: Facts, agent: str) -> str:
        """Give a key as people may see it."""
        shown: list[str] = []
        for part in self.parts:
            value = self._value(part, facts, agent)
            text = value if isinstance(value, str) else _written(value)
            shown.append(_written(self.stand_in(text)) if part.hidden else text[:100])
        return ", ".join(shown)

    def account(self, facts: Facts, agent: str, utc: float) -> Account:
        """Give the account of a call.

        Raises:
            ConductorError: whose it is cannot be told.
        """
        key = self.key(facts, agent)
        period, accounts = self._current
        if not period.start <= utc < period.end:
            accounts = self.turn(utc)
        account = accounts.get(key)
        return account if account is not None else self._opened(facts, agent, key, utc)

    def known(self, facts: Facts, utc: float) -> Account | None:
        """Give the account of a request, if there is one already."""
        key = self.key(facts, "")
        period, accounts = self._current
        if not period.start <= utc < period.end:
            accounts = self.turn(utc)
        return accounts.get(key)

    def turn(self, utc: float) -> dict[str, Account]:
        """Go over to the period of a moment, and give its accounts."""
        assert self.book is not None  # noqa: S101 - set before the first call
        period = period_of(self.every, utc, self.zone)
        self._current = current = (period, self.book.accounts(self.name, period))
        return current[1]

    def _opened(self, facts: Facts, agent: str, key: str, utc: float) -> Account:
        assert self.book is not None  # noqa: S101 - set before the first call
        period = period_of(self.every, utc, self.zone) if self.every != "total" else ALWAYS
        return self.book.account(self.name, period, key, self.shown(facts, agent))

    def _value(self, part: Part, facts: Facts, agent: str) -> object:
        if part.expression is None:
            return agent if part.fixed is None else part.fixed
        value = part.expression.evaluate(facts)
        if value is None:
            raise Unkeyed(f"{part.text!r} is null")
        return value


def _written(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        # In any other order it would be somebody else's, so nobody may have a budget by it.
        raise Unkeyed(f"a {type(value).__name__} cannot be written as JSON: {error}") from error
