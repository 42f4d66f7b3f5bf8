"""A judge that errs as often as it is told to, or that knows no more than one of the models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from conductor_mw import Usage

from .outcomes import Row

Prices = tuple[float, float]
"""Dollars per million tokens, input and output."""
_RUBRIC: Final = 60
"""Tokens of the judge's own instruction."""
_VERDICT: Final = 5
"""Tokens of a verdict."""
_NANO_PER_TOKEN: Final = 1_000  # a dollar per million tokens is a thousand nano-dollars a token


@dataclass(frozen=True, slots=True)
class Judge:
    """Says how good an answer is.

    An error turns the verdict round: 1 - score. Which answers it errs on is a hash of row and
    model, so the engine and the reference meet the same verdicts in any order of asking, and a
    judge that errs more errs on the same answers and on others.

    Attributes:
        error: the share of verdicts that are turned round; 0 is a judge that knows.
        price: what its tokens cost.
        like: a model, as a position in `Pool.models`: the judge knows on the prompts that this
            model answers well, accepts any answer to the others, and writes as much as the model
            did to find out. None for a judge whose errors have nothing to do with the prompt.
        seed: which answers it errs on.
    """

    error: float = 0.0
    price: Prices = (0.0, 0.0)
    like: int | None = None
    seed: int = 3

    def verdict(self, row: Row, model: int) -> float:
        """Give the verdict on a model's answer, 0 to 1."""
        score = row.scores[model]
        if self.like is not None:
            return score if row.scores[self.like] >= 0.5 else 1.0
        return 1.0 - score if self._errs(row.id, model) else score

    def usage(self, row: Row, models: Sequence[int]) -> Usage:
        """Give the tokens of one verdict: instruction, prompt and the models' answers go in."""
        answers = sum(row.usages[model].output_tokens for model in models)
        asked = row.usages[models[0]].input_tokens
        thought = 0 if self.like is None else row.usages[self.like].output_tokens
        return Usage(_RUBRIC + asked + answers, thought + _VERDICT)

    def cost(self, row: Row, models: Sequence[int]) -> int:
        """Give the nano-dollars of one verdict."""
        usage = self.usage(row, models)
        asked, said = (round(price * _NANO_PER_TOKEN) for price in self.price)
        return asked * usage.input_tokens + said * usage.output_tokens

    def _errs(self, row: str, model: int) -> bool:
        digest = hashlib.sha256(f"{self.seed}/{row}/{model}".encode()).digest()
        return int.from_bytes(digest[:8]) < self.error * 2**64
