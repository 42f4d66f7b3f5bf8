"""What became of one request of the traffic."""

from __future__ import annotations

from dataclasses import dataclass, field

from conductor_mw.decide import Decision
from conductor_mw.money import Money
from conductor_mw.parts import Finish, Outcome, ToolCall, Usage
from conductor_mw.provenance import Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request, answered or not.

    Attributes:
        id: the request's name.
        decision: where it went and why, or None where that could not be decided.
        text: what the caller got.
        agent: who answered, or an empty string.
        tool_calls: the tools that the answer wants to call.
        finish: why the answer ended.
        failure: why nobody answered: a kind of failure, or the name of an error; else empty.
        problem: the same in a sentence.
        mend: what to do about it, where that is known.
        usage: tokens of every attempt.
        cost: what every attempt cost together, or None where a price is unknown.
        answer_usage: tokens of the answer alone, without failed attempts.
        seconds: from the request to the last part.
        first_part: seconds until the caller saw something, or None.
        attempts: every attempt, oldest first; those of shadows are left out.
        provenance: who said which part of the text, and what became of every attempt.
        score: how good it was found to be, from 0 to 1, or None where nothing scored it.
        accepted: whether it met its `accept:`; True where there is none, False without an answer.
    """

    id: str
    decision: Decision | None
    text: str = ""
    agent: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish = ""
    failure: str = ""
    problem: str = ""
    mend: str = ""
    usage: Usage = field(default_factory=Usage)
    cost: Money | None = None
    answer_usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    first_part: float | None = None
    attempts: tuple[Outcome, ...] = ()
    provenance: Provenance = field(default_factory=lambda: Provenance((), ()))
    score: float | None = None
    accepted: bool = True

    @property
    def fell_back(self) -> bool:
        """Whether somebody else answered than the one who was asked first."""
        meant = (one.agent for one in self.attempts if one.purpose in ("answer", "candidate"))
        return bool(self.agent) and next(meant, self.agent) != self.agent

    def to_dict(self) -> dict[str, object]:
        """Give the record as plain JSON."""
        return {
            "id": self.id,
            "rule": None if self.decision is None else self.decision.rule,
            "target": "" if self.decision is None else self.decision.target,
            "agent": self.agent,
            "text": self.text,
            "tool_calls": [
                {"id": one.id, "name": one.name, "arguments": one.arguments}
                for one in self.tool_calls
            ],
            "finish": self.finish,
            "failure": self.failure,
            "problem": self.problem,
            "mend": self.mend,
            "score": self.score,
            "accepted": self.accepted,
            "usage": {
                "input_tokens": self.usage.input_tokens,
                "output_tokens": self.usage.output_tokens,
                "cached_tokens": self.usage.cached_tokens,
                "reasoning_tokens": self.usage.reasoning_tokens,
            },
            "cost_nano_dollars": None if self.cost is None else self.cost.nano,
            "seconds": round(self.seconds, 6),
            "first_part_seconds": None if self.first_part is None else round(self.first_part, 6),
            "attempts": [_attempt(one) for one in self.attempts],
            "provenance": self.provenance.to_dict(),
        }


def _attempt(outcome: Outcome) -> dict[str, object]:
    return {
        "path": outcome.path,
        "agent": outcome.agent,
        "number": outcome.number,
        "failure": outcome.kind or "",
        "seconds": round(outcome.seconds, 6),
        "cost_nano_dollars": None if outcome.cost is None else outcome.cost.nano,
    }
