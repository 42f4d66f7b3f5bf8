"""A flow that the policy gave a name: written once, used wherever its name stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conductor_mw.parts import Parts
    from conductor_mw.request import Request

    from .base import At, Flow


@dataclass(frozen=True, slots=True)
class Named:
    """Stands for a flow below `flows:`. One object for each name, shared by all who use it."""

    name: str
    flow: Flow
    worst_calls: int

    @property
    def label(self) -> str:
        """The flow's name."""
        return self.name

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The flow itself."""
        return (("", self.flow),)

    @property
    def canonical(self) -> object:
        """Its name only: the fingerprint holds every named flow once."""
        return ["flow", self.name]

    def answer(self, request: Request, at: At) -> Parts:
        """Give the flow's parts."""
        return self.flow.answer(request, at.into(self.name))
