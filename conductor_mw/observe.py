"""`mode: observe`: decide and record, and let the app's own model answer.

Nothing that a policy says can stop or change such an answer: its guarantees, deadlines and flows
are looked at, told, and left aside.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .agents.base import Agent
from .agents.bound import BoundOptions
from .decide import Decision, ForcedDecision, decide
from .enforce import forbidden_agents
from .errors import EvaluationError, RequestError, Unasked
from .flows.agent import AskAgent
from .flows.below import agents_below
from .parts import Part
from .policy import Guarantees, Policy
from .run import route

if TYPE_CHECKING:
    from .flows.base import Flow
    from .parts import Parts
    from .run import Run

_LOG: Final = logging.getLogger("conductor_mw")
APP: Final = "(app)"
"""The id of the app's own model in records; no agent of a policy can have it."""


def observed_policy(policy: Policy) -> Policy:
    """Give the policy under which the app's own model answers: one more agent, and no guarantee."""
    agents = {**policy.agents, APP: Agent(APP, "bound", BoundOptions())}
    return replace(policy, agents=agents, guarantees=Guarantees())


class ObservedDecision(Decision):
    """The record of what the policy would have done, while the app's own model answers."""

    def __init__(self, decision: Decision, app: Flow) -> None:
        self.__dict__.update(decision.__dict__)
        self._app = app

    @property
    def flow(self) -> Flow:
        """The app's own model."""
        return self._app

    @property
    def observed(self) -> bool:
        """True: the policy looked on."""
        return True

    def to_dict(self) -> dict[str, object]:
        """Give the decision as plain JSON."""
        return {**super().to_dict(), "observed": True}


def observing(policy: Policy, app: str = APP) -> Callable[[Run], Parts]:
    """Give what stands in the place of deciding and answering.

    Args:
        policy: the policy as it was written, guarantees included.
        app: the agent that stands for what the app asks by itself.
    """

    async def answer(run: Run) -> AsyncGenerator[Part, None]:
        run.decision, told = _decided(policy, run, app)
        await run.tell("observed", "", 0, **told)
        async with aclosing(route(run)) as parts:
            async for part in parts:
                yield part

    return answer


def _decided(policy: Policy, run: Run, app: str) -> tuple[Decision, dict[str, object]]:
    """Give the decision, and what is told of it; a policy that cannot decide stops nothing."""
    commitments = run.runtime.commitments
    try:
        decision = decide(run.policy, run.facts, commitments)
        asked = agents_below([decision.flow])
        refused = set(forbidden_agents(policy.guarantees, run.facts)) & set(asked)
    except (EvaluationError, RequestError, Unasked) as error:
        return _undecided(run, app), {"problem": error.problem}
    except Exception as fault:  # noqa: BLE001 - logged, and the app answers as it would alone
        # A function behind a signal broke, say: that stops nothing either.
        _LOG.exception("the observed policy could not decide")
        problem = f"a fault: {type(fault).__name__}"
        return _undecided(run, app), {"problem": problem}
    told: dict[str, object] = {"rule": decision.rule, "target": decision.target}
    if refused:
        told["would_refuse"] = sorted(refused)
    return ObservedDecision(decision, AskAgent(run.policy.agents[app])), told


def _undecided(run: Run, app: str) -> Decision:
    return ForcedDecision(run.policy, run.facts, app, run.runtime.commitments, straight=True)
