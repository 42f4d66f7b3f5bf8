"""What every way to score an answer is: a reply goes in, a number from 0 to 1 comes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, WithJsonSchema

if TYPE_CHECKING:
    from conductor_mw.flows.base import At, Flow, Site
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request

FORMS: list[Any] = [{"type": "string"}, {"type": "object"}, {"type": "array"}]
Spec = Annotated[str | dict[str, Any] | list[Any], WithJsonSchema({"anyOf": FORMS})]
"""What may stand below `score:`: a scorer's name, a mapping with its marking key, or a list."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good an answer is.

    Attributes:
        value: from 0 to 1.
        because: why, in one sentence, for the record.
        scores: where several scorers were asked, what each of them gave, by its name.
    """

    value: float
    because: str = ""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


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
            at: where, the scorer's own place; what it asks is recorded below this path.

        Raises:
            Failure: it found no score; whatever the kind, that counts as `scorer_failed`.
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
