"""Calls that the app makes itself: a policy counts them, records them, and may refuse them.

Nothing is routed here and nothing is answered: who is asked is what the app chose. Every layer
begins before the call and ends with it, so budgets, limits, guards and breakers hold all the same.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .agents.base import Agent, Retry, Speaker, Timeouts
from .agents.bound import BoundOptions
from .agents.model import ModelOptions
from .answer import Answer, answer_of
from .drivers.host import unhooked
from .drivers.pausing import Pause, PausingDriver
from .errors import ConductorError, Failure, nearest
from .observe import APP, observing
from .policy import Guarantees
from .run import Run
from .unread import begun, dropped, over

if TYPE_CHECKING:
    from .effects import Attempt
    from .parts import Part, Parts
    from .policy import Policy
    from .request import Request
    from .runtime import Runtime

_MOST_NAMED: Final = 64
"""Models that no agent stands for are recorded by their names, as long as they are so few."""
_LONGEST_NAME: Final = 200


class Attended:
    """A call that the app makes itself, while it is under way.

    One of `end`, `fail` and `cut` is called, once, from any thread.

    Attributes:
        run: the run that stands for the call: its decision says where the policy would have sent
            it.
    """

    def __init__(self, run: Run, *, patient: bool) -> None:
        self.run = run
        self._read: Sequence[Part] = ()
        self._driver = PausingDriver(run.runtime.host, patient=patient)
        self._context = copy_context()  # in which every step happens, whoever ends the call
        self._steps = self._driver.steps(_whole(run.parts()))
        begun(self._steps)

    @property
    def answer(self) -> Answer:
        """The answer, its cost and its attempts, once the call is over."""
        return answer_of(self.run, self._read)

    def begin(self) -> None:
        """Let every layer begin.

        Raises:
            Failure: the call must not be made.
            ConductorError: nobody can tell whether it may be made.
        """
        pause = self._go(self._steps.send, None)
        self._driver.patient = True  # what has to be written when it ends is written
        if pause is None:
            over(self._steps)
            raise ConductorError(
                "a layer answered a call that the app makes itself",
                mend="A layer that answers alone has `answers = True`, and is left out here.",
            )
        if _differs(pause.request, self.run.request):
            self._go(self._steps.throw, _violation("what is sent", "changed"))

    def end(self, native: object) -> None:
        """Settle a call that was answered.

        Args:
            native: the answer, in the host's form.

        Raises:
            Failure: the answer must not be used.
        """
        self._come_to_end(_Given(native))
        if not any(part.native is native for part in self._read):
            raise _violation("the answer", "changed")

    def fail(self, error: Exception, native: object = None) -> None:
        """Settle a call that failed; the app has the error already.

        Args:
            error: what the app got.
            native: what of an answer came before it, in the host's form, or None.
        """
        try:
            self._come_to_end(_Given(native, error))
        except BaseException as raised:
            if raised is not error and raised is not error.__cause__:
                raise

    def cut(self) -> None:
        """Settle a call that nobody waits for any more; it may have cost what it could at most."""
        over(self._steps)
        self._context.run(unhooked, self._steps.close)

    def __del__(self) -> None:
        dropped(self._steps)

    def _come_to_end(self, given: _Given) -> None:
        while self._go(self._steps.send, given) is not None:
            pass  # a layer asked again: it gets the same

    def _go(self, step: Callable[..., Pause], sent: object) -> Pause | None:
        """Go on until the next pause; None where the run is over."""
        try:
            return self._context.run(unhooked, step, sent)
        except StopIteration as stop:
            over(self._steps)
            self._read = stop.value or ()
            return None
        except BaseException:
            over(self._steps)
            raise


def attended(runtime: Runtime, agent: str | None, model: str) -> Runtime:
    """Give the runtime in which the app makes an agent's calls itself; made when first needed.

    Args:
        runtime: the policy at work.
        agent: the agent that stands for what is called, or None where none does.
        model: what is called, for records, where no agent stands for it.

    Raises:
        ConductorError: there is no such agent.
    """
    known = runtime.attended
    key = agent if agent is not None else f"({model[:_LONGEST_NAME]})"
    most = _MOST_NAMED + len(runtime.policy.agents)
    if agent is None and key not in known and len(known) >= most:
        key, model = APP, ""
    found = known.get(key)
    if found is None:
        found = known[key] = _made(runtime, _agent(runtime.policy, agent, model))
    return found


@dataclass(frozen=True, slots=True)
class _Given:
    """What the app got from its call: an answer, an error, or a part of one before the other."""

    native: object
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _App:
    """Speaks for an agent whose calls the app makes itself.

    Attributes:
        real: who speaks where something else is asked of the agent, or None.
    """

    real: Speaker | None

    def answer(self, attempt: Attempt) -> Parts:
        if attempt.purpose != "answer" and self.real is not None:
            return self.real.answer(attempt)
        return self._given(attempt.request)

    async def _given(self, request: Request) -> AsyncGenerator[Part, None]:
        given: Any = await Pause(request)
        if given.native is not None:
            yield request.lens.read(given.native)
        if given.error is not None:
            raise given.error


def _agent(policy: Policy, agent: str | None, model: str) -> Agent:
    """Give the agent with nothing in it that would change or repeat the app's call."""
    if agent is None:
        if not model:
            return Agent(APP, "bound", BoundOptions())
        return Agent(APP, "model", ModelOptions(model=model[:_LONGEST_NAME]))
    if agent not in policy.agents:
        raise ConductorError(
            f"no agent {agent!r}", where=policy.name, mend=nearest(agent, policy.agents)
        )
    return replace(
        policy.agents[agent],
        prompt="",
        parameters={},
        timeouts=Timeouts(),
        retry=Retry(),
        replicas=(),
        capabilities={},
        context_window=None,
        overflow=None,
    )


def _made(runtime: Runtime, agent: Agent) -> Runtime:
    policy, layers = runtime.policy, runtime.layers
    observes = policy.mode == "observe"
    guarantees = Guarantees() if observes else policy.guarantees
    if agent.id == APP:
        # It has no labels, and nobody can tell that it is none of those that are named.
        never = tuple([replace(one, agents=one.agents | {APP}) for one in guarantees.never])
        guarantees = replace(guarantees, never=never)
    seen = replace(policy, agents={**policy.agents, agent.id: agent}, guarantees=guarantees)
    speakers = runtime.host.speakers
    speaking = {**speakers, agent.id: _App(speakers.get(agent.id))}
    return replace(
        runtime,
        policy=seen,
        host=replace(runtime.host, agents=seen.agents, speakers=speaking),
        layers=layers.observing() if observes else layers.attending(),
        innermost=_attending(policy, agent),
        observed=None,
        attended={},
    )


def _attending(policy: Policy, agent: Agent) -> Callable[[Run], Parts]:
    decide = observing(policy, agent.id)

    async def answer(run: Run) -> AsyncGenerator[Part, None]:
        run.weigh_unasked(agent)  # whoever only looks on makes no calls of its own
        async with aclosing(decide(run)) as parts:
            async for part in parts:
                yield part

    return answer


async def _whole(parts: Parts) -> list[Part]:
    async with aclosing(parts):
        return [part async for part in parts]


def _differs(sent: Request, asked: Request) -> bool:
    if sent.native is asked.native:
        return False
    # A ceiling or another parameter may differ; a text that was masked must not go out as it was.
    return list(sent.lens.pieces(sent.native)) != list(asked.lens.pieces(asked.native))


def _violation(what: str, done: str) -> Failure:
    return Failure(
        "policy_violation",
        f"a layer {done} {what}, which nobody can do to a call that the app makes itself",
        mend="Let the policy make the call, or leave `redact` out of it.",
    )
