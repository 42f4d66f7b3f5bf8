"""`confidence`: how sure the model was of its words, where its provider tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from conductor_mw.errors import Failure

from .base import Score, ScorerOptions
from .free import Free

if TYPE_CHECKING:
    from conductor_mw.flows.base import Site
    from conductor_mw.flows.reply import Reply

    from .base import Scorer


class ConfidenceOptions(ScorerOptions):
    """The geometric mean of the probabilities of the answer's tokens."""

    confidence: Literal[True] = Field(description="`true`.")

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        del site
        return Free("confidence", True, _look)


def _look(reply: Reply) -> Score:
    confidence = reply.confidence
    if confidence is None:
        raise Failure(
            "scorer_failed",
            f"the answer of {reply.agent!r} came without the probabilities of its tokens",
            agent=reply.agent,
            mend="write `parameters: {logprobs: true}` on the agent, if its provider tells them",
        )
    return Score(confidence)
