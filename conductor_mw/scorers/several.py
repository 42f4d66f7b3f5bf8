"""A list of scorers: the lowest score counts, and all of them are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Score
from .scored import scored

if TYPE_CHECKING:
    from conductor_mw.flows.base import At, Flow
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request

    from .base import Scorer


@dataclass(frozen=True, slots=True)
class Several:
    """Asks every scorer; an answer is as good as its worst side.

    Attributes:
        scorers: each with its name in `answer.scores`; the second `judge` is `judge-2`.
        every: whether each of them is asked, also where a score of 0 cannot get any lower.
    """

    scorers: Sequence[tuple[str, Scorer]]
    every: bool = False

    @classmethod
    def of(cls, scorers: Sequence[Scorer]) -> Several:
        """Give several scorers, each under a name of its own."""
        named: dict[str, Scorer] = {}
        for scorer in scorers:
            name, number = scorer.label, 1
            while name in named:
                number += 1
                name = f"{scorer.label}-{number}"
            named[name] = scorer
        return cls(tuple(named.items()))

    @property
    def label(self) -> str:
        """The word in a drawing."""
        return "lowest"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Whom any of the scorers asks."""
        return tuple(child for _, scorer in self.scorers for child in scorer.children)

    @property
    def worst_calls(self) -> int:
        """Every scorer is asked."""
        return sum(scorer.worst_calls for _, scorer in self.scorers)

    @property
    def canonical(self) -> object:
        """The scorers; which one is asked first changes no score."""
        return ["lowest", [scorer.canonical for _, scorer in self.scorers]]

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        """Give the lowest score. Raises `Failure` where one of the scorers does."""
        found: dict[str, Score] = {}
        for name, scorer in sorted(self.scorers, key=lambda one: one[1].worst_calls > 0):
            if scorer.worst_calls and not self.every and _hopeless(found):
                break  # what costs money comes last, and only where it can change something
            found[name] = await scored(scorer, request, reply, at, name)
        lowest = min(found.values(), key=lambda score: score.value)
        scores = {name: score.value for name, score in found.items()}
        return Score(lowest.value, lowest.because, scores)


def _hopeless(found: Mapping[str, Score]) -> bool:
    return any(score.value == 0 for score in found.values())
