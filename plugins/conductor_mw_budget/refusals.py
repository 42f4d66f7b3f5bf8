"""What a caller is told where a budget refuses: whose, how much, until when, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from conductor_mw import Agent, ConductorError, Failure, Money

from .status import reset_of, spent_and_held

if TYPE_CHECKING:
    from conductor_mw import Facts

    from .account import Account
    from .counted import Counted

Trouble = Literal["", "exhausted", "too_dear", "store_down"]
"""What is in the way of a call; an empty word where nothing is."""


class BudgetExhausted(Failure):
    """A budget has no room for a call; `kind` is `budget`.

    Attributes:
        budget: the budget's name.
        key: whose budget it is, as people may see it.
        left: what is neither spent nor held.
        reset: the moment at which its next period begins, or None where there is none.
    """

    budget: str = ""
    key: str = ""
    left: Money = Money()
    reset: datetime | None = None


def refused(
    agent: Agent, budget: Counted, account: Account, amount: int, trouble: Trouble, utc: float
) -> BudgetExhausted:
    """Give the failure of a call for which there is no room."""
    left = Money(max(0, budget.cap.nano - spent_and_held(account)))
    cap = Money(budget.cap.nano)
    whose = f" of {account.who!r}" if account.who else ""
    ends = reset_of(account)
    until = "" if ends is None else f" until {ends:%Y-%m-%d %H:%M} UTC"
    if trouble == "store_down":
        problem = f"the store of the shared budget{whose} cannot be reached"
        mend = "Bring the store back, or write `store_down: local` in the budget."
    elif trouble == "too_dear":
        problem = f"it could cost {Money(amount)}, and the whole budget{whose} is {cap}"
        mend = "Ask for a shorter answer (max_tokens), or raise `dollars:`."
    else:
        problem = f"it could cost {Money(amount)}, and {left} of the {cap}{whose} are left{until}"
        mend = "Ask for a shorter answer (max_tokens), wait, or raise `dollars:`."
    soon = trouble == "exhausted" and ends is not None
    failure = BudgetExhausted(
        "budget",
        f"agent {agent.id!r} was not asked: {problem}",
        agent=agent.id,
        where=f"budget {budget.id}",
        mend=mend,
        retry_after=max(0.0, account.end - utc) if soon else None,
    )
    failure.budget, failure.key, failure.left = budget.id, account.who, left
    failure.reset = ends
    return failure


def unknown(agent: Agent, why: str, budget: Counted) -> Failure:
    """Give the failure of a call of which nobody knows what it may cost."""
    if agent.price is None:
        mend = (
            "Write `price: {input: ..., output: ...}` at the agent, in dollars per million tokens, "
            "or `unknown_price: allow` in the budget."
        )
    elif "longest" in why:
        mend = "Write `max_output_tokens:` at the agent, or `max_tokens:` in the budget."
    else:
        mend = ""
    return Failure(
        "budget",
        f"agent {agent.id!r} was not asked: {why}, and the budget allows at most "
        f"{Money(budget.cap.nano)}",
        agent=agent.id,
        where=f"budget {budget.id}",
        mend=mend,
    )


def unkeyed(
    agent: Agent, budgets: Sequence[Counted], facts: Facts, error: ConductorError
) -> Failure:
    """Give the failure of a call of which nobody can tell whose budget it belongs to."""
    for budget in budgets:
        try:
            budget.key(facts, agent.id)
        except ConductorError:
            break
    else:
        budget = budgets[0]
    per = " + ".join(part.text for part in budget.parts)
    return Failure(
        "budget",
        f"agent {agent.id!r} was not asked: nobody can tell whose budget it is: {error.problem}",
        agent=agent.id,
        where=f"budget {budget.id}",
        mend=f"Pass what `per: {per}` reads, or give that signal a `default:`.",
    )
