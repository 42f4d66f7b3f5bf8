"""What one run has spent, and what it may still spend; its branches ask at the same time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from .enforce import weighed
from .errors import Failure
from .money import Money
from .parts import Usage

if TYPE_CHECKING:
    from .agents.base import Agent
    from .parts import Outcome
    from .policy import AtMost
    from .request import Request

_NOTHING: Final = Money()


class Spending:
    """Counts calls and money before they are spent."""

    __slots__ = ("_calls", "_lock", "_taken")

    def __init__(self) -> None:
        self._calls = 0
        self._taken = _NOTHING
        self._lock = threading.Lock()

    def take(
        self, agent: Agent, request: Request, at_most: AtMost, worst_calls: int
    ) -> tuple[Request, Money]:
        """Count a call that is about to be made, or refuse it.

        Args:
            agent: who is about to be asked.
            request: what is about to be sent.
            at_most: what the policy allows.
            worst_calls: what the run was compiled to need at most.

        Returns:
            What is to be sent, its answer no longer than what it was counted for; and what is held
            back for it, to be given to `settle` when it is over.

        Raises:
            Failure: of kind `policy_violation`.
        """
        worst = _NOTHING
        if at_most.cost is not None:
            # The ceiling that is written into it is sent as well.
            request, known = weighed(agent, request)
            worst = _known(agent, known, at_most.cost)
        # Branches that run at the same time must not each find the same call or money unspent.
        with self._lock:
            if at_most.calls is not None and self._calls >= at_most.calls:
                raise violation(agent, f"the policy allows at most {at_most.calls} calls")
            if self._calls >= worst_calls:
                problem = f"its target was compiled to make at most {worst_calls} calls"
                raise violation(agent, problem)
            if at_most.cost is not None and self._taken + worst > at_most.cost:
                problem = (
                    f"it could cost {worst} after {self._taken}, "
                    f"and the policy allows at most {at_most.cost}"
                )
                raise violation(agent, problem)
            self._calls += 1
            self._taken += worst
        return request, worst

    def settle(self, held: Money, outcome: Outcome) -> None:
        """Put what a call cost in the place of what was held back for it.

        Only an answer that came to its end and told its tokens is known to have cost less: a call
        that failed, was cut or told nothing may be billed in full, so what was held stays spent.
        Where somebody answered in the agent's place, nobody is billed.
        """
        ended = outcome.finish not in ("cut", "error") and outcome.usage != Usage()
        if (ended or outcome.by) and outcome.cost is not None:
            with self._lock:
                self._taken += outcome.cost - held

    def add(self, cost: Money, calls: int = 0) -> None:
        """Count money that no call of an agent cost now, and calls that were made before."""
        with self._lock:
            self._calls += calls
            self._taken += cost


def violation(agent: Agent, problem: str) -> Failure:
    """Give the failure of an agent that a guarantee, or the policy's own bound, keeps from work."""
    return Failure(
        "policy_violation", f"agent {agent.id!r} was not asked: {problem}", agent=agent.id
    )


def _known(agent: Agent, worst: Money | str, limit: Money) -> Money:
    if isinstance(worst, str):
        raise violation(agent, f"{worst} and the policy allows at most {limit}")
    return worst
