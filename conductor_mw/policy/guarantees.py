"""What must never happen, compiled: who is forbidden when, and the most that a request may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from conductor_mw.agents.base import Agent
from conductor_mw.errors import Place
from conductor_mw.money import Money
from conductor_mw.policy.document import AtMostEntry, NeverEntry
from conductor_mw.policy.draft import Draft
from conductor_mw.policy.findings import Nearest
from conductor_mw.policy.tree import Loc
from conductor_mw.policy.validation import shown
from conductor_mw.rules import Expression

_NOWHERE: Final = Place()


@dataclass(frozen=True, slots=True)
class Never:
    """While `when` holds for a request, none of `agents` may be asked.

    Attributes:
        id: its name, or `#<position>`.
        when: the condition over the request's signals.
        agents: the ids of the forbidden agents.
        text: the guarantee in words, for the error of an attempt that would break it.
        place: where it was written.
    """

    id: str
    when: Expression
    agents: frozenset[str]
    text: str
    place: Place = _NOWHERE


@dataclass(frozen=True, slots=True)
class AtMost:
    """The most that one request may cost; None means no limit.

    Attributes:
        calls: calls of agents, retries included.
        cost: dollars.
        seconds: time.
    """

    calls: int | None = None
    cost: Money | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Guarantees:
    """Every guarantee of a policy."""

    never: tuple[Never, ...] = ()
    at_most: AtMost = AtMost()


def compile_guarantees(draft: Draft, agents: Mapping[str, Agent]) -> Guarantees:
    """Give the guarantees; findings go to the draft."""
    labels = {label for agent in agents.values() for label in agent.labels}
    never: list[Never] = []
    limits: list[AtMostEntry] = []
    for position, entry in enumerate(draft.file.guarantees):
        at = ("guarantees", position)
        if (entry.never is None) == (entry.at_most is None):
            draft.find(at, "guarantee", "write either `never:` or `at_most:`")
        elif entry.at_most is not None:
            limits.append(entry.at_most)
        elif entry.never is not None:
            name = entry.id or f"#{position}"
            found = _never(draft, agents, labels, name, entry.never, (*at, "never"))
            if found is not None:
                never.append(found)
    return Guarantees(tuple(never), _strictest(limits))


def _never(
    draft: Draft,
    agents: Mapping[str, Agent],
    labels: set[str],
    name: str,
    entry: NeverEntry,
    at: Loc,
) -> Never | None:
    when = draft.expression(entry.when, (*at, "when"))
    ways = [entry.agents_without, entry.agents_with, entry.agents]
    if sum(way is not None for way in ways) != 1:
        draft.find(at, "guarantee", "write one of `agents_without:`, `agents_with:` and `agents:`")
        return None
    if entry.agents is not None:
        for position, agent in enumerate(entry.agents):
            if agent not in agents:
                where = (*at, "agents", position)
                draft.find(
                    where, "unknown-name", f"no agent {shown(agent)}", Nearest(agent, agents)
                )
        forbidden, text = frozenset(entry.agents), _named(entry.agents)
    elif entry.agents_with is not None:
        label = entry.agents_with
        if label not in labels:
            # Not an error: a guarantee of the organisation may name what no team has.
            draft.find(
                (*at, "agents_with"), "unknown-label", f"no agent has the label {shown(label)}",
                Nearest(label, labels), severity="warning",
            )  # fmt: skip
        forbidden = frozenset(agent.id for agent in agents.values() if label in agent.labels)
        text = f"agents with the label {label!r}"
    else:
        label = entry.agents_without or ""
        if label not in labels:
            included = draft.positions.place(at).file != draft.positions.file
            draft.find(
                (*at, "agents_without"), "unknown-label", f"no agent has the label {shown(label)}",
                Nearest(label, labels), severity="warning" if included else "error",
            )  # fmt: skip
        forbidden = frozenset(agent.id for agent in agents.values() if label not in agent.labels)
        text = f"agents without the label {label!r}"
    if when is None:
        return None
    when.prepare()  # now, and not when the first request waits for it
    words = f"the policy says never {text} when {entry.when}"
    return Never(name, when, forbidden, words, draft.positions.place(at))


def _named(agents: list[str]) -> str:
    names = ", ".join(repr(agent) for agent in agents)
    return f"the agent {names}" if len(agents) == 1 else f"the agents {names}"


def _strictest(limits: list[AtMostEntry]) -> AtMost:
    calls = [limit.calls for limit in limits if limit.calls is not None]
    dollars = [limit.dollars for limit in limits if limit.dollars is not None]
    seconds = [limit.seconds for limit in limits if limit.seconds is not None]
    return AtMost(
        min(calls, default=None),
        Money.of(min(dollars)) if dollars else None,
        min(seconds, default=None),
    )
