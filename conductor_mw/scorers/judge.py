"""`judge: agent`: another agent grades the answer against a rubric, once or several times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final

from pydantic import Field

from conductor_mw.effects import Gather
from conductor_mw.errors import Failure
from conductor_mw.flows.base import Target
from conductor_mw.flows.race import first_failure, raise_faults
from conductor_mw.flows.reply import collect

from .base import Score, ScorerOptions
from .question import question, text_of, transcript
from .verdict import read_verdict

if TYPE_CHECKING:
    from conductor_mw.effects import Settled
    from conductor_mw.flows.base import At, Flow, Site
    from conductor_mw.flows.reply import Reply
    from conductor_mw.flows.template import Template
    from conductor_mw.request import Request

    from .base import Scorer

_TASK: Final = "Grade the ANSWER to the REQUEST. The rubric, which alone says what counts:\n\n"
_REFERENCE: Final = "\n\nThe REFERENCE is an answer that is known to be right."


class JudgeOptions(ScorerOptions):
    """An agent grades the answer and says why."""

    judge: Target = Field(description="Who grades; preferably another model than the graded one.")
    rubric: str = Field(
        min_length=1, max_length=20_000, description="What makes an answer good, in your words."
    )
    scale: float = Field(default=10.0, gt=0, le=1e6, description="The best grade; the worst is 0.")
    votes: int = Field(
        default=1, ge=1, le=5, description="How often it is asked; the median of the grades counts."
    )
    tries: int = Field(
        default=1, ge=1, le=3, description="How often a vote is asked for until it can be read."
    )
    against: str | None = Field(
        default=None, description="A template: an answer that is known to be right."
    )
    conversation: bool = Field(
        default=False, description="Whether the judge reads the whole conversation so far."
    )

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        return Judge(
            site.step(self.judge, "judge"),
            self.rubric,
            self.scale,
            self.votes,
            self.tries,
            None if self.against is None else site.template(self.against, "against"),
            self.conversation,
        )


@dataclass(frozen=True, slots=True)
class Judge:
    """Grades answers; the attributes are those of `JudgeOptions`."""

    flow: Flow
    rubric: str
    scale: float = 10.0
    votes: int = 1
    tries: int = 1
    against: Template | None = None
    conversation: bool = False

    @property
    def label(self) -> str:
        """The scorer's name."""
        return "judge"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Who grades."""
        return (("judge", self.flow),)

    @property
    def worst_calls(self) -> int:
        """Every vote takes every try."""
        return self.votes * self.tries * self.flow.worst_calls

    @property
    def canonical(self) -> object:
        """Who grades, by what, and how often."""
        against = None if self.against is None else self.against.canonical
        how = [self.scale, self.votes, self.tries, against, self.conversation]
        return ["judge", self.flow.canonical, self.rubric, how]

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        """Give the median of the votes. Raises `Failure` where one of them cannot be had."""
        stand_in = f'{{"because": "simulated", "score": {self.scale:g}}}'
        at = at.hidden("judge").standing_in(stand_in)
        asked = await self._question(request, reply, at)
        if self.votes == 1:
            return await self._vote(asked, at)
        branches = tuple(partial(self._vote, asked, at.into(str(n))) for n in range(self.votes))
        settled = await Gather(branches, _broken, at.deadline)
        raise_faults(settled)
        votes = [one.value for one in settled if one.done and one.value is not None]
        if len(votes) < self.votes:
            raise first_failure(settled)
        middle = median(vote.value for vote in votes)
        nearest = min(votes, key=lambda vote: abs(vote.value - middle))
        return Score(middle, nearest.because)

    async def _question(self, request: Request, reply: Reply, at: At) -> Request:
        asked = transcript(request) if self.conversation else request.text
        texts = [("REQUEST", asked), ("ANSWER", text_of(reply))]
        task = f"{_TASK}{self.rubric}"
        if self.against is not None:
            texts.append(("REFERENCE", await self.against.fill(at)))
            task += _REFERENCE
        form = (
            'Answer with JSON and nothing else: {"because": "<one sentence>", "score": <a number '
            f"from 0 to {self.scale:g}>}}"
        )
        return await question(request, task, texts, form)

    async def _vote(self, asked: Request, at: At) -> Score:
        """Give one vote; one that cannot be read is asked for again, a failed call is not."""
        for number in range(1, self.tries):
            verdict = await collect(self.flow, asked, _again(at, number))
            try:
                return read_verdict(verdict.text, self.scale)
            except Failure as failure:
                await at.run.tell("retry", at.path, number, kind=failure.kind, wait=0.0)
        verdict = await collect(self.flow, asked, _again(at, self.tries))
        return read_verdict(verdict.text, self.scale)


def _again(at: At, number: int) -> At:
    # A journal, and a worker, must not take the second question for the first.
    return at if number == 1 else at.into(f"again#{number}")


def _broken(ended: tuple[Settled[Score], ...]) -> bool:
    return any(one.error is not None for one in ended)
