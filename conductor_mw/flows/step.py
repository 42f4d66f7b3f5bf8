"""One step of a sequence: its words in the policy, and what it is once compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from conductor_mw.errors import FAILURE_KINDS

from .base import Flow, Target
from .gives import may_be_scored, shape
from .reply import FIELDS, Reply
from .undo import OWN_TIME, Undo
from .use import UseOptions

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression
    from conductor_mw.rules.types import Type

    from .base import At

GOES_ON: Final = frozenset(FAILURE_KINDS) - {"low_confidence"}
"""What a step may fail with where the flow goes on all the same. A cascade in it that is not
content then gives its answer rather than none."""
OnFailure = Literal["fail", "continue", "skip_rest"]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)]


class StepOptions(UseOptions):
    """One step: a target with its own prompt and limits, and what it means for the others."""

    id: Word | None = Field(
        default=None, description="Its name; later steps read `{<id>.text}` and `<id>.score`."
    )
    when: str | None = Field(
        default=None, description="A condition; where it is false the step is passed over."
    )
    on_failure: OnFailure = Field(
        default="fail",
        description="What its failure means: `fail` the sequence, `continue` with the next step, "
        "or `skip_rest` and give the last good answer.",
    )
    undo: Target | None = Field(
        default=None, description="Who undoes the step when a later one fails."
    )


STEP_WORDS: Final = ("id", "when", "undo")


def _sort(value: object) -> str:
    if isinstance(value, StepOptions):
        return "StepOptions"
    if not isinstance(value, dict):
        return "name"
    # `use` stands below `for_each` as well, which is a flow of its own.
    return "StepOptions" if "use" in value and "for_each" not in value else "flow"


StepEntry = Annotated[
    Annotated[str, Tag("name")]
    | Annotated[StepOptions, Tag("StepOptions")]
    | Annotated[dict[str, Any], Tag("flow")],
    Discriminator(_sort),
]
"""What may stand in the list: a target, or a mapping with `use` and the words of a step."""


@dataclass(frozen=True)
class Step:
    """A compiled step.

    Attributes:
        word: its word in paths: its id, or its position from 1.
        flow: who answers.
        id: its name, or an empty string.
        when: whether it runs, or None where it always does.
        on_failure: what its failure means.
        undo: who undoes it, or None.
        undo_seconds: how long undoing may take, or None where `undo` says so itself.
    """

    word: str
    flow: Flow
    id: str = ""
    when: Expression | None = None
    on_failure: OnFailure = "fail"
    undo: Flow | None = None
    undo_seconds: float | None = OWN_TIME

    @cached_property
    def shape(self) -> Mapping[str, Type]:
        """The declared fields of its answer."""
        return shape(self.flow)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the names of its facts begin with; a name with a hyphen has the long form only."""
        return _names(self.id)

    @cached_property
    def facts(self) -> Mapping[str, Type]:
        """The names of what it gives, with their types."""
        facts = facts_of(self.id, self.shape)
        if may_be_scored(self.flow):
            return facts
        # So that a condition which reads a score that nobody gives is refused at load.
        keys = {"score", "scores"} - self.shape.keys()
        unscored = {f"{name}.{key}" for name in self.names for key in keys}
        return {name: type_ for name, type_ in facts.items() if name not in unscored}

    @property
    def canonical(self) -> object:
        """Its meaning as plain JSON."""
        when = None if self.when is None else self.when.canonical
        undo = None if self.undo is None else [self.undo.canonical, self.undo_seconds]
        return [self.id, when, self.on_failure, self.flow.canonical, undo]

    def told(self, reply: Reply) -> dict[str, object]:
        """Give what later steps may read of its answer."""
        if not self.names:
            return {}
        long, *short = self.names
        facts = reply.facts(long, self.shape)
        if short:
            facts |= {key.removeprefix("steps."): value for key, value in facts.items()}
        return facts

    def done(self, request: Request, at: At) -> None:
        """Remember how to undo it, now that it is done.

        Args:
            request: what it was asked.
            at: the sequence's place, which knows what the step gave.
        """
        if self.undo is not None and at.undos is not None:
            place = at.into(f"undo/{self.word}")
            at.undos.add(Undo(self.undo, request, place, self.undo_seconds))


def facts_of(step: str, shape: Mapping[str, Type]) -> dict[str, Type]:
    """Give the names of what a step gives, with their types; none for a step without id."""
    fields = {**FIELDS, **shape}
    return {f"{name}.{key}": type_ for name in _names(step) for key, type_ in fields.items()}


def _names(step: str) -> tuple[str, ...]:
    if not step:
        return ()
    return (f"steps.{step}",) if "-" in step else (f"steps.{step}", step)
