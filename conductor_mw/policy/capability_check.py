"""Find rules whose requests need what the agents that they lead to cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from conductor_mw.agents.base import Agent
from conductor_mw.agents.capabilities import NEEDED
from conductor_mw.errors import EvaluationError
from conductor_mw.flows.agent import AskAgent
from conductor_mw.flows.balance import Balance
from conductor_mw.flows.base import Flow
from conductor_mw.flows.cascade import Cascade
from conductor_mw.flows.choose import Choose
from conductor_mw.flows.fallback import Fallback
from conductor_mw.flows.named import Named
from conductor_mw.flows.output import Output
from conductor_mw.flows.overflow import Shrinking
from conductor_mw.flows.quality import Accepted
from conductor_mw.flows.rescue import Rescue
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.policy import Rule
from conductor_mw.policy.validation import shown
from conductor_mw.rules.checked import Fact, Node, children
from conductor_mw.rules.interpreter import interpret
from conductor_mw.rules.limits import Steps
from conductor_mw.rules.shapes import conjuncts

_WITHOUT: Final[Mapping[str, tuple[str, object]]] = {
    "vision": ("input.has_images", False),
    "tools": ("input.tools", []),
    "json": ("input.wants_json", False),
}
"""For each capability the signal that asks for it, and its value where nobody does."""


def check_capabilities(draft: Draft, agents: Mapping[str, Agent], rules: Sequence[Rule]) -> None:
    """Add a finding for each rule whose requests an agent of its target cannot answer."""
    _check_summarisers(draft, agents)
    if not any(False in agent.capabilities.values() for agent in agents.values()):
        return
    for rule in rules:
        needs = list(_needs(rule))
        if needs:
            _check(draft, rule, needs)


def _check_summarisers(draft: Draft, agents: Mapping[str, Agent]) -> None:
    for position, entry in enumerate(draft.file.agents):
        agent = agents.get(entry.id)
        name = agent.overflow.summarise if agent is not None and agent.overflow else ""
        if name and name not in agents:
            at = ("agents", position, "on_overflow", "summarise")
            draft.find(at, "unknown-name", f"no agent {shown(name)}", Nearest(name, agents))


def _needs(rule: Rule) -> Iterator[str]:
    """Yield the capabilities that every request of a rule needs."""
    for part in conjuncts(rule.condition.node):
        read = _reads(part)
        for capability, (signal, nothing) in _WITHOUT.items():
            if read == {signal} and _is_false(part, rule.condition.text, {signal: nothing}):
                yield capability


def _reads(node: Node) -> set[str]:
    found: set[str] = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Fact):
            found.add(part.name)
        waiting.extend(children(part))
    return found


def _is_false(node: Node, text: str, facts: Mapping[str, object]) -> bool:
    try:
        return interpret(node, text, facts, Steps()) is False
    except EvaluationError:
        return False


def _check(draft: Draft, rule: Rule, needs: Sequence[str]) -> None:
    target = _Target()
    target.visit(rule.flow)
    for need in needs:
        lacking = [
            agent.id for agent in target.asked.values() if agent.capabilities.get(need) is False
        ]
        if not lacking:
            continue
        # A text can ask for JSON too, and any agent can try; only the parameter needs the ability.
        surely = need != "json" and target.complete and len(lacking) == len(target.asked)
        names = " and ".join(map(repr, sorted(lacking)[:3]))
        draft.find(
            ("routing", "rules", rule.position, "target"),
            "incapable",
            f"{NEEDED[need]} here, and {names} cannot: no {need}",
            f"name an agent with `capabilities: {{{need}: true}}`, or say what happens on "
            "`incapable` in a fallback",
            severity="error" if surely else "warning",
        )


class _Target:
    """The agents that a target may send a request to as it is.

    Attributes:
        asked: those agents, by id.
        complete: whether nobody else may be asked.
    """

    def __init__(self) -> None:
        self.asked: dict[str, Agent] = {}
        self.complete = True
        self._seen: set[int] = set()

    def visit(self, flow: Flow) -> None:
        """Take in a flow; one that stands in several places is looked at once."""
        if id(flow) in self._seen:
            return
        self._seen.add(id(flow))
        if isinstance(flow, AskAgent):
            self.asked[flow.agent.id] = flow.agent
            return
        steps = _passed_on(flow)
        if isinstance(flow, Fallback) and "incapable" in flow.on:
            steps = steps[-1:]  # who lacks something is passed over, the last one is not
            self.complete = False
        elif not steps:
            self.complete = False  # its steps may be asked with a question of their own
        for step in steps:
            self.visit(step)


def _passed_on(flow: Flow) -> Sequence[Flow]:
    """Give the steps to which a flow gives a request as it is, or none where nobody knows."""
    if isinstance(flow, Shrinking):
        return (flow.asking,)
    if isinstance(flow, Named | Accepted | Output):
        return (flow.flow,)
    if isinstance(flow, Cascade):
        return flow.steps  # and not its judge, who is asked a question of its own
    if isinstance(flow, Fallback | Balance | Choose):
        return [step for _, step in flow.children]
    if isinstance(flow, Rescue) and "incapable" not in flow.by_kind:
        return (flow.flow,)  # else somebody else is meant to answer
    return ()
