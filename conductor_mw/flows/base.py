"""What every strategy is: a tree of nodes that answer a request with parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from conductor_mw.effects import NO_TERMS, STAND_IN
from conductor_mw.errors import FailureKind
from conductor_mw.parts import Purpose

if TYPE_CHECKING:
    from conductor_mw.json_schema import Schema
    from conductor_mw.parts import Parts
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression, Type
    from conductor_mw.run import Run
    from conductor_mw.scorers.base import Scorer

    from .template import Template
    from .undo import Undos

Target = str | dict[str, Any]
"""What may stand where an agent's name may stand: an id, or a flow written in place."""


_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_STICKY: Final[frozenset[Purpose]] = frozenset(("shadow", "undo", "signal"))


# Not frozen, though nobody changes one: every step of every run makes some, and a frozen one takes
# four times as long to make.
@dataclass(slots=True)
class At:
    """Where in a run a node stands.

    Attributes:
        run: the run; it counts calls, keeps outcomes and tells events.
        path: stable words of definition positions, for example `careful/fallback/1`.
        visible: False where the caller must not see the answer while it streams.
        purpose: what the answer is for.
        deadline: monotonic second at which the node must be over, or None.
        known: what earlier steps gave, by the names that conditions read, for example
            `steps.draft.text`.
        rescued: the kinds of failure for which somebody above stands ready.
        terms: what the step says beside the request; see `Attempt`.
        shelf: where steps put what they gave, for a loop that reads it; None outside a loop.
        undos: where steps that are done put what would undo them; None where nobody would run it.
        raced: whether others answer the same beside it, of whom the caller sees the first.
    """

    run: Run
    path: str = ""
    visible: bool = True
    purpose: Purpose = "answer"
    deadline: float | None = None
    known: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    rescued: frozenset[FailureKind] = frozenset()
    terms: Mapping[str, object] = field(default_factory=lambda: NO_TERMS)
    shelf: dict[str, object] | None = None
    undos: Undos | None = None
    raced: bool = False

    def into(self, step: str) -> At:
        """Give the place of a child."""
        return At(
            self.run,
            f"{self.path}/{step}" if self.path else step,
            self.visible,
            self.purpose,
            self.deadline,
            self.known,
            self.rescued,
            self.terms,
            self.shelf,
            self.undos,
            self.raced,
        )

    def hidden(self, purpose: Purpose) -> At:
        """Give the same place for an answer that the caller must not see streaming.

        What a shadow, an undo or a signal asks stays that, however deep it is.
        """
        kept = self.purpose if self.purpose in _STICKY else purpose
        return At(
            self.run,
            self.path,
            False,
            kept,
            self.deadline,
            self.known,
            self.rescued,
            self.terms,
            self.shelf,
            self.undos,
            self.raced,
        )

    def racing(self) -> At:
        """Give the same place for one of several answers of which the caller sees the first."""
        return replace(self, raced=True)

    def knowing(self, facts: Mapping[str, object]) -> At:
        """Give the same place where conditions and templates may read these facts as well."""
        return replace(self, known={**self.known, **facts})

    def standing_in(self, text: str) -> At:
        """Give the same place, with what a simulated agent may say where it has no words."""
        return replace(self, terms={**self.terms, STAND_IN: text})

    def rescuing(self, kinds: Collection[FailureKind]) -> At:
        """Give the same place below somebody who stands ready for these kinds of failure."""
        rescued = self.rescued.union(kinds)
        return self if rescued == self.rescued else self._ready_for(rescued)

    def judged(self) -> At:
        """Give the same place for an answer that whoever asks for it judges, or can do without.

        Below it a cascade that is not content gives its answer, also where somebody further up
        stands ready: whether that is needed is not known yet.
        """
        if "low_confidence" not in self.rescued:
            return self
        return self._ready_for(self.rescued - {"low_confidence"})

    def _ready_for(self, rescued: frozenset[FailureKind]) -> At:
        # By hand, as above: `replace` takes four times as long, and every step of a flow does it.
        return At(
            self.run,
            self.path,
            self.visible,
            self.purpose,
            self.deadline,
            self.known,
            rescued,
            self.terms,
            self.shelf,
            self.undos,
            self.raced,
        )

    def within(self, seconds: float | None, now: float) -> At:
        """Give the same place with a deadline that is not later than `seconds` from `now`."""
        if seconds is None:
            return self
        limit = now + seconds
        return replace(self, deadline=limit if self.deadline is None else min(limit, self.deadline))

    async def evaluate(
        self, expression: Expression, more: Mapping[str, object] | None = None
    ) -> object:
        """Give the value of an expression here: over the request's signals and what is known.

        Signals that somebody must be asked for are asked for now.

        Args:
            expression: the compiled expression.
            more: facts that hold for this evaluation only, for example `answer.score`.

        Raises:
            EvaluationError: it has no value.
        """
        known = {**self.known, **more} if more else self.known
        return await self.run.evaluate(expression, known, self)


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


M = TypeVar("M", bound=BaseModel)


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

    def number(self, text: str, *where: str | int) -> Expression:
        """Compile a formula over the request's signals; its values are floats."""
        ...

    def template(self, text: str, *where: str | int) -> Template:
        """Compile a text with places for values."""
        ...

    def scorer(self, spec: object, *where: str | int) -> Scorer:
        """Compile what stands below `score:`: one way to score an answer, or a list of several."""
        ...

    def schema(self, schema: Mapping[str, Any], *where: str | int) -> Schema:
        """Compile a JSON Schema; those of a policy have a common bound."""
        ...

    def worker(self, value: object, *where: str | int) -> Flow:
        """Compile a worker that stands here rather than below `agents:`; its address or mapping."""
        ...

    def within(self, names: Mapping[str, Type], *, loops: bool = False) -> Self:
        """Give the same site where conditions and templates may read further facts.

        Flows written in place may read them too; a flow with a name may not, since it can be used
        elsewhere.

        Args:
            names: the facts with their types, for example `answer.score` or `steps.draft.text`.
            loops: whether what is compiled runs again, so that a step may read a later one's
                answer of the time before.
        """
        ...

    @property
    def loops(self) -> bool:
        """Whether what is compiled here runs again, with what it gave the time before."""
        ...

    def taken(self, word: str) -> str:
        """Give a signal or fact whose name begins with this word; '' where there is none."""
        ...

    def options(self, model: type[M], given: Mapping[str, Any], *where: str | int) -> M:
        """Read a mapping below the flow; what is wrong in it is told at its place."""
        ...

    def refuse(self, problem: str, *where: str | int, mend: str = "") -> NoReturn:
        """Refuse the policy: raise a `PolicyError` that points at this place."""
        ...
