"""`regex: {match: "...", unless: "..."}`: 1 for an answer that fits the patterns, else 0."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw.rules.types import STRING

from .base import Score, ScorerOptions

if TYPE_CHECKING:
    from conductor_mw.flows.base import At, Flow, Site
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression

    from .base import Scorer


class Patterns(BaseModel):
    """What an answer must and must not hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: str | None = Field(default=None, description="A pattern that must be found.")
    unless: str | None = Field(default=None, description="A pattern that must not be found.")


class RegexOptions(ScorerOptions):
    """Scores whether an answer fits regular expressions, in time linear in its length."""

    regex: str | Patterns = Field(description="A pattern that must be found, or `match`, `unless`.")

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        given: Any = {"match": self.regex} if isinstance(self.regex, str) else dict(self.regex)
        # Conditions bound the patterns of a whole policy together; these are such conditions.
        reading = site.within({_TEXT: STRING})
        found: dict[str, Expression] = {}
        for name, pattern in given.items():
            if pattern is not None:
                where = ("regex",) if isinstance(self.regex, str) else ("regex", name)
                quoted = json.dumps(pattern, ensure_ascii=False)
                found[name] = reading.condition(f"{_TEXT}.matches({quoted})", *where)
        if not found:
            site.refuse("there is no pattern", "regex", mend="write `match:`, `unless:` or both")
        return Regex(found.get("match"), found.get("unless"))


_TEXT = "answer.text"


@dataclass(frozen=True, slots=True)
class Regex:
    """Looks for patterns in an answer."""

    match: Expression | None
    unless: Expression | None

    @property
    def label(self) -> str:
        """The scorer's name."""
        return "regex"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """None: it asks nobody."""
        return ()

    @property
    def worst_calls(self) -> int:
        """None."""
        return 0

    @property
    def canonical(self) -> object:
        """The patterns."""
        return ["regex", *(one and one.canonical for one in (self.match, self.unless))]

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        """Give the score."""
        del request
        text = {_TEXT: reply.text}
        if self.match is not None and not await at.evaluate(self.match, text):
            return Score(0.0, "it does not match the pattern")
        if self.unless is not None and await at.evaluate(self.unless, text):
            return Score(0.0, "it matches the pattern that it must not")
        return Score(1.0)
