"""`parallel: [a, b, c]`: several are asked at the same time; `take:` says what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from conductor_mw.durations import Duration
from conductor_mw.scorers.base import Spec

from .ballot import compile_by
from .base import Flow, FlowOptions, Site, Target
from .best import Best
from .branches import MOST, Branches
from .comparison import RUBRIC, Comparison
from .first import First
from .listing import named
from .majority import Majority
from .merge import compile_merge

Take = Literal["first", "majority", "best", "merge"]
_BELONGS: Final[Mapping[str, Take]] = {
    "by": "majority",
    "quorum": "majority",
    "otherwise": "majority",
    "judge": "best",
    "rubric": "best",
    "score": "best",
    "merge": "merge",
    "prompt": "merge",
}


class ParallelOptions(FlowOptions):
    """Several are asked at the same time."""

    parallel: list[Target] = Field(
        min_length=1, max_length=MOST, description="Agents or flows; their order settles ties."
    )
    take: Take = Field(
        default="first",
        description="`first` to speak, what the `majority` says, the `best` by a judge or a score, "
        "or all of them in one answer that an agent makes (`merge`).",
    )
    samples: int = Field(
        default=1, ge=1, le=MOST, description="How many answers of each of them are asked for."
    )
    need: int = Field(
        default=1, ge=1, le=MOST, description="How many must answer, with any `take` but `first`."
    )
    timeout: Duration | None = Field(
        default=None, description="Who has not answered by then (`first`: not begun) is left out."
    )
    by: str | None = Field(
        default=None, description="`majority`: an expression over `answer.*`; equal values agree."
    )
    quorum: int = Field(
        default=1, ge=1, le=MOST, description="`majority`: the votes that the winner needs."
    )
    otherwise: Target | None = Field(
        default=None, description="`majority`: who answers where there is a tie or no quorum."
    )
    judge: Target | None = Field(
        default=None, description="`best`: the agent that compares the answers, in two orders."
    )
    rubric: str = Field(
        default=RUBRIC, max_length=10_000, description="`best`: what the judge looks for."
    )
    score: Spec | None = Field(default=None, description="`best`: how every answer is scored.")
    merge: Target | None = Field(
        default=None, description="`merge`: the agent that makes one answer of all of them."
    )
    prompt: str | None = Field(
        default=None, description="`merge`: what it is asked; reads `{answers}`."
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        for key in sorted(self.model_fields_set & _BELONGS.keys()):
            if _BELONGS[key] != self.take:
                site.refuse(
                    f"{key!r} says nothing with `take: {self.take}`",
                    key,
                    mend=f"Write `take: {_BELONGS[key]}`, or leave it out.",
                )
        branches = self._branches(site)
        if self.take == "first":
            return First(branches)
        if self.take == "majority":
            return self._majority(site, branches)
        if self.take == "best":
            return self._best(site, branches)
        if self.merge is None:
            site.refuse(
                "nobody merges the answers", "take", mend="Add `merge:` with an agent's id."
            )
        names = named(self.parallel) if self.samples == 1 else {}
        return compile_merge(site, branches, names, self.merge, self.prompt)

    def _branches(self, site: Site) -> Branches:
        steps = [site.step(step, "parallel", n) for n, step in enumerate(self.parallel)]
        steps *= self.samples
        count = len(steps)
        if count > MOST:
            site.refuse(
                f"{count} answers are asked for at once, {MOST} are allowed", "samples",
                mend="Ask fewer agents, or for fewer samples.",
            )  # fmt: skip
        if self.take == "first" and "need" in self.model_fields_set:
            site.refuse("'need' says nothing with `take: first`", "need", mend="Leave it out.")
        for key, wanted in (("need", self.need), ("quorum", self.quorum)):
            if wanted > count:
                site.refuse(f"{wanted} of {count} answers can never be there", key,
                            mend=f"Write at most {count}.")  # fmt: skip
        return Branches(tuple(steps), self.need, self.timeout)

    def _majority(self, site: Site, branches: Branches) -> Flow:
        by = compile_by(site, self.by)
        otherwise = None if self.otherwise is None else site.step(self.otherwise, "otherwise")
        return Majority(branches, by, self.quorum, otherwise)

    def _best(self, site: Site, branches: Branches) -> Flow:
        if self.judge is None and self.score is None:
            site.refuse(
                "nothing says which answer is the best", "take", mend="Add `judge:` or `score:`."
            )
        scorer = None if self.score is None else site.scorer(self.score, "score")
        comparison = None
        if self.judge is not None:
            comparison = Comparison(site.step(self.judge, "judge"), self.rubric)
        return Best(branches, scorer, comparison)
