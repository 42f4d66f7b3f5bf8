"""`repeat: x`: the same step again, with other parameters, until its answer is good enough."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from pydantic import Field

from conductor_mw.errors import Failure
from conductor_mw.parts import Part

from .accepting import Judging, compile_judging
from .base import Flow, FlowOptions, Site, Target
from .gives import blank, giver
from .reply import FIELDS, Reply, attempt, collect
from .step import GOES_ON
from .undo import begin_undos, settle

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.rules import Type

    from .base import At

OnFailure = Literal["fail", "continue"]
PREVIOUS: Final = "previous"
_NOTHING_YET: Final = blank(PREVIOUS, FIELDS)


class RepeatOptions(FlowOptions):
    """The same step again, until its answer is good enough."""

    repeat: Target = Field(description="An agent or a flow.")
    until: str | None = Field(
        default=None,
        description="A condition over `answer.*`, `previous.*` and the steps inside, for example "
        "`steps.verify.score`. With `score:` alone it is `answer.score >= 0.5`.",
    )
    score: Any = Field(default=None, description="How an answer is scored: one scorer or several.")
    max: int = Field(default=3, ge=1, le=20, description="How often it runs at most.")
    parameters: list[dict[str, Any]] = Field(
        default_factory=list[dict[str, Any]],
        alias="with",
        max_length=20,
        description="Parameters of the first time, of the second ...; the last are kept.",
    )
    on_failure: OnFailure = Field(
        default="fail",
        description="A time that fails: `fail` at once, or `continue` with the next.",
    )

    def build(self, site: Site) -> Flow:
        """Give the compiled node."""
        if self.until is None and self.score is None:
            site.refuse(
                "nothing says when the answer is good enough",
                "repeat",
                mend='add `until:`, `score:` or both, for example `until: "answer.chars > 20"`',
            )
        taken = "" if site.loops else site.taken(PREVIOUS)
        if taken:
            site.refuse(
                f"{taken!r} means something else in a loop", "repeat", mend="rename the signal"
            )
        previous = {f"{PREVIOUS}.{key}": type_ for key, type_ in FIELDS.items()}
        flow = site.within(previous, loops=True).step(self.repeat, "repeat")
        inside = giver(flow)
        steps: Mapping[str, Type] = {} if inside is None else inside.facts
        inner = site.within({**previous, **steps})
        judging = compile_judging(inner, self.score, self.until, key="until")
        shelf_key = "" if inside is None else inside.shelf_key
        return Repeat(flow, judging, self.max, tuple(self.parameters), self.on_failure, shelf_key)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Asks its step again until the answer is good enough. No answer streams."""

    step: Flow
    judging: Judging
    times: int
    parameters: Sequence[Mapping[str, Any]]
    on_failure: OnFailure
    shelf_key: str

    @property
    def label(self) -> str:
        """How often, for example `repeat, at most 3`."""
        return f"repeat, at most {self.times}"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The step, then whom the scorers ask."""
        return (("", self.step), *self.judging.children)

    @property
    def worst_calls(self) -> int:
        """Every time is asked and scored."""
        return self.times * (self.step.worst_calls + self.judging.worst_calls)

    @property
    def canonical(self) -> object:
        """What, until when, how often, with what."""
        parameters = [dict(one) for one in self.parameters]
        meaning = [self.judging.canonical, self.times, parameters, self.on_failure]
        return ["repeat", self.step.canonical, meaning]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the first answer that is good enough; where there is none, the last.

        Raises:
            Failure: no time answered; or, of kind `low_confidence`, no answer was good enough and
                somebody stands ready for that.
        """
        undos = begin_undos(at)
        try:
            best = await self._best(request, replace(at, undos=undos, shelf={}))
        except BaseException as error:  # also the caller's leaving: what is done must be told
            await settle(undos, error)
            raise
        await settle(undos, None)
        for part in best.parts:
            yield part

    async def _best(self, request: Request, at: At) -> Reply:
        best: Reply | None = None
        failure: Failure | None = None
        known = _NOTHING_YET
        for number in range(1, self.times + 1):
            here = at.knowing(known).into(f"repeat#{number}").hidden("step").judged()
            reply = await self._once(self._asked(request, number), here)
            failure = reply.failure
            if failure is None:
                best = reply
                if reply.rating.accepted:
                    return reply
            kind = "low_confidence" if failure is None else failure.kind
            await at.run.tell("repeated", at.path, number, kind=kind, score=reply.rating.score)
            known = _NOTHING_YET | reply.facts(PREVIOUS)
        if best is None:
            raise failure or AssertionError("a loop runs at least once")
        if "low_confidence" in at.rescued:
            raise Failure(
                "low_confidence", "no answer of the loop was good enough", agent=best.agent
            )
        return best

    async def _once(self, request: Request, at: At) -> Reply:
        """Give one time's answer with what was found of it, or how it failed."""
        if self.on_failure == "fail":
            return await self._judged(await collect(self.step, request, at), request, at)
        reply = await attempt(self.step, request, at.rescuing(GOES_ON))
        if reply.failure is not None:
            return reply
        try:
            return await self._judged(reply, request, at)
        except Failure as failure:
            return replace(reply, parts=(), failure=failure)

    async def _judged(self, reply: Reply, request: Request, at: At) -> Reply:
        if self.shelf_key and at.shelf is not None:
            at = at.knowing(cast("Mapping[str, object]", at.shelf.get(self.shelf_key, {})))
        return await self.judging.rate(request, reply, at)

    def _asked(self, request: Request, number: int) -> Request:
        if not self.parameters:
            return request
        chosen = self.parameters[min(number, len(self.parameters)) - 1]
        return request.with_native(request.lens.with_parameters(request.native, chosen))
