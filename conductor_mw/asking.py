"""Ask for the paid signals of one run: each one once, whoever of its branches reads it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from .effects import Latch, Notify, Now, Wait
from .errors import EvaluationError, Failure
from .flows.base import At
from .flows.reply import collect
from .money import Money
from .scorers.question import question
from .signals.shapes import MISSING

if TYPE_CHECKING:
    from .parts import Outcome
    from .request import Request
    from .run import Run
    from .signals.paid import Paid

_ROOT: Final = "signal/"
_STAND_INS: Final = {"bool": "true", "int": "0", "double": "0"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A paid signal for which somebody was asked.

    Attributes:
        signal: its name.
        agent: the agent that was asked last, or an empty string where nobody could be.
        cost: what its calls cost together, or None where that is unknown.
        seconds: how long they took together.
    """

    signal: str
    agent: str
    cost: Money | None
    seconds: float

    def to_dict(self) -> dict[str, object]:
        """Give the record as plain JSON."""
        return {
            "signal": self.signal,
            "agent": self.agent,
            "cost_nano_dollars": None if self.cost is None else self.cost.nano,
            "seconds": round(self.seconds, 6),
        }


class Asking:
    """What one run has asked for.

    Attributes:
        asked: every signal for which somebody was asked, in the order of the answers.
    """

    __slots__ = ("_asks", "_lock", "_open", "_within", "asked")

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._asks: dict[str, int] = {}
        self._open: dict[str, Latch] = {}
        self._within: dict[str, str] = {}
        self._lock = threading.Lock()

    async def learn(self, run: Run, name: str, path: str) -> None:
        """Give a paid signal its value, or the error that reading it raises from now on.

        Where another branch asks already, its answer is waited for. Should that branch be stopped,
        the signal is still without a value afterwards, and whoever reads it again asks in its turn.

        Args:
            run: the run.
            name: the signal.
            path: the place that reads it.

        Raises:
            EvaluationError: the place that reads it is part of asking for it.
        """
        begun = _signal_of(path)
        self._refuse_circle(name, begun)
        with self._lock:
            if name in run.facts or name in (run.facts.failed or ()):
                return  # another branch learned it in the meantime
            latch = self._open.get(name)
            leads = latch is None
            if latch is None:
                latch = self._open[name] = Latch()
                self._within[name] = begun
        if not leads:
            left = None if run.deadline is None else run.deadline - (await Now()).monotonic
            if left is None or left > 0:
                await Wait(latch, left)
            if not latch.opened:
                raise EvaluationError(f"the deadline passed before the signal {name!r} was known")
            return
        try:
            await self._lead(run, run.policy.paid[name])
        finally:
            # A stopped branch lets go as well: those who wait must not wait for ever.
            with self._lock:
                del self._open[name]
            await Notify(latch)

    async def _lead(self, run: Run, paid: Paid) -> None:
        name = paid.name
        failed: Failure | None = None
        value: object = MISSING
        problem = "whoever asked for it was stopped"
        if self._asks.get(name, 0) < paid.asks:
            self._asks[name] = self._asks.get(name, 0) + 1
            before = len(run.outcomes_below(_ROOT + name))
            try:
                at = At(run, _ROOT + name, visible=False, purpose="signal", deadline=run.deadline)
                asked = await _request(paid, run.request)
                reply = await collect(paid.flow, asked, at.standing_in(_stand_in(paid)))
                value = paid.value_of(reply.text)
                problem = f"the answer was not {paid.wanted}"
            except Failure as failure:
                failed, problem = failure, failure.problem
            finally:
                self.asked.append(_asked(name, run.outcomes_below(_ROOT + name)[before:]))
        await run.tell("learned", _ROOT + name, failed=value is MISSING)
        if value is MISSING:
            value = paid.default
        if value is not MISSING:
            run.facts[name] = value
            return
        error = EvaluationError(
            f"the signal {name!r} has no value: {problem}",
            mend="declare a `default:`, or say with `on_error` what the rule then counts as",
        )
        error.__cause__ = failed
        run.facts.fail(name, error)

    def _refuse_circle(self, name: str, begun: str) -> None:
        while begun:
            if begun == name:
                raise EvaluationError(f"asking for the signal {name!r} reads that very signal")
            begun = self._within.get(begun, "")


async def _request(paid: Paid, request: Request) -> Request:
    """Give what is asked: a worker reads the request itself, an agent one question about it."""
    if paid.worker:
        return replace(request, stream=False)
    form = f"Answer with {paid.wanted}. Write nothing else."
    return await question(request, paid.task, [("TEXT", request.text)], form)


def _signal_of(path: str) -> str:
    """Give the signal that is being asked for at this place, or an empty string."""
    return path.removeprefix(_ROOT).partition("/")[0] if path.startswith(_ROOT) else ""


def _asked(name: str, outcomes: tuple[Outcome, ...]) -> Asked:
    known = [one.cost.nano for one in outcomes if one.cost is not None]
    return Asked(
        name,
        outcomes[-1].agent if outcomes else "",
        Money(sum(known)) if len(known) == len(outcomes) else None,
        sum(one.seconds for one in outcomes),
    )


def _stand_in(paid: Paid) -> str:
    """Give a value that a simulated agent may answer, as it would write it."""
    return str(paid.one_of[0]) if paid.one_of else _STAND_INS.get(paid.type.kind, "")
