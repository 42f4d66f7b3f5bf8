"""Keep the calls that an app makes itself while they are under way, and end every one of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from conductor_mw import Attended, Conductor, Failure, Request

from .recognising import Model, Recognised

if TYPE_CHECKING:
    from uuid import UUID

    from conductor_mw import Policy

Unknown = Literal["refuse", "allow"]
"""What happens to a call of a model that no agent of the policy stands for."""
LOST_AFTER: Final = 900.0
"""Seconds after which a call that nobody ended counts as stopped."""
_MOST: Final = 10_000


@dataclass(slots=True)
class _Open:
    """A call under way.

    Attributes:
        call: the call.
        begun: the monotonic second at which it began.
        batch: what the calls of one batch have in common, or None.
        forget: no longer watches the task that makes the call.
        speaks: whether its answer is being read part by part.
    """

    call: Attended
    begun: float
    batch: object
    forget: Callable[[], object]
    speaks: bool = False


class Attending:
    """The calls under way, by LangChain's id of their run. Safe from many threads and tasks.

    LangChain does not tell the end of every call that it told the beginning of: an `ainvoke` that
    is cancelled ends in silence. Such a call ends with its task, or after a time.
    """

    def __init__(
        self,
        conductor: Conductor,
        *,
        models: Mapping[str, str],
        unknown: Unknown = "refuse",
        lost_after: float = LOST_AFTER,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Attend calls.

        Args:
            conductor: the policy at work.
            models: agents by the models that they stand for, where the policy does not say.
            unknown: what happens to a call of any other model.
            lost_after: seconds after which a call that nobody ended counts as stopped.
            monotonic: gives the monotonic second.

        Raises:
            ConductorError: `models` names an agent that the policy does not have.
        """
        self.conductor = conductor
        self._told = dict(models)
        self._unknown = unknown
        self._lost_after = lost_after
        self._monotonic = monotonic
        self._policy = conductor.policy
        self._recognised = Recognised.of(self._policy, self._told)
        self._open: OrderedDict[UUID, _Open] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, run: UUID, request: Request, model: Model, batch: object = None) -> None:
        """Let the policy look at a call, and remember it until it is over.

        Args:
            run: LangChain's id of the run.
            request: what is about to be sent.
            model: what is about to be called.
            batch: what the calls of one batch have in common; where one is refused, none is made.

        Raises:
            Failure: the call must not be made.
        """
        self._end_lost()
        if run in self._open:
            return  # two handlers of one policy
        try:
            call = self._attended(request, model)
        except Exception:
            if batch is not None:
                self._drop(batch)
            raise
        one = _Open(call, self._monotonic(), batch, _nothing)
        with self._lock:
            self._open[run] = one
        task = _current_task()
        if task is not None:
            over = partial(self._task_over, run)
            task.add_done_callback(over)
            one.forget = partial(task.remove_done_callback, over)

    def heard(self, run: UUID) -> None:
        """Take in that a part of an answer came: another task may read the next one."""
        one = self._open.get(run)
        if one is not None:
            one.speaks = True

    def end(self, run: UUID, native: object) -> None:
        """Settle a call that was answered.

        Raises:
            Failure: the answer must not be used.
        """
        call = self._taken(run)
        if call is not None:
            call.end(native)

    def fail(self, run: UUID, error: BaseException, native: object = None) -> None:
        """Settle a call that failed, or that nobody waits for any more.

        Args:
            run: LangChain's id of the run.
            error: why it ended.
            native: what of an answer came before, or None.
        """
        call = self._taken(run)
        if call is None:
            return
        if isinstance(error, Exception):
            call.fail(error, native)
        else:
            call.cut()

    def close(self) -> None:
        """End whatever is still under way, and close the conductor."""
        for run in list(self._open):
            self._cut(run)
        self.conductor.close()

    def _attended(self, request: Request, model: Model) -> Attended:
        policy = self.conductor.policy
        if policy is not self._policy:  # it was reloaded
            self._recognised, self._policy = Recognised.of(policy, self._told), policy
        agent = self._recognised.agent(model)
        if agent is None and self._unknown == "refuse" and policy.mode != "observe":
            raise _unknown(model, policy)
        patient = not _in_loop()
        return self.conductor.attend(request, agent=agent, model=str(model), patient=patient)

    def _taken(self, run: UUID) -> Attended | None:
        """Give a call to whoever ends it: one, whoever comes first."""
        with self._lock:
            one = self._open.pop(run, None)
        if one is None:
            return None
        one.forget()
        return one.call

    def _drop(self, batch: object) -> None:
        """End the calls of a batch that are never made, because another one was refused."""
        with self._lock:
            runs = [run for run, one in self._open.items() if one.batch is batch]
        for run in runs:
            self.fail(run, Failure("policy_violation", "another call of its batch was refused"))

    def _cut(self, run: UUID) -> None:
        call = self._taken(run)
        if call is not None:
            call.cut()

    def _task_over(self, run: UUID, task: asyncio.Task[Any]) -> None:
        # Each part of a stream may be read in a task of its own, as `wait_for` does. LangChain
        # tells the end of a stream, whoever reads it.
        one = self._open.get(run)
        if one is not None and (task.cancelled() or not one.speaks):
            self._cut(run)

    def _end_lost(self) -> None:
        latest = self._monotonic() - self._lost_after
        while self._open:
            with suppress(StopIteration, KeyError):  # another thread was here
                oldest = next(iter(self._open))
                if self._open[oldest].begun > latest and len(self._open) < _MOST:
                    return
                self._cut(oldest)


def _nothing() -> None:
    """Do nothing: no task makes the call."""


def _unknown(model: Model, policy: Policy) -> Failure:
    return Failure(
        "policy_violation",
        f"the model {str(model)[:200] or '(without a name)'!r} was not asked: no agent of the "
        f"policy stands for it",
        where=policy.name,
        mend="Add an agent with this `model:`, name one in `models=`, or say unknown='allow'.",
    )


def _in_loop() -> bool:
    return asyncio._get_running_loop() is not None  # noqa: SLF001 - the public one raises


def _current_task() -> asyncio.Task[Any] | None:
    return asyncio.current_task() if _in_loop() else None
