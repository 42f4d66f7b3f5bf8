"""A gate: a question to people, kept as a record, and the verdict that decides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Choice = Literal["approve", "reject", "edit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a person decided at a gate.

    Attributes:
        choice: `approve`, `reject` or `edit`.
        by: who decided; never empty.
        text: with `edit`, the text that goes on in the place of what was shown.
        comment: why, for the record.
        utc: when, in seconds since 1970.
    """

    choice: Choice
    by: str
    text: str = ""
    comment: str = ""
    utc: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A question to people. It decides itself, closed, when its deadline passes.

    Attributes:
        id: `<run>:<path>`, stable for the step.
        run: the run that waits.
        path: the step's place in the flow.
        agent: the id of the human agent.
        queue: who is asked.
        show: what they are shown.
        choices: what they may decide.
        deadline: the UTC second at which it decides itself, or None.
        quorum: how many different people must agree before it is approved.
        on_timeout: what it decides itself to; `reject` unless the policy says otherwise.
        votes: the verdicts so far, oldest first.
        verdict: the verdict that decided it, or None while it is open.
    """

    id: str
    run: str
    path: str
    agent: str
    queue: str
    show: str
    choices: tuple[Choice, ...] = ("approve", "reject", "edit")
    deadline: float | None = None
    quorum: int = 1
    on_timeout: Choice = "reject"
    votes: tuple[Verdict, ...] = ()
    verdict: Verdict | None = None


Approvals: TypeAlias = Callable[[Gate], Verdict | None]
"""The host app's own way to ask people: it waits as long as it takes; None leaves it undecided."""
