"""`output:` on an agent or a step: an answer that is not JSON of the declared form is a failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from conductor_mw.effects import Io
from conductor_mw.errors import Failure
from conductor_mw.json_example import example_of
from conductor_mw.parts import Part

from .reply import collect

if TYPE_CHECKING:
    from conductor_mw.json_schema import Schema
    from conductor_mw.request import Request

    from .base import At, Flow, Site
    from .reply import Reply


LARGE: Final = 50_000
"""Characters from which an answer is looked at in a thread, so that no event loop waits for it."""


def compile_output(flow: Flow, site: Site, schema: Mapping[str, Any], *where: str | int) -> Output:
    """Give a flow whose answers are those of another one that meet a JSON Schema.

    Args:
        flow: whose answers.
        site: the place of the flow.
        schema: what stands below `output:`.
        where: the position of the mapping that holds it, below the site's flow.
    """
    return Output(flow, site.schema(schema, *where, "output"))


@dataclass(frozen=True, slots=True)
class Output:
    """Gives an answer once it is known to be JSON of the declared form.

    Attributes:
        flow: whose answers.
        schema: what they must meet.
        agent: the agent whose own `output:` this is; empty for a step's.
        worst_calls: the answer; checking it costs no call.
    """

    flow: Flow
    schema: Schema
    agent: str = ""
    # Counted once: agents check each other, and would be counted over and over.
    worst_calls: int = field(init=False, repr=False, compare=False)
    _stand_in: str | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count the answer; checking it costs no call."""
        object.__setattr__(self, "worst_calls", self.flow.worst_calls)
        object.__setattr__(self, "_stand_in", example_of(self.schema))

    @property
    def label(self) -> str:
        """The word in a drawing."""
        return "output"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """Whose answers."""
        return (("", self.flow),)

    @property
    def canonical(self) -> object:
        """Its meaning; for an agent's own check only the id: the fingerprint holds it once."""
        return ["agent", self.agent] if self.agent else self.meaning

    @property
    def meaning(self) -> object:
        """Whose answers, and what they must meet."""
        return ["output", self.flow.canonical, self.schema.source]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the answer. Raises `Failure` of kind `invalid_output` where it has another form."""
        purpose = "candidate" if at.purpose == "answer" else at.purpose
        place = at.hidden(purpose)
        if self._stand_in is not None:
            place = place.standing_in(self._stand_in)
        reply = await collect(self.flow, request, place)
        found: Io[str] = Io(lambda: fault_of(reply, self.schema))
        problem = fault_of(reply, self.schema) if len(reply.text) < LARGE else await found
        if problem:
            raise Failure("invalid_output", f"the answer {problem}", agent=reply.agent)
        for part in reply.parts:
            yield part


def fault_of(reply: Reply, schema: Schema) -> str:
    """Say why an answer does not meet a schema, or give an empty string."""
    if reply.output is None and reply.text.strip() != "null":
        return "is no JSON" if reply.text.strip() else "is empty"
    problems = schema.problems(reply.output)
    return f"does not meet its schema: {'; '.join(problems)}" if problems else ""
