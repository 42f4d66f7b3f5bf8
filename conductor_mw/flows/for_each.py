"""`for_each: "{plan.items}"`: the same step for every item of a list, several at once."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pydantic import Field, StringConstraints

from conductor_mw.effects import Gather, Settled
from conductor_mw.errors import EvaluationError, Failure
from conductor_mw.parts import Origin, Part, Rating
from conductor_mw.rules.types import DYN, INT, STRING, list_of

from .base import Flow, FlowOptions, Site, Target
from .reply import Reply, attempt, collect
from .step import GOES_ON
from .undo import begin_undos, settle

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.rules import Expression

    from .base import At

Beyond = Literal["fail", "cut"]
OnFailure = Literal["fail", "continue"]
MOST: Final = 64
ANSWERS: Final = "answers"
_ID: Final = re.compile(r"[a-z][a-z0-9_-]*")


class ForEachOptions(FlowOptions):
    """The same step for every item of a list."""

    for_each: str = Field(description='Where the list comes from, for example "{plan.items}".')
    use: Target = Field(description="Who is asked for each item; its prompt may read `{item}`.")
    max: int = Field(ge=1, le=MOST, description="How many items there may be.")
    beyond: Beyond = Field(
        default="fail",
        description="More items than `max`: `fail` as `invalid_output`, or `cut` the rest off.",
    )
    item: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)] = Field(
        default="item", alias="as", description="What an item is called in prompts and conditions."
    )
    at_once: int = Field(default=4, ge=1, le=MOST, description="How many are asked at once.")
    join: str | dict[str, Any] = Field(
        default="\n\n",
        description="How the answers become one: the text between them, or a flow written in "
        "place whose prompt reads `{answers}`.",
    )
    on_failure: OnFailure = Field(
        default="fail",
        description="An item that fails: `fail` the whole, or `continue` without it.",
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        items = self._items(site)
        index = "index" if self.item == "item" else f"{self.item}_index"
        for name in (self.item, index):
            if taken := site.taken(name):
                site.refuse(
                    f"an item cannot be called {self.item!r}: {taken!r} means something else here",
                    "as" if "as" in self.model_fields_set else "for_each",
                    mend="give it another name, for example `as: topic`",
                )
        step = site.within({self.item: DYN, index: INT}).step(self.use, "use")
        join = self.join if isinstance(self.join, str) else None
        if join is not None and _ID.fullmatch(join):
            site.refuse(
                f"{join!r} would stand between the answers as a text", "join",
                mend=f"write `join: {{use: {join}, prompt: ...}}` for an agent that joins them",
            )  # fmt: skip
        joiner = None
        if isinstance(self.join, dict):
            joiner = site.within({ANSWERS: list_of(STRING)}).step(self.join, "join")
        return ForEach(
            items, step, (self.item, index), self.max, self.beyond, self.at_once, self.on_failure,
            join or "", joiner,
        )  # fmt: skip

    def _items(self, site: Site) -> Expression:
        value = site.template(self.for_each, "for_each").value
        if value is None:
            site.refuse(
                "this is a text, and a list is needed", "for_each",
                mend='write one place and nothing else, for example "{plan.items}"',
            )  # fmt: skip
        given = value.node.type
        if given.kind not in ("list", "dyn"):
            site.refuse(f"{self.for_each} is {given}, and a list is needed", "for_each")
        return value


@dataclass(frozen=True, slots=True)
class ForEach:
    """Asks its step for every item, several at once, and joins the answers in the list's order.

    Attributes:
        items: gives the list.
        step: who is asked for each item.
        names: what an item and its position, from 0, are called.
        most: how many items there may be.
        beyond: what more of them mean.
        at_once: how many are asked at once.
        on_failure: what an item that fails means.
        between: the text between two answers.
        joiner: who makes one answer of them, or None.
    """

    items: Expression
    step: Flow
    names: tuple[str, str]
    most: int
    beyond: Beyond
    at_once: int
    on_failure: OnFailure
    between: str
    joiner: Flow | None

    @property
    def label(self) -> str:
        """The strategy's name and its bound."""
        return f"for each, at most {self.most}"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The step, then who joins."""
        joiner = () if self.joiner is None else (("join", self.joiner),)
        return (("", self.step), *joiner)

    @property
    def worst_calls(self) -> int:
        """The longest list, and joining it."""
        joining = 0 if self.joiner is None else self.joiner.worst_calls
        return self.most * self.step.worst_calls + joining

    @property
    def canonical(self) -> object:
        """The list, the limits, who is asked and who joins."""
        joiner = None if self.joiner is None else self.joiner.canonical
        limits = [self.most, self.beyond, self.at_once, self.on_failure]
        names = list(self.names)
        join = [self.between, joiner]
        return ["for_each", self.items.canonical, names, limits, self.step.canonical, join]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the joined answers. Raises `Failure` where an item failed, or there is no list."""
        undos = begin_undos(at)
        place = replace(at, undos=undos, shelf=None)
        try:
            replies = await self._replies(request, place)
            async with aclosing(self._joined(request, place, replies)) as parts:
                async for part in parts:
                    yield part
        except BaseException as error:  # also the caller's leaving: what is done must be told
            await settle(undos, error)
            raise
        await settle(undos, None)

    async def _replies(self, request: Request, at: At) -> Sequence[Reply]:
        """Give the answers of the items, in their order."""
        values = await self._values(at)
        replies: dict[int, Reply] = {}
        waiting = deque(range(len(values)))

        async def work() -> None:
            while True:
                try:
                    index = waiting.popleft()
                except IndexError:
                    return
                facts = dict(zip(self.names, (values[index], index), strict=True))
                here = at.knowing(facts).into(f"for_each/{index}").hidden("step")
                replies[index] = await self._one(request, here)

        branches = (work,) * min(self.at_once, len(values))
        for ended in await Gather(branches, _failed, at.deadline):
            if ended.error is not None:
                raise ended.error
        for index in range(len(values)):
            if index not in replies:
                late = Failure("timeout", f"item {index} was not answered in time")
                if self.on_failure == "fail":
                    raise late
                replies[index] = Reply(failure=late)
        answered = [replies[index] for index in sorted(replies)]
        failures = [one.failure for one in answered if one.failure is not None]
        if failures and len(failures) == len(values):
            raise failures[-1]
        return [one for one in answered if one.failure is None]

    async def _one(self, request: Request, at: At) -> Reply:
        if self.on_failure == "fail":
            return await collect(self.step, request, at)
        return await attempt(self.step, request, at.judged().rescuing(GOES_ON))

    async def _values(self, at: At) -> Sequence[object]:
        try:
            found = await at.evaluate(self.items)
        except EvaluationError as error:
            problem = f"there is no list {{{self.items.text}}}: {error.problem}"
            raise Failure("invalid_output", problem) from error
        if not isinstance(found, list | tuple):
            raise Failure("invalid_output", f"{{{self.items.text}}} is no list")
        values = cast("Sequence[object]", found)
        if len(values) > self.most and self.beyond == "fail":
            problem = f"{{{self.items.text}}} has {len(values)} items, {self.most} are allowed"
            raise Failure("invalid_output", problem)
        return values[: self.most]

    async def _joined(
        self, request: Request, at: At, replies: Sequence[Reply]
    ) -> AsyncGenerator[Part, None]:
        if self.joiner is not None:
            place = at.knowing({ANSWERS: [one.text for one in replies]}).into("for_each/join")
            async with aclosing(self.joiner.answer(request, place)) as parts:
                async for part in parts:
                    yield part
            return
        for position, reply in enumerate(replies):
            text = (self.between if position else "") + reply.text
            yield Part(text, origin=Origin(reply.agent, reply.path))
        refused = any(one.rating.accepted is False for one in replies)
        yield Part(finish="stop", rating=Rating(accepted=False) if refused else None)


def _failed(ended: tuple[Settled[None], ...]) -> bool:
    return any(one.error is not None for one in ended)
