"""What every strategy is: a tree of nodes that answer a request with parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from conductor_mw.parts import Parts
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression
    from conductor_mw.run import Run

Target = str | dict[str, Any]
"""What may stand where an agent's name may stand: an id, or a flow written in place."""


@dataclass(frozen=True, slots=True)
class At:
    """Where in a run a node stands.

    Attributes:
        run: the run; it counts calls, keeps outcomes and tells events.
        path: stable words of definition positions, for example `careful/fallback/1`.
        visible: False where the caller must not see the answer while it streams.
    """

    run: Run
    path: str = ""
    visible: bool = True

    def into(self, step: str) -> At:
        """Give the place of a child."""
        return At(self.run, f"{self.path}/{step}" if self.path else step, self.visible)

    def hidden(self) -> At:
        """Give the same place for an answer that the caller must not see streaming."""
        return At(self.run, self.path, visible=False)


class Flow(Protocol):
    """A compiled node. Nodes are immutable and shared by all runs of a policy."""

    @property
    def label(self) -> str:
        """What a drawing writes into the node, for example `fallback` or an agent's id."""
        ...

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The nodes below, each with the word on the arrow, for example `("80 %", node)`."""
        ...

    @property
    def worst_calls(self) -> int:
        """The largest number of calls that one answer of this node can cost, retries included."""
        ...

    @property
    def canonical(self) -> object:
        """The node's meaning as plain JSON, for the policy's fingerprint."""
        ...

    def answer(self, request: Request, at: At) -> Parts:
        """Answer a request. Raises `Failure` if no agent below could."""
        ...


class FlowOptions(BaseModel, ABC):
    """How a policy writes a strategy: a mapping with one marking key, for example `fallback:`.

    Subclass it, give it the marking key as a field of the same name, and register it. Fields that
    hold targets are of type `Target`; `build` compiles them through the site.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @abstractmethod
    def build(self, site: Site) -> Flow:
        """Give the compiled node."""


class Site(Protocol):
    """The place in a policy where a flow is being compiled."""

    def step(self, target: Target, *where: str | int) -> Flow:
        """Compile a child; `where` is its position below the flow, for error messages."""
        ...

    def condition(self, text: str, *where: str | int) -> Expression:
        """Compile a boolean condition over the request's signals."""
        ...

    def value(self, text: str, *where: str | int) -> Expression:
        """Compile an expression of any type over the request's signals."""
        ...

    def refuse(self, problem: str, *where: str | int, mend: str = "") -> NoReturn:
        """Refuse the policy: raise a `PolicyError` that points at this place."""
        ...
