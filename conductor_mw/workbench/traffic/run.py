"""Run traffic through a policy, several requests at a time, and keep what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from conductor_mw.clock import Clock, SystemClock
from conductor_mw.conductor import Conductor
from conductor_mw.drivers import astream
from conductor_mw.errors import ConductorError, EvaluationError, Failure, RequestError
from conductor_mw.failures import classify
from conductor_mw.gates import Approvals
from conductor_mw.money import Money
from conductor_mw.parts import Finish, Part, Rating, Usage, joined_tool_calls
from conductor_mw.policy import Policy
from conductor_mw.provenance import agent_of, provenance_of
from conductor_mw.request import Request
from conductor_mw.run import Run
from conductor_mw.workbench.load import load

from .answered import Answered
from .read import Question
from .virtual import VirtualClock, VirtualLoop

T = TypeVar("T")

SIMULATED: Final = "simulated"


def run_traffic(
    policy: str | Path | Policy,
    questions: Sequence[Question],
    *,
    simulate: bool = False,
    real_time: bool = False,
    stream: bool = False,
    concurrency: int = 8,
    seed: int | None = None,
    tell: Callable[[Answered], None] = lambda _: None,
) -> tuple[Answered, ...]:
    """Give what became of each request, in the order of the traffic.

    Args:
        policy: the policy, or the path of its file.
        questions: the traffic.
        simulate: simulate every agent instead of calling it.
        real_time: wait as long as simulated agents do; without it a run whose agents are all
            simulated takes place in simulated time, and no longer than it must.
        stream: read the answers part by part.
        concurrency: how many requests are under way at once.
        seed: makes chance repeatable.
        tell: told of each answer as it ends; what it raises ends the run.

    Raises:
        ConductorError: an agent cannot be reached from here at all.
    """
    found: dict[int, Answered] = {}
    with stage(policy, simulate=simulate, real_time=real_time, seed=seed) as staged:

        async def everything() -> None:
            waiting = iter(enumerate(questions))
            async with asyncio.TaskGroup() as group:
                for _ in range(min(max(concurrency, 1), max(len(questions), 1))):
                    group.create_task(work(waiting))

        async def work(waiting: Iterator[tuple[int, Question]]) -> None:
            for index, question in waiting:
                request = question.request(stream=stream)
                found[index] = await staged.ask(question.id, request)
                tell(found[index])

        staged.run(everything())
    return tuple(found[index] for index in sorted(found))


@dataclass(frozen=True, slots=True)
class Stage:
    """A conductor with the loop it runs on and the clock of both.

    Attributes:
        conductor: whom to ask.
        clock: simulated time, or the computer's.
    """

    conductor: Conductor
    clock: Clock
    _runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; of several errors the first is raised."""
        try:
            return self._runner.run(work)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def ask(
        self, name: str, request: Request, hear: Callable[[Part], None] = lambda _: None
    ) -> Answered:
        """Give what became of one request.

        Args:
            name: the request's name in the record.
            request: what to ask.
            hear: told of each part as it comes.

        Raises:
            ConductorError: an agent cannot be reached from here at all; no other request could.
        """
        started = self.clock.monotonic()
        run: Run | None = None
        heard: list[Part] = []
        first: float | None = None
        finish: Finish = ""
        error: Exception | None = None
        try:
            run = self.conductor.begin(request)
        except (EvaluationError, RequestError) as raised:
            error = raised
        else:
            async with aclosing(astream(run.runtime.host, run.parts())) as parts:
                while True:
                    try:
                        part = await anext(parts)
                    except StopAsyncIteration:
                        break
                    except Exception as raised:  # the summary counts it as a failed request
                        if _ends_everything(raised):
                            raise
                        error = raised
                        break
                    if first is None and part.speaks:
                        first = self.clock.monotonic() - started
                    heard.append(part)
                    finish = part.finish or finish
                    hear(part)  # outside: what goes wrong here is no failure of an agent
        cost = run.cost if run else Money()
        outcomes = run.attempts if run else ()
        provenance = provenance_of(heard, outcomes)
        said = [one for one in provenance.attempts if one.became == "answered"]
        agent = agent_of(heard, outcomes) if error is None else ""
        rating = next((part.rating for part in reversed(heard) if part.rating), Rating())
        return Answered(
            id=name,
            decision=run.decision if run else None,
            text="".join(part.text for part in heard),
            agent=agent,
            tool_calls=joined_tool_calls(heard),
            finish="error" if error else finish,
            failure=_failure(error),
            problem="" if error is None else str(error).partition("\n")[0],
            mend=error.mend if isinstance(error, ConductorError) else "",
            usage=run.usage if run else Usage(),
            cost=cost,
            answer_usage=said[-1].usage if said and agent else Usage(),
            seconds=self.clock.monotonic() - started,
            first_part=first,
            attempts=outcomes,
            provenance=provenance,
            score=rating.score,
            accepted=error is None and rating.accepted is not False,
        )


@contextmanager
def stage(
    policy: str | Path | Policy,
    *,
    simulate: bool,
    real_time: bool,
    seed: int | None,
    approvals: Approvals | None = None,
) -> Generator[Stage, None, None]:
    """Give a conductor on its loop: a virtual one where nobody real would be asked."""
    compiled = policy if isinstance(policy, Policy) else load(policy)
    simulated = is_simulated(compiled, simulate=simulate)
    clock: Clock = SystemClock()
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if simulated and not real_time:
        loop = VirtualLoop()
        clock = VirtualClock(loop)
        factory = lambda: loop  # noqa: E731 - a Runner takes a function
    if simulated and seed is None:
        seed = 0  # a simulation gives the same twice; a real run's ids must differ from the last
    with asyncio.Runner(loop_factory=factory) as runner:
        conductor = Conductor(
            compiled, simulate=simulate, clock=clock, seed=seed, approvals=approvals
        )
        yield Stage(conductor, clock, runner)


def is_simulated(policy: Policy, *, simulate: bool) -> bool:
    """Whether nobody real would be asked."""
    return simulate or all(agent.kind == SIMULATED for agent in policy.agents.values())


def _ends_everything(error: Exception) -> bool:
    """Whether an error is about the policy or this computer, and not about one request."""
    about_one = isinstance(error, (Failure, EvaluationError, RequestError))
    return isinstance(error, ConductorError) and not about_one


def _failure(error: Exception | None) -> str:
    """Give the kind of failure, or the error's own name where it is of none."""
    if error is None:
        return ""
    if isinstance(error, (EvaluationError, RequestError)):
        return "not_decided"
    return classify(error) or type(error).__name__
