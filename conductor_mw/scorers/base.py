"""What every way to score an answer is: a reply goes in, a number from 0 to 1 comes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from conductor_mw.flows.base import At, Flow, Site
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request


@dataclass(frozen=True, slots=True)
class Score:
    """How good an answer is.

    Attributes:
        value: from 0 to 1.
        because: why, in one sentence, for the record.
    """

    value: float
    because: str = ""


class Scorer(Protocol):
    """A compiled scorer. Scorers are immutable and shared by all runs of a policy."""

    @property
    def label(self) -> str:
        """Its name in `answer.scores` and in a drawing, for example `valid_json`."""
        ...

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The flows that it asks, each with the word on the arrow; none for a free scorer."""
        ...

    @property
    def worst_calls(self) -> int:
        """The largest number of calls that one score can cost; 0 for a free scorer."""
        ...

    @property
    def canonical(self) -> object:
        """The scorer's meaning as plain JSON, for the policy's fingerprint."""
        ...

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        """Score an answer.

        Args:
            request: what was asked.
            reply: what was answered.
            at: where; what the scorer asks is recorded below this path.

        Raises:
            Failure: of kind `scorer_failed`; a scorer that fails is never a pass.
        """
        ...


class ScorerOptions(BaseModel, ABC):
    """How a policy writes a scorer: a mapping with one marking key, for example `judge:`.

    Subclass it, give it the marking key as a field of the same name, and register it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def from_name(cls, name: str) -> dict[str, Any]:
        """Give the mapping for the short form, where the name alone stands below `score:`."""
        return {name: True}

    @abstractmethod
    def build(self, site: Site) -> Scorer:
        """Give the compiled scorer."""
