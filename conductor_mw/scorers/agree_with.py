"""`agree_with: agent`: 1 where somebody else gives the same answer to the same request, else 0."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

from pydantic import Field

from conductor_mw.errors import Failure
from conductor_mw.flows.base import Target
from conductor_mw.flows.reply import collect
from conductor_mw.json_schema import unfit

from .base import Score, ScorerOptions

if TYPE_CHECKING:
    from conductor_mw.flows.base import At, Flow, Site
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request

    from .base import Scorer

By = Literal["text", "number", "json"]


class AgreeWithOptions(ScorerOptions):
    """Another agent or flow answers the same request; both answers are compared."""

    agree_with: Target = Field(description="Who else is asked.")
    by: By = Field(
        default="text",
        description="What is compared: `text` without case, blanks and outer punctuation; "
        "`number`, the last number of each; `json`, the values.",
    )
    tolerance: float = Field(
        default=0.0, ge=0, le=1e9, description="With `by: number`: how far apart they may be."
    )

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        if self.tolerance and self.by != "number":
            site.refuse("`tolerance` needs `by: number`", "tolerance", mend="add `by: number`")
        return AgreeWith(site.step(self.agree_with, "agree_with"), self.by, self.tolerance)


@dataclass(frozen=True, slots=True)
class AgreeWith:
    """Compares an answer with somebody else's."""

    flow: Flow
    by: By
    tolerance: float

    @property
    def label(self) -> str:
        """The scorer's name."""
        return "agree_with"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Who else is asked."""
        return (("agrees", self.flow),)

    @property
    def worst_calls(self) -> int:
        """One answer."""
        return self.flow.worst_calls

    @property
    def canonical(self) -> object:
        """Who else is asked, and what is compared."""
        return ["agree_with", self.flow.canonical, self.by, self.tolerance]

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        """Give 1 or 0. Raises `Failure` where the other answer lacks what is compared."""
        other = await collect(self.flow, request, at)
        if self._same(reply, other):
            return Score(1.0)
        return Score(0.0, f"{other.agent!r} gives another answer")

    def _same(self, reply: Reply, other: Reply) -> bool:
        if self.by == "text":
            return normalised(reply.text) == normalised(other.text)
        if self.by == "json":
            _require(other.output is not None and not unfit(other.output), "JSON", other)
            return not unfit(reply.output) and same_json(reply.output, other.output)
        one, two = last_number(reply.text), last_number(other.text)
        _require(two is not None, "number", other)
        return one is not None and two is not None and abs(one - two) <= self.tolerance


def normalised(text: str) -> str:
    """Give a text without what two who agree may write differently.

    >>> normalised("  **Paris**. ") == normalised("paris")
    True
    """
    pieces = text if text.isascii() else " ".join(map(_composed, text.split()))
    return " ".join(pieces.casefold().split()).strip(".,;:!?\"'`*_()[] ")


def _composed(word: str) -> str:
    # In pieces: sorting the accents of one letter takes quadratic time, and it may have a million.
    ends = range(0, len(word), _SORTED)
    return "".join(unicodedata.normalize("NFKC", word[at : at + _SORTED]) for at in ends)


def last_number(text: str) -> float | None:
    """Give the last number of a text, where arguments end in their result; None without one.

    >>> last_number("6 x 7 = 42."), last_number("1,234.5 in all"), last_number("none")
    (42.0, 1234.5, None)
    """
    found = _NUMBER.findall(text[-_LOOKED_AT:])
    return float(found[-1].replace(",", "")) if found else None


_SORTED: Final = 1_000
_LOOKED_AT: Final = 10_000
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d{1,300}(?:,\d{3})*(?:\.\d{1,300})?")


def same_json(one: object, two: object) -> bool:
    """Say whether two JSON values are the same; unlike in Python, `true` is not 1.

    >>> same_json({"a": [1, True]}, {"a": [1.0, True]}), same_json(True, 1)
    (True, False)
    """
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, dict) and isinstance(two, dict):
        first, second = cast("dict[str, object]", one), cast("dict[str, object]", two)
        return first.keys() == second.keys() and all(
            same_json(first[key], second[key]) for key in first
        )
    if isinstance(one, list) and isinstance(two, list):
        items, others = cast("list[object]", one), cast("list[object]", two)
        return len(items) == len(others) and all(map(same_json, items, others))
    return one == two


def _require(found: bool, what: str, other: Reply) -> None:
    if not found:
        problem = f"the answer of {other.agent!r} to compare with has no {what}"
        raise Failure("scorer_failed", problem, agent=other.agent)
