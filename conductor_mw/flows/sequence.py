"""`sequence: [...]`: one step after the other; later steps read what earlier ones gave."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from conductor_mw.errors import nearest
from conductor_mw.parts import Part

from .base import Flow, FlowOptions, Site
from .course import Course
from .gives import fields
from .reply import Reply, attempt, collect
from .step import GOES_ON, STEP_WORDS, Step, StepEntry, StepOptions, facts_of
from .undo import OWN_TIME, begin_undos, settle

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.rules.types import Type

    from .base import At

_RESERVED: Final = frozenset(("answer", "steps", "previous", "transcript"))


def _any_of(schema: dict[str, Any]) -> None:
    # A step fits the open form of a mapping too, so that exactly one of them never would.
    schema["items"] = {"anyOf": schema["items"]["oneOf"]}


class SequenceOptions(FlowOptions):
    """One step after the other."""

    sequence: list[StepEntry] = Field(
        min_length=1,
        max_length=64,
        description="Steps: targets, or mappings with `use`.",
        json_schema_extra=_any_of,
    )
    answer: str | None = Field(
        default=None,
        description="The id of the step whose answer is given; without it the last that answered.",
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        ids = self._ids(site)
        known: dict[str, Type] = {}
        if site.loops:
            # A step may read what a later one gave the time before.
            for entry in self.sequence:
                if isinstance(entry, StepOptions) and entry.id:
                    known |= facts_of(entry.id, fields(entry.output or {}))
        steps: list[Step] = []
        for index, entry in enumerate(self.sequence):
            steps.append(_compiled(entry, site, known, index))
            known |= steps[-1].facts
        if self.answer is not None and self.answer not in ids:
            site.refuse(f"no step {self.answer!r}", "answer", mend=nearest(self.answer, ids))
        chosen = None if self.answer is None else ids[self.answer]
        return InSequence(tuple(steps), chosen, loops=site.loops)

    def _ids(self, site: Site) -> dict[str, int]:
        """Give the position of every step that has a name; refuse names that mean two things."""
        ids: dict[str, int] = {}
        for index, entry in enumerate(self.sequence):
            name = entry.id if isinstance(entry, StepOptions) else None
            if name is None:
                continue
            taken = name if name in _RESERVED else site.taken(name)
            if name in ids:
                taken = f"steps.{name}"
            if taken:
                site.refuse(
                    f"a step cannot be called {name!r}: {taken!r} means something else here",
                    "sequence", index, "id", mend="give the step another name",
                )  # fmt: skip
            ids[name] = index
        return ids


def _compiled(entry: str | StepOptions | dict[str, Any], site: Site, known: Mapping[str, Type],
              index: int) -> Step:  # fmt: skip
    inside = site.within(known)
    if not isinstance(entry, StepOptions):
        own = next((word for word in STEP_WORDS if word in entry), None)
        if isinstance(entry, dict) and own is not None:
            site.refuse(
                f"{own!r} belongs to a step, and this is a flow without one", "sequence", index,
                mend=f"put the flow below `use:`, for example {{{own}: ..., use: {{...}}}}",
            )  # fmt: skip
        return Step(str(index + 1), inside.step(entry, "sequence", index))
    at = ("sequence", index)
    when = None if entry.when is None else inside.condition(entry.when, *at, "when")
    step = Step(
        entry.id or str(index + 1), entry.compiled(inside, *at), entry.id or "", when,
        entry.on_failure,
    )  # fmt: skip
    if entry.undo is None:
        return step
    timed = isinstance(entry.undo, dict) and "timeout" in entry.undo
    after = site.within({**known, **step.facts})
    undo = after.step(entry.undo, *at, "undo")
    return replace(step, undo=undo, undo_seconds=None if timed else OWN_TIME)


@dataclass(frozen=True, slots=True)
class InSequence:
    """Asks its steps one after the other. The last one streams, all others are hidden.

    Attributes:
        steps: the steps, in order.
        chosen: the position of the step whose answer is given, or None for the last that answered.
        loops: whether its steps read what others gave the time before.
    """

    steps: Sequence[Step]
    chosen: int | None = None
    loops: bool = False

    @property
    def label(self) -> str:
        """The strategy's name."""
        return "sequence"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps by their words, then who undoes them."""
        undos = ((f"undo {one.word}", one.undo) for one in self.steps if one.undo is not None)
        return (*((one.word, one.flow) for one in self.steps), *undos)

    @property
    def worst_calls(self) -> int:
        """Every step answers, and every one that can be is undone."""
        return sum(flow.worst_calls for _, flow in self.children)

    @property
    def canonical(self) -> object:
        """Order and names matter here."""
        return ["sequence", [step.canonical for step in self.steps], self.chosen]

    @property
    def facts(self) -> Mapping[str, Type]:
        """The names of what the steps give, with their types."""
        return {name: type_ for step in self.steps for name, type_ in step.facts.items()}

    @property
    def shelf_key(self) -> str:
        """Where on a loop's shelf the steps' facts stand."""
        return f"sequence {id(self)}"

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the parts of the answering step; undo what is done where a step fails."""
        undos = begin_undos(at)
        try:
            async with aclosing(self._walk(request, replace(at, undos=undos))) as parts:
                async for part in parts:
                    yield part
        except BaseException as error:  # also the caller's leaving: what is done must be told
            await settle(undos, error)
            raise
        await settle(undos, None)

    async def _walk(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        course = Course(self, at)
        chosen = None if self.chosen is None else self.steps[self.chosen]
        last = self.steps[-1]
        for step in self.steps:
            here = course.at.into(f"sequence/{step.word}")
            if step.when is not None and not await here.evaluate(step.when):
                course.take(step, request, Reply(here.path, ran=False))
                continue
            if step is last and chosen in (None, last) and step.on_failure == "fail":
                # Nothing after it could change the outcome, and only a loop or `undo` looks back.
                looks = at.shelf is not None or step.undo is not None
                spoken: list[Part] = []
                async with aclosing(step.flow.answer(request, here)) as parts:
                    async for part in parts:
                        spoken.append(part)
                        yield part
                if looks:
                    outcomes = at.run.outcomes_below(here.path)
                    course.take(step, request, Reply(here.path, spoken, None, outcomes))
                return
            reply = await self._asked(step, request, here)
            course.take(step, request, reply)
            if reply.failure is not None and step.on_failure == "skip_rest":
                course.cut = True
                break
        for part in course.result(chosen).parts:
            yield part

    async def _asked(self, step: Step, request: Request, here: At) -> Reply:
        """Give a hidden step's answer, or how it failed where the sequence goes on all the same."""
        place = here.hidden("step")
        if step.on_failure == "fail":
            return await collect(step.flow, request, place)
        return await attempt(step.flow, request, place.judged().rescuing(GOES_ON))
