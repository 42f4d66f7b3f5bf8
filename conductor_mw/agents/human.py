"""`human:` people who answer: the run waits at a gate until they decide, or until its deadline.

Nobody is told here. People look into the queue (`conductor-mw review list`), or the app asks them
in its own way (`Conductor(..., approvals=)`).
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from pydantic import Field, model_validator

from conductor_mw.durations import Duration
from conductor_mw.effects import Attempt, Gather, Instant, Io, Now, Sleep
from conductor_mw.errors import ColourError, ConductorError, Failure, FailureKind, Unwind
from conductor_mw.gates import (
    DEADLINE,
    LARGEST_TEXT,
    MOST_PEOPLE,
    Approvals,
    Choice,
    Gate,
    Gates,
    OnTimeout,
    Verdict,
    Visit,
    told,
    visit_of,
)
from conductor_mw.gates.record import problem_of_terms, too_large
from conductor_mw.parts import Part, Usage

from .base import Agent, AgentOptions, Speaker

if TYPE_CHECKING:
    from conductor_mw.setting import Setting

_DAY: Final = 86_400.0
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 0.8
_SLOWER: Final = 1.1
"""The store is asked ever less often, and often enough to go on within a second."""
_MARGIN: Final = 0.02
"""Seconds before the run's own deadline at which a gate decides itself, so that it still can."""
_SHOWN_COMMENT: Final = 300
_TERMS: Final = ("show", "choices", "timeout", "on_timeout", "quorum")


class HumanOptions(AgentOptions):
    """People who approve, edit or reject what they are shown."""

    free: ClassVar[bool] = True

    queue: str = Field(min_length=1, max_length=200, description="Who is asked.")
    show: str = Field(
        default="",
        max_length=LARGEST_TEXT,
        description="What they are shown; the user's last message where left out. "
        "A step's `show:` goes before it.",
    )
    choices: tuple[Choice, ...] = Field(
        default=("approve", "reject", "edit"),
        description="What they may decide. With a quorum above 1 nobody edits.",
    )
    timeout: Duration = Field(default=_DAY, description="After this time it decides itself.")
    on_timeout: OnTimeout = Field(
        default="reject",
        description="What it decides itself to: reject, approve, or fail: the failure `timeout`.",
    )
    quorum: int = Field(
        default=1, ge=1, le=MOST_PEOPLE, description="How many different people must approve."
    )

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """`human: leads` is short for `human: {queue: leads}`."""
        return {"queue": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sensible(self) -> HumanOptions:
        stated = {"choices": self.choices} if "choices" in self.model_fields_set else {}
        self.on_terms(stated)
        return self

    def on_terms(self, terms: Mapping[str, object]) -> HumanOptions:
        """Give these options where a step asks on terms of its own.

        A quorum above 1 takes the choice to edit away, unless the step itself offers it.

        Args:
            terms: `show`, `choices`, `timeout`, `on_timeout` and `quorum`, as far as it says so.

        Raises:
            ValueError: nobody can be asked on these terms.
        """
        own: dict[str, Any] = {key: terms[key] for key in _TERMS if key in terms}
        own["choices"] = tuple(own.get("choices", self.choices))
        if "choices" not in terms and own.get("quorum", self.quorum) > 1:
            own["choices"] = tuple(one for one in own["choices"] if one != "edit")
        asked = self.model_copy(update=own)
        problem = problem_of_terms(asked.choices, asked.quorum, asked.on_timeout)
        if problem:
            raise ValueError(problem)
        return asked

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        """Give a speaker for this agent."""
        return Person(agent, self, setting)


@dataclass(frozen=True, slots=True)
class Person:
    """Speaks for people: opens the gate, waits, and gives what they let through."""

    agent: Agent
    options: HumanOptions
    setting: Setting

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give the text that was approved or edited.

        Raises:
            Failure: `rejected`, or `timeout`.
        """
        # Told first, so that waiting costs nothing however it ends.
        yield Part(usage=Usage())
        gates = Gates(await Io(self.setting.store))
        now = await Now()
        asked = self._gate(attempt, now)
        visit = visit_of(self.setting.approvals)
        if visit is not None:
            asked = await visit.reopened(asked)
        try:
            gate = await Io(partial(gates.open, asked, now.utc))
            if gate.verdict is None and self.setting.approvals is not None:
                gate = await self._ask_app(gates, gate, self.setting.approvals, visit)
            gate = await _decided(gates, gate)
        except Unwind:
            raise  # the run is taken up again elsewhere, and there the gate must still be open
        except BaseException:  # closed, so that nobody approves what nobody waits for; raised again
            await _withdraw(gates, asked, attempt)
            raise
        yield Part(_text(gate), finish="stop")

    def _gate(self, attempt: Attempt, now: Instant) -> Gate:
        try:
            asked = self.options.on_terms(attempt.terms)
        except ValueError as error:
            raise ConductorError(str(error), where=attempt.path) from error
        seconds, on_timeout = asked.timeout, asked.on_timeout
        limits = (attempt.deadline, self._first_part_by(now))
        left = min((limit - now.monotonic for limit in limits if limit is not None), default=None)
        if left is not None and left - _MARGIN < seconds:
            seconds, on_timeout = max(0.0, left - _MARGIN), "fail"
        return Gate(
            id=f"{attempt.run}:{attempt.path}",
            run=attempt.run,
            path=attempt.path,
            agent=self.agent.id,
            queue=asked.queue,
            show=_shown(attempt, asked),
            text=_proposed(attempt),
            choices=asked.choices,
            opened=now.utc,
            deadline=now.utc + seconds,
            quorum=asked.quorum,
            on_timeout=on_timeout,
        )

    def _first_part_by(self, now: Instant) -> float | None:
        # What a person says comes in one piece.
        limit = self.agent.timeouts.first_part
        return None if limit is None else now.monotonic + limit

    async def _ask_app(
        self, gates: Gates, gate: Gate, approvals: Approvals, visit: Visit | None
    ) -> Gate:
        """Ask in the app's own way, again for every further person whom the quorum needs."""
        while gate.verdict is None:
            now = await Now()
            if gate.overdue(now.utc):
                return gate  # it was opened in an earlier pass, and nobody answered in time
            left = gate.deadline - now.utc if gate.deadline is not None else _DAY
            ask: Callable[[], Coroutine[Any, Any, Verdict | None]]
            if visit is None:
                ask = partial(_called, approvals, gate, self.agent.id)
            else:
                ask = partial(visit.ask, gate, partial(gates.objection, gate))
            # In a branch, because only a branch can be given up when the gate's deadline passes.
            (asked,) = await Gather((ask,), deadline=now.monotonic + left)
            if asked.error is not None:
                raise asked.error
            if asked.value is None:
                return gate
            now = await Now()
            decided = await Io(partial(gates.decide, gate.id, asked.value, now.utc))
            if decided.gate is None or not decided.counts:
                return gate
            gate = decided.gate
        return gate


def _shown(attempt: Attempt, asked: HumanOptions) -> str:
    said = "show" in attempt.terms  # an empty draft is shown as such
    text = asked.show if said or asked.show else attempt.request.text
    if too_large(text):
        # Cut, it would not be what people approve.
        most = LARGEST_TEXT // 1_000_000
        raise Failure("invalid_request", f"people are shown at most {most} MB", agent=attempt.agent)
    return text


def _proposed(attempt: Attempt) -> str | None:
    """Give what people approve, where a step shows them more than that: what the step asks."""
    text = attempt.terms.get("text")
    if not isinstance(text, str):
        return None
    if too_large(text):
        raise Failure("invalid_request", "the text to approve is too large", agent=attempt.agent)
    return text


async def _called(approvals: Approvals, gate: Gate, agent: str) -> Verdict | None:
    """Ask the app; it may do so in either colour."""
    target = approvals if inspect.isroutine(approvals) else type(approvals).__call__
    if inspect.iscoroutinefunction(target):
        asked: Io[object] = Io(
            _refuse(agent), aio=lambda: cast("Awaitable[object]", approvals(gate))
        )
        found = await asked
    else:
        found = await Io(lambda: cast("object", approvals(gate)), abandonable=True)
        if inspect.isawaitable(found):
            later = cast("Awaitable[object]", found)
            found = await Io(_refuse(agent, later), aio=lambda: later)
    if found is not None and not isinstance(found, Verdict):
        raise ConductorError(
            f"`approvals` gave a {type(found).__name__} for the agent {agent!r}",
            mend="Give a Verdict, or None to leave the gate open.",
        )
    return found


def _refuse(agent: str, begun: object = None) -> Any:
    def refuse() -> Any:
        if inspect.iscoroutine(begun):
            begun.close()  # else Python warns, later and elsewhere, that nobody awaited it
        raise ColourError(
            f"`approvals` is async, and a sync caller asked the agent {agent!r}",
            mend="Call acall or astream, or give a sync function.",
        )

    return refuse


async def _decided(gates: Gates, gate: Gate) -> Gate:
    """Wait until a gate is decided, by whomever and in whatever process."""
    found: Gate | None = gate
    pause = _FIRST_PAUSE
    while found is not None and found.verdict is None:
        now = await Now()
        if not found.overdue(now.utc):
            left = pause if found.deadline is None else found.deadline - now.utc
            await Sleep(min(pause, left))
            pause = min(pause * _SLOWER, _LONGEST_PAUSE)
            now = await Now()
        found = await Io(partial(gates.look, gate.id, now.utc))
    if found is None:
        raise Failure("rejected", "the gate is not in the store any more", agent=gate.agent)
    return found


async def _withdraw(gates: Gates, gate: Gate, attempt: Attempt) -> None:
    now = await Now()
    late = attempt.deadline is not None and now.monotonic >= attempt.deadline
    close = partial(gates.withdraw, gate, now.utc)
    await Io(partial(close, by=DEADLINE) if late else close)


def _text(gate: Gate) -> str:
    verdict = gate.verdict
    assert verdict is not None  # noqa: S101 - it was waited for
    if verdict.choice == "approve":
        return gate.approves
    if verdict.choice == "edit":
        return verdict.text
    if verdict.by == DEADLINE:
        kind: FailureKind = "timeout" if gate.on_timeout == "fail" else "rejected"
        raise Failure(kind, f"nobody in {gate.queue!r} decided in time", agent=gate.agent)
    because = f": {verdict.comment[:_SHOWN_COMMENT]}" if verdict.comment else ""
    raise Failure("rejected", f"{told(gate)}{because}", agent=gate.agent)
