"""Who said which part of an answer, and what became of everybody else who was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .money import Money
from .parts import Origin, Outcome, Part, Purpose, Usage

Became = Literal[
    "answered", "fed", "done", "unused", "failed", "stopped", "judged", "told", "undid"
]
"""What became of an attempt.

* `answered`: the answer, or a part of it, is its;
* `fed`: it went into a later step;
* `done`: a step that ran, and whose answer nobody was given;
* `unused`: it answered, and another answer was given;
* `failed`: it did not answer, for the reason in `failure`;
* `stopped`: nobody needed it any more;
* `judged`, `told`, `undid`: it judged an answer, gave a signal its value, took back a step.
"""
_BY_PURPOSE: Final[Mapping[Purpose, Became]] = {
    "judge": "judged",
    "score": "judged",
    "signal": "told",
    "undo": "undid",
}
_FEEDS: Final[frozenset[Purpose]] = frozenset(("step", "summary"))
_NO_USAGE: Final = Usage()
_READERS: Final = (("parallel", "merge"), ("consensus", "otherwise"))
"""Nodes of which one step is shown what the others said."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the answer's text that one step said.

    Attributes:
        agent: whose it is; empty where no agent said it.
        path: the step's stable place in the flow.
        characters: how long it is; 0 where only tools were called or media given.
    """

    agent: str
    path: str
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What became of one attempt.

    Attributes:
        path: the step's stable place in the flow.
        agent: who was asked.
        number: 1 for the first try of the step.
        purpose: what it was asked for.
        became: what became of it.
        characters: how much of the answer's text is its.
        failure: the kind of its failure, or the name of its error; else empty.
        by: the layer that answered in the agent's place, or an empty string.
        usage: its tokens.
        cost: what it cost, or None where that is unknown.
        seconds: how long it took.
        model: the model that the answer names, where its price depends on that; else empty.
    """

    path: str
    agent: str
    number: int
    purpose: Purpose
    became: Became
    characters: int = 0
    failure: str = ""
    by: str = ""
    usage: Usage = _NO_USAGE
    cost: Money | None = None
    seconds: float = 0.0
    model: str = ""

    def to_dict(self) -> dict[str, object]:
        """Give the record as plain JSON."""
        return {
            "path": self.path,
            "agent": self.agent,
            "number": self.number,
            "purpose": self.purpose,
            "became": self.became,
            "characters": self.characters,
            "failure": self.failure,
            "by": self.by,
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "cost_nano_dollars": None if self.cost is None else self.cost.nano,
            "seconds": round(self.seconds, 6),
            **({"model": self.model} if self.model else {}),
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer comes from, as far as it was read.

    Attributes:
        segments: who said which stretch of the text, in order.
        attempts: every attempt and what became of it, in the order of their ends.
    """

    segments: Sequence[Segment]
    attempts: Sequence[Contribution]

    def to_dict(self) -> dict[str, object]:
        """Give the record as plain JSON."""
        return {
            "segments": [
                {"agent": one.agent, "path": one.path, "characters": one.characters}
                for one in self.segments
            ],
            "attempts": [one.to_dict() for one in self.attempts],
        }


def provenance_of(parts: Iterable[Part], outcomes: Sequence[Outcome]) -> Provenance:
    """Give the provenance of an answer.

    Args:
        parts: the parts that the caller got.
        outcomes: every attempt of the run that has ended.
    """
    segments = _segments(parts)
    said: dict[Origin, int] = {}
    for one in segments:
        origin = Origin(one.agent, one.path)
        said[origin] = said.get(origin, 0) + one.characters
    attempts: list[Contribution] = []
    for index in reversed(range(len(outcomes))):
        outcome = outcomes[index]
        # Tries of one step share a place: what was said there is the last one's that answered.
        characters = None if outcome.error else said.pop(_origin(outcome), None)
        attempts.append(
            Contribution(
                path=outcome.path,
                agent=outcome.agent,
                number=outcome.number,
                purpose=outcome.purpose,
                became=_became(outcome, outcomes[index + 1 :], spoke=characters is not None),
                characters=characters or 0,
                failure=_failure(outcome),
                by=outcome.by,
                usage=outcome.usage,
                cost=outcome.cost,
                seconds=outcome.seconds,
                model=outcome.model,
            )
        )
    return Provenance(tuple(segments), tuple(reversed(attempts)))


def agent_of(parts: Sequence[Part], outcomes: Sequence[Outcome]) -> str:
    """Give the agent that spoke last, or, where nobody said a word, the one that answered last."""
    for part in reversed(parts):
        if part.origin is not None:
            return part.origin.agent
    answered = (one.agent for one in reversed(outcomes) if one.error is None and one.visible)
    return next(answered, "")


def _segments(parts: Iterable[Part]) -> list[Segment]:
    found: list[Segment] = []
    for part in parts:
        if part.origin is not None:
            found.append(Segment(part.origin.agent, part.origin.path, len(part.text)))
        elif part.speaks:
            last = found.pop() if found else Segment("", "", 0)
            found.append(Segment(last.agent, last.path, last.characters + len(part.text)))
    return found


def _origin(outcome: Outcome) -> Origin:
    return Origin(outcome.agent, outcome.path)


def _became(outcome: Outcome, later: Sequence[Outcome], *, spoke: bool) -> Became:
    if spoke:
        return "answered"
    if outcome.error is not None:
        return "failed"
    if outcome.finish == "cut":
        return "stopped"
    known = _BY_PURPOSE.get(outcome.purpose)
    if known is not None:
        return known
    if _feeds(outcome, later):
        return "fed"
    return "done" if outcome.purpose == "step" else "unused"


def _feeds(outcome: Outcome, later: Sequence[Outcome]) -> bool:
    if outcome.purpose in _FEEDS:
        ended = outcome.started + outcome.seconds
        return any(one.purpose not in _BY_PURPOSE and one.started >= ended for one in later)
    return any(_read_by(one.path, outcome.path) for one in later)


def _read_by(reader: str, path: str) -> bool:
    """Whether who answers at one path was shown what was said at the other."""
    for node, last in _READERS:
        root, found, _ = reader.rpartition(f"{node}/{last}/")
        if found and path.startswith(f"{root}{node}/"):
            return True
    return False


def _failure(outcome: Outcome) -> str:
    if outcome.error is None:
        return ""
    return outcome.kind or type(outcome.error).__name__
