"""What a gate is: what people are shown, what they may say, and what that comes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Choice = Literal["approve", "reject", "edit"]
OnTimeout = Literal["reject", "approve", "fail"]
State = Literal["open", "approved", "rejected", "edited", "expired", "withdrawn"]

DEADLINE: Final = "deadline"
"""Who decided where nobody did in time."""
CALLER: Final = "caller"
"""Who decided where the run stopped waiting."""
LARGEST_TEXT: Final = 1_000_000
"""Bytes of what is shown, and of an edited text."""
MOST_PEOPLE: Final = 20
"""The largest quorum."""

_STATES: Final[dict[Choice, State]] = {
    "approve": "approved",
    "reject": "rejected",
    "edit": "edited",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a person decided at a gate.

    Attributes:
        choice: `approve`, `reject` or `edit`.
        by: who decided; never empty. `deadline` and `caller` are nobody's names: a gate that
            nobody decided in time, or that nobody waits for any more, is decided by these.
        text: with `edit`, the text that goes on in the place of what was shown.
        comment: why, for the record.
        utc: when, in seconds since 1970; set when it is recorded.
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
        text: what goes on when they approve, where they are shown more than that; else None.
        choices: what they may decide.
        opened: the UTC second since which the run waits.
        deadline: the UTC second at which it decides itself, or None.
        quorum: how many different people must approve. With more than one nobody can edit,
            because they could not all have seen the same text.
        on_timeout: what it decides itself to. `fail` is recorded as a rejection, and the waiting
            step ends as a timeout.
        votes: the verdicts so far, oldest first.
    """

    id: str
    run: str
    path: str
    agent: str
    queue: str
    show: str
    text: str | None = None
    choices: tuple[Choice, ...] = ("approve", "reject", "edit")
    opened: float = 0.0
    deadline: float | None = None
    quorum: int = 1
    on_timeout: OnTimeout = "reject"
    votes: tuple[Verdict, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The vote that decided it, or None while it is open.

        One rejection or one edit decides, and so does the approval that makes the quorum whole.
        """
        approvals = 0
        for vote in self.votes:
            approvals += vote.choice == "approve"
            if vote.choice != "approve" or vote.by == DEADLINE or approvals >= self.quorum:
                return vote
        return None

    @property
    def approves(self) -> str:
        """What goes on when they approve it."""
        return self.show if self.text is None else self.text

    @property
    def missing(self) -> int:
        """How many people must still approve it."""
        return 0 if self.verdict else self.quorum - len(self.votes)

    def overdue(self, now: float) -> bool:
        """Whether its deadline passed before somebody decided it."""
        return self.verdict is None and self.deadline is not None and now >= self.deadline

    def state(self, now: float) -> State:
        """Give in one word how it stands."""
        verdict = self.verdict
        if verdict is None:
            return "expired" if self.overdue(now) else "open"
        if verdict.by == DEADLINE:
            return "expired"
        return "withdrawn" if verdict.by == CALLER else _STATES[verdict.choice]

    def asks_as(self, other: Gate) -> bool:
        """Whether both ask the same people the same question on the same terms."""
        mine = (self.agent, self.queue, self.show, self.approves, self.choices, self.quorum)
        return mine == (
            other.agent, other.queue, other.show, other.approves, other.choices, other.quorum,
        )  # fmt: skip

    def vote_of(self, by: str) -> Verdict | None:
        """Give what this person said already, or None."""
        name = by.casefold()
        return next((vote for vote in self.votes if vote.by.casefold() == name), None)


Approvals: TypeAlias = Callable[[Gate], Verdict | Awaitable[Verdict | None] | None]
"""The host app's own way to ask people: it may take as long as the gate's deadline allows.

None leaves the gate open: it is then decided through the store.
"""
