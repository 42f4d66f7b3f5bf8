"""Say why a request goes where it goes, without sending anything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from conductor_mw.agents.base import Agent
from conductor_mw.decide import Decision, decide
from conductor_mw.effects import Instant
from conductor_mw.enforce import forbidden_agents
from conductor_mw.errors import EvaluationError, Place, Unasked
from conductor_mw.flows.agent import AskAgent
from conductor_mw.flows.base import Flow
from conductor_mw.flows.choose import Choose
from conductor_mw.flows.named import Named
from conductor_mw.flows.rescue import Rescue
from conductor_mw.policy import Policy
from conductor_mw.request import Request
from conductor_mw.signals import Facts
from conductor_mw.signals.paid import given

_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Passed:
    """A rule that was passed over.

    Attributes:
        rule: its id.
        because: the part of its condition that was not true.
        place: where the rule was written.
    """

    rule: str
    because: str
    place: Place


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the target's flow.

    Attributes:
        word: what stands on the way to it: `1`, `80 %`, a condition.
        label: an agent's id, a flow's name or strategy.
        detail: an agent's model or kind; empty for a flow.
        forbidden: the guarantee that keeps this request away from the agent, or an empty string.
        taken: whether it is the branch of a `choose` that this request takes.
        below: the nodes that it may ask.
    """

    word: str
    label: str
    detail: str = ""
    forbidden: str = ""
    taken: bool = False
    below: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one request goes where it goes.

    Attributes:
        decision: the decision itself.
        condition: the condition that held; empty where the default answers.
        place: where the rule was written; empty where the default answers.
        passed: the rules before it.
        tree: who would be asked; None where there is no target.
        rescues: who answers after which kinds of failure of the tree.
        forbidden: the agents that this request must never reach, with the guarantee's words.
    """

    decision: Decision
    condition: str
    place: Place | None
    passed: tuple[Passed, ...]
    tree: Branch | None
    rescues: tuple[tuple[tuple[str, ...], Branch], ...]
    forbidden: Mapping[str, str]


def explain(
    policy: Policy,
    request: Request,
    moment: Instant | None = None,
    *,
    known: Mapping[str, object] | None = None,
) -> Explanation:
    """Explain the decision of a policy about a request.

    Args:
        policy: the compiled policy.
        request: what would be asked.
        moment: when it would be; now without it.
        known: values of paid signals, by name: nobody is asked for them.

    Raises:
        EvaluationError: a condition could not be evaluated and its rule says `on_error: fail`, or
            it reads a paid signal that is not in `known`.
        RequestError: the request cannot be read, or `known` holds what cannot be.
    """
    moment = moment or Instant(time.monotonic(), time.time())
    facts = Facts(request, policy.signals, moment, read_now=policy.live_signals)
    facts.update(given(policy.paid, known or {}))
    decision = decide(policy, facts)
    by_id = {rule.id: rule for rule in policy.rules}
    forbidden = forbidden_agents(policy.guarantees, facts)
    rule = None if decision.rule is None else by_id[decision.rule]
    flow = policy.default_flow if rule is None else rule.flow
    tree, rescues = _Tree(facts, forbidden).of(flow)
    return Explanation(
        decision=decision,
        condition="" if rule is None else rule.condition.text,
        place=None if rule is None else rule.place,
        passed=tuple(
            Passed(one.rule, one.because, by_id[one.rule].place) for one in decision.passed_over
        ),
        tree=tree,
        rescues=rescues,
        forbidden=forbidden,
    )


@dataclass(frozen=True, slots=True)
class _Tree:
    """Draws up flows for one request."""

    facts: Facts
    forbidden: Mapping[str, str]

    def of(
        self, flow: Flow | None
    ) -> tuple[Branch | None, tuple[tuple[tuple[str, ...], Branch], ...]]:
        if flow is None:
            return None, ()
        if not isinstance(flow, Rescue):
            return self.branch("", flow, 0), ()
        kinds: dict[Branch, list[str]] = {}
        for kind, rescue in sorted(flow.by_kind.items()):
            kinds.setdefault(self.branch("", rescue, 0), []).append(kind)
        rescues = tuple((tuple(names), branch) for branch, names in kinds.items())
        return self.branch("", flow.flow, 0), rescues

    def branch(self, word: str, flow: Flow, depth: int, *, taken: bool = False) -> Branch:
        if isinstance(flow, AskAgent):
            agent = flow.agent
            return Branch(word, agent.id, said(agent), self.forbidden.get(agent.id, ""), taken)
        label = flow.label
        if isinstance(flow, Named):
            flow = flow.flow
            label = f"{label} · {flow.label}"
        if depth >= _DEEPEST:
            return Branch(word, label, "…", taken=taken)
        chosen = self.chosen(flow)
        below = tuple(
            self.branch(way, child, depth + 1, taken=number == chosen)
            for number, (way, child) in enumerate(flow.children)
        )
        return Branch(word, label, taken=taken, below=below)

    def chosen(self, flow: Flow) -> int:
        """Give the position of the branch that is taken, or -1 where that is not known yet."""
        if not isinstance(flow, Choose):
            return -1
        for number, (when, _) in enumerate(flow.branches):
            try:
                if when.evaluate(self.facts):
                    return number
            except (EvaluationError, Unasked):
                return -1
        return len(flow.branches)


def said(agent: Agent) -> str:
    """Give in a word who speaks for an agent: its model, or its kind."""
    model = getattr(agent.options, "model", None)
    return model if isinstance(model, str) else agent.kind
