"""`{use: agent}`: somebody else says how good an answer is, a model of yours or a worker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pydantic import Field

from conductor_mw.flows.base import Target
from conductor_mw.flows.reply import collect

from .base import Score, ScorerOptions
from .question import question, text_of
from .verdict import read_verdict

if TYPE_CHECKING:
    from conductor_mw.flows.base import At, Flow, Site
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request

    from .base import Scorer

_TASK: Final = "Say how good the ANSWER is as an answer to the REQUEST."


class AskedOptions(ScorerOptions):
    """An agent or a flow gives the score.

    A worker is sent `{"request": ..., "answer": ...}` and answers `{"score": 0.8}`; any other agent
    reads both in one message and answers with a number or with `{"score": ..., "because": ...}`.
    """

    use: Target = Field(description="Who is asked.")
    scale: float = Field(
        default=1.0, gt=0, le=1e6, description="The score that counts as 1; the lowest is 0."
    )

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        flow = site.step(self.use, "use")
        return Asked(self.use if isinstance(self.use, str) else flow.label, flow, self.scale)


@dataclass(frozen=True, slots=True)
class Asked:
    """Asks somebody for the score."""

    label: str
    flow: Flow
    scale: float

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Who is asked."""
        return (("score", self.flow),)

    @property
    def worst_calls(self) -> int:
        """One answer."""
        return self.flow.worst_calls

    @property
    def canonical(self) -> object:
        """Who is asked, and on which scale."""
        return ["use", self.flow.canonical, self.scale]

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        """Give the score. Raises `Failure` where there is none."""
        texts = {"request": request.text, "answer": text_of(reply)}
        shown = [(name.upper(), text) for name, text in texts.items()]
        form = f"Answer with one number from 0 to {self.scale:g} and nothing else."
        asked = await question(request, _TASK, shown, form)
        place = replace(at, terms={"input": texts}).standing_in(f"{self.scale:g}")
        verdict = await collect(self.flow, asked, place)
        return read_verdict(verdict.text, self.scale, bare=True)
