"""`not_refusal`: 0 for an answer that declines to answer, else 1; it costs no token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from conductor_mw.refusal import refuses

from .base import Score, ScorerOptions
from .free import Free

if TYPE_CHECKING:
    from conductor_mw.flows.base import Site
    from conductor_mw.flows.reply import Reply

    from .base import Scorer


class NotRefusalOptions(ScorerOptions):
    """Scores whether an answer is an answer (en, de, fr, es, it, pt, nl, zh, ja, ko)."""

    not_refusal: Literal[True] = Field(description="`true`.")

    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
        del site
        return Free("not_refusal", True, _look)


def _look(reply: Reply) -> Score:
    if refuses(reply.text, reply.finish):
        return Score(0.0, "it declines to answer")
    return Score(1.0)
