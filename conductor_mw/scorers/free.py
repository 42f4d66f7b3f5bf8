"""A scorer that asks nobody: it looks at the answer and costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conductor_mw.effects import Io
from conductor_mw.flows.output import LARGE

if TYPE_CHECKING:
    from conductor_mw.flows.base import At, Flow
    from conductor_mw.flows.reply import Reply
    from conductor_mw.request import Request

    from .base import Score


@dataclass(frozen=True, slots=True)
class Free:
    """Scores an answer by a function of it.

    Attributes:
        label: its name.
        meaning: what it was told in the policy, as plain JSON.
        look: the function.
    """

    label: str
    meaning: object
    look: Callable[[Reply], Score] = field(repr=False)

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
        """Its name and what it was told."""
        return [self.label, self.meaning]

    async def score(self, request: Request, reply: Reply, at: At) -> Score:
        """Give the score."""
        del request, at
        if len(reply.text) < LARGE:
            return self.look(reply)
        looked: Io[Score] = Io(lambda: self.look(reply))
        return await looked
