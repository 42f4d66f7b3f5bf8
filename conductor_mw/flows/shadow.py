"""`shadow: b` beside a step: the same request to b as well, afterwards, unseen, and compared.

A shadow begins when the run has ended. So it never delays an answer, never breaks one, and never
takes a call or a cent that a guarantee would have let the answer have.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw.durations import Duration
from conductor_mw.effects import Now, Random
from conductor_mw.errors import Failure
from conductor_mw.parts import Part

from .accepting import compile_judging
from .base import Flow, Site, Target
from .below import agents_below
from .reply import Reply, attempt

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .accepting import Judging
    from .base import At

_LONGEST: Final = 60.0


class ShadowOptions(BaseModel):
    """Who else is asked, how often, and how the two answers are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: Target = Field(description="An agent or a flow.")
    percent: float = Field(default=100.0, gt=0, le=100, description="The share of requests.")
    timeout: Duration = Field(default=_LONGEST, description="How long the shadow may take.")
    score: Any = Field(default=None, description="How both answers are scored, as for `score:`.")


def compile_shadow(flow: Flow, site: Site, spec: object, *where: str | int) -> Flow:
    """Give a flow with a shadow beside it.

    Args:
        flow: the step.
        site: where it stands.
        spec: what stands below `shadow:`: a target, or a mapping of `ShadowOptions`.
        where: the place of `spec` below the site.
    """
    if isinstance(spec, dict) and "use" in spec:
        options = site.options(ShadowOptions, cast("dict[str, Any]", spec), *where)
        use = (*where, "use")
    elif isinstance(spec, str | dict):
        options = ShadowOptions(use=cast("Target", spec))
        use = where
    else:
        site.refuse("must be an agent, a flow, or a mapping with `use`", *where)
    judging = None
    shadow = site.step(options.use, *use)
    _refuse_people(site, [shadow], *use)
    if options.score is not None:
        judging = compile_judging(site, options.score, None, *where)
        _refuse_people(site, [flow for _, flow in judging.children], *where, "score")
    return Shadowed(flow, shadow, options.percent / 100, options.timeout, judging)


def _refuse_people(site: Site, flows: Sequence[Flow], *where: str | int) -> None:
    people = [agent.id for agent in agents_below(flows).values() if agent.kind == "human"]
    if people:
        site.refuse(
            f"a shadow would ask {people[0]!r}, and people would decide what nobody waits for",
            *where,
            mend="shadow with a model or a worker",
        )


@dataclass(frozen=True, slots=True)
class Shadowed:
    """Answers as its step does, and leaves a shadow behind."""

    flow: Flow
    shadow: Flow
    share: float
    timeout: float
    judging: Judging | None

    @property
    def label(self) -> str:
        """The word in a drawing."""
        return "shadow"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The step, the shadow, and whoever scores them."""
        judges = () if self.judging is None else self.judging.children
        return (("", self.flow), ("shadow", self.shadow), *judges)

    @property
    def worst_calls(self) -> int:
        """The step, then the shadow, then a score for each of them."""
        scores = 0 if self.judging is None else 2 * self.judging.worst_calls
        return self.flow.worst_calls + self.shadow.worst_calls + scores

    @property
    def canonical(self) -> object:
        """The step, the shadow and how often."""
        judging = None if self.judging is None else self.judging.canonical
        meaning = [self.shadow.canonical, self.share, self.timeout, judging]
        return ["shadow", self.flow.canonical, meaning]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the step's parts as they come."""
        parts: list[Part] = []
        failure: Failure | None = None
        whole = False
        try:
            async with aclosing(self.flow.answer(request, at)) as answering:
                async for part in answering:
                    parts.append(part)
                    # Whoever has the last part may ask for no further one.
                    whole = whole or bool(part.finish)
                    yield part
            whole = True
        except Failure as error:
            failure = error
            raise
        finally:
            # A caller who stopped reading has no whole answer to compare with.
            if failure is not None or whole:
                outcomes = at.run.outcomes_below(at.path)
                reply = Reply(at.path, parts, failure, outcomes)
                await self._leave(request, at, reply)

    async def _leave(self, request: Request, at: At, reply: Reply) -> None:
        """Remember the shadow; the run begins it when it has ended."""
        if self.share >= 1 or await Random() < self.share:
            at.run.leave(lambda: self._follow(request, at, reply))

    async def _follow(self, request: Request, at: At, reply: Reply) -> None:
        place = replace(at.into("shadow"), deadline=None, known=at.known).hidden("shadow")
        place = place.within(self.timeout, (await Now()).monotonic)
        other = await attempt(self.shadow, request, place)
        if self.judging is not None:
            reply = await self._rated(request, reply, place.into("answer"))
            other = await self._rated(request, other, place.into("shadow"))
        await at.run.tell(
            "shadow_compared",
            at.path,
            same=_normal(reply.text) == _normal(other.text),
            answer=_told(reply),
            shadow=_told(other),
        )

    async def _rated(self, request: Request, reply: Reply, at: At) -> Reply:
        if self.judging is None or reply.failure is not None:
            return reply
        try:
            return await self.judging.rate(request, reply, at)
        except Failure as failure:
            return replace(reply, failure=failure)


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()


def _told(reply: Reply) -> dict[str, object]:
    return {
        "agent": reply.agent,
        "kind": None if reply.failure is None else reply.failure.kind,
        "score": reply.rating.score,
        "dollars": reply.dollars,
        "seconds": reply.seconds,
        "chars": len(reply.text),
    }
