"""`choose: [{when, use}]`: a branch inside a flow."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw.parts import Part

from .base import Flow, FlowOptions, Site, Target

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression

    from .base import At


class Branch(BaseModel):
    """One branch: the first whose `when` is true is used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = Field(description="A condition over the request's signals.")
    use: Target = Field(description="An agent or a flow.")


class ChooseOptions(FlowOptions):
    """The first branch whose condition is true; `else` where none is."""

    choose: list[Branch] = Field(min_length=1, description="Branches, in order.")
    otherwise: Target = Field(alias="else", description="What is used where no branch is true.")

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        branches = tuple(
            (
                site.condition(branch.when, "choose", n, "when"),
                site.step(branch.use, "choose", n, "use"),
            )
            for n, branch in enumerate(self.choose)
        )
        return Choose(branches, site.step(self.otherwise, "else"))


@dataclass(frozen=True, slots=True)
class Choose:
    """Uses the first branch whose condition is true for the request."""

    branches: Sequence[tuple[Expression, Flow]]
    otherwise: Flow

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "choose"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The branches with their conditions, then `else`."""
        return (*((when.text, flow) for when, flow in self.branches), ("else", self.otherwise))

    @property
    def worst_calls(self) -> int:
        """The dearest branch."""
        return max(flow.worst_calls for _, flow in self.children)

    @property
    def canonical(self) -> object:
        """Order matters here."""
        branches: list[Any] = [[when.canonical, flow.canonical] for when, flow in self.branches]
        return ["choose", branches, self.otherwise.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the chosen branch's parts. Raises `EvaluationError` where a condition fails."""
        word, flow = "else", self.otherwise
        for index, (when, branch) in enumerate(self.branches):
            if await at.evaluate(when):
                word, flow = str(index), branch
                break
        async with aclosing(flow.answer(request, at.into(f"choose/{word}"))) as parts:
            async for part in parts:
                yield part
