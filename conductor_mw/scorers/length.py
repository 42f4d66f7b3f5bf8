"""`length: {min: 10, max: 400, unit: words}`: 1 for an answer of the right length, else 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from .base import Score, ScorerOptions
from .free import Free

if TYPE_CHECKING:
    from conductor_mw.flows.base import Site
    from conductor_mw.flows.reply import Reply

    from .base import Scorer


class Bounds(BaseModel):
    """How long an answer must and may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: int = Field(default=0, ge=0, description="The shortest answer that passes.")
    max: int | None = Field(default=None, ge=0, description="The longest answer that passes.")
    unit: Literal["chars", "words"] = Field(
        default="chars",
        description="What is counted; words are what stands between blanks, so languages that "
        "write none are counted in characters.",
    )


class LengthOptions(ScorerOptions):
    """Scores whether an answer is long and short enough."""

    length: Bounds = Field(description="The shortest and the longest answer that pass.")

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        bounds = self.length
        if bounds.max is None and not bounds.min:
            site.refuse("every length passes", "length", mend="write `min:`, `max:` or both")
        if bounds.max is not None and bounds.max < bounds.min:
            problem = f"no length is at least {bounds.min} and at most {bounds.max}"
            site.refuse(problem, "length", mend="write a `max` that is not below `min`")

        def look(reply: Reply) -> Score:
            count = len(reply.text.split() if bounds.unit == "words" else reply.text)
            if count < bounds.min:
                return Score(0.0, f"{count} {bounds.unit}, at least {bounds.min} are asked for")
            if bounds.max is not None and count > bounds.max:
                return Score(0.0, f"{count} {bounds.unit}, at most {bounds.max} are asked for")
            return Score(1.0)

        return Free("length", [bounds.min, bounds.max, bounds.unit], look)
