"""`retry:` on a step: the whole step again after a failure, also with other parameters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from conductor_mw.agents.base import RETRIED, Retry
from conductor_mw.durations import Duration
from conductor_mw.effects import Now, Random, Sleep
from conductor_mw.errors import Failure, FailureKind
from conductor_mw.parts import Part

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow

_USUAL = Retry()


class AgainOptions(BaseModel):
    """How often a step is tried again, after which failures, and with which parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(default=1, ge=0, le=20, description="Further tries after the first.")
    on: list[FailureKind] | None = Field(
        default=None,
        min_length=1,
        description="The kinds of failure that are tried again; without it timeout, connection, "
        "rate_limit and server_error.",
    )
    wait: Duration | None = Field(
        default=None, description="The first wait; it doubles with every try."
    )
    longest: Duration | None = Field(default=None, description="The longest wait.")
    parameters: list[dict[str, Any]] = Field(
        default_factory=list[dict[str, Any]],
        alias="with",
        max_length=20,
        description="Parameters of the second try, of the third ...; the last are kept.",
    )


Tries = Annotated[int, Field(ge=0, le=20)] | AgainOptions
"""What may stand below a step's `retry:`."""


def compile_again(flow: Flow, stated: Tries | None) -> Flow:
    """Give a flow that is tried again as stated; the flow itself where it is not."""
    if stated is None or stated == 0:
        return flow
    options = AgainOptions(times=stated) if isinstance(stated, int) else stated
    if options.times == 0:
        return flow
    retry = Retry(
        options.times,
        RETRIED if options.on is None else frozenset(options.on),
        _USUAL.wait if options.wait is None else options.wait,
        _USUAL.longest if options.longest is None else options.longest,
    )
    return Again(flow, retry, tuple(options.parameters))


@dataclass(frozen=True, slots=True)
class Again:
    """Asks its step again, as a new question, where it failed before the caller saw a part."""

    flow: Flow
    retry: Retry
    parameters: Sequence[Mapping[str, Any]] = ()

    @property
    def label(self) -> str:
        """How often, for example `retry 2`."""
        return f"retry {self.retry.times}"

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The step."""
        return (("", self.flow),)

    @property
    def worst_calls(self) -> int:
        """Every try fails but the last."""
        return (1 + self.retry.times) * self.flow.worst_calls

    @property
    def canonical(self) -> object:
        """How often, after what, with what."""
        retry = self.retry
        meaning = [retry.times, sorted(retry.on), retry.wait, retry.longest]
        return ["retry", [*meaning, [dict(one) for one in self.parameters]], self.flow.canonical]

    async def answer(self, request: Request, at: At) -> AsyncGenerator[Part, None]:
        """Give the parts of the first try that answers."""
        number = 1
        while True:
            asked, place = self._try(number, request, at)
            spoken = False
            try:
                async with aclosing(self.flow.answer(asked, place)) as parts:
                    async for part in parts:
                        spoken = spoken or part.speaks
                        yield part
            except Failure as failure:
                if spoken or not await once_more(self.retry, failure, number, at):
                    raise
            else:
                return
            number += 1

    def _try(self, number: int, request: Request, at: At) -> tuple[Request, At]:
        if number == 1:
            return request, at
        at = at.into(f"try#{number}")
        if not self.parameters:
            return request, at
        others = self.parameters[min(number - 2, len(self.parameters) - 1)]
        return request.with_native(request.lens.with_parameters(request.native, others)), at


_OF_THE_ANSWER: Final[frozenset[FailureKind]] = frozenset(
    ("refusal", "invalid_output", "low_confidence", "context_overflow")
)
"""What was wrong with an answer does not get better by waiting; nobody was overloaded."""


async def once_more(retry: Retry, failure: Failure, number: int, at: At) -> bool:
    """Wait for the next try, and say whether there is one.

    Args:
        retry: how often, after what, how long between.
        failure: how the last try failed.
        number: which try that was, from 1.
        at: where.
    """
    if number > retry.times or failure.kind not in retry.on:
        return False
    wait = await Random() * min(retry.longest, retry.wait * 2 ** (number - 1))
    if failure.kind in _OF_THE_ANSWER:
        wait = 0.0
    if failure.retry_after is not None:
        if failure.retry_after > retry.longest:
            return False
        wait = max(wait, failure.retry_after)
    if at.deadline is not None and (await Now()).monotonic + wait >= at.deadline:
        return False
    await at.run.tell("retry", at.path, number, kind=failure.kind, wait=wait)
    await Sleep(wait)
    return True
