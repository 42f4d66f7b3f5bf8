"""Two versions of a policy at work: who answers which request, and when the new one goes back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from .effects import Now
from .errors import EvaluationError, Unwind
from .parts import Part, Rating

if TYPE_CHECKING:
    from random import Random

    from .parts import Parts
    from .policy.rollout import Rollout
    from .run import Run
    from .runtime import Runtime
    from .signals import Facts

WINDOW: Final = 1_000
"""The newest runs of each version that its figures are made of."""


@dataclass(frozen=True, slots=True)
class _Ended:
    failed: bool
    unaccepted: bool
    seconds: float
    dollars: float | None


class Figures:
    """How a version's newest runs went. Safe from many threads."""

    def __init__(self) -> None:
        self._ended: deque[_Ended] = deque(maxlen=WINDOW)
        self._runs = 0
        self._lock = threading.Lock()

    def add(self, *, failed: bool, unaccepted: bool, seconds: float, dollars: float | None) -> None:
        """Take in a run that ended."""
        with self._lock:
            self._runs += 1
            self._ended.append(_Ended(failed, unaccepted, seconds, dollars))

    def get(self, name: str) -> object:
        """Give one figure by its name in `back_when:`; 0 before anything ended."""
        with self._lock:
            if name == "runs":
                return self._runs
            ended = tuple(self._ended)
        if not ended:
            return 0.0
        if name == "p95_ms":
            return 1000 * sorted(one.seconds for one in ended)[int(0.95 * (len(ended) - 1))]
        if name == "mean_dollars":
            known = [one.dollars for one in ended if one.dollars is not None]
            return sum(known) / max(1, len(known))
        bad = (one.failed if name == "error_rate" else one.unaccepted for one in ended)
        return sum(bad) / len(ended)

    def as_data(self) -> dict[str, object]:
        """Give every figure, for an event."""
        names = ("runs", "error_rate", "unaccepted_rate", "p95_ms", "mean_dollars")
        return {name: self.get(name) for name in names}


class Versions:
    """The version that a policy rolls out beside itself.

    Attributes:
        runtime: the new version, ready to run.
        new: how its runs went.
        current: how the current version's runs went meanwhile.
        returned: whether it went back; then it gets nothing any more, until a policy is loaded.
    """

    def __init__(self, rollout: Rollout, dice: Random) -> None:
        self.runtime: Runtime | None = None
        self.new = Figures()
        self.current = Figures()
        self.returned = False
        self._rollout = rollout
        self._dice = dice

    def taking(self, facts: Facts) -> Runtime | None:
        """Give the new version where it answers this request, else None."""
        return self.runtime if self._takes(facts) else None

    def _takes(self, facts: Facts) -> bool:
        if self.returned:
            return False
        by = self._rollout.by
        if by is None:
            return self._dice.random() < self._rollout.share
        try:
            value = repr(by.evaluate(facts))
        except EvaluationError:
            return False  # who cannot be told apart stays where everybody was
        digest = sha256(value.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) / 2**64 < self._rollout.share

    def watching(self, figures: Figures) -> Callable[[Run, Callable[[Run], Parts]], Parts]:
        """Give a layer around the runs of one version that counts how they end."""

        async def around(run: Run, proceed: Callable[[Run], Parts]) -> AsyncGenerator[Part, None]:
            begun = (await Now()).monotonic
            rating = Rating()
            try:
                async with aclosing(proceed(run)) as parts:
                    async for part in parts:
                        rating = part.rating or rating
                        yield part
            except Unwind:
                raise  # neither ended nor failed: it is taken up again, or was taken over
            except Exception:  # only to count it; it goes on as it was raised
                await self._count(run, figures, begun, failed=True)
                raise
            # A caller who stopped reading never comes here: that says nothing about the version.
            await self._count(run, figures, begun, unaccepted=rating.accepted is False)

        return around

    def __getitem__(self, name: str) -> object:
        """Give a figure for `back_when:`, for example `rollout.error_rate`."""
        who, _, figure = name.partition(".")
        return (self.new if who == "rollout" else self.current).get(figure)

    async def _count(
        self,
        run: Run,
        figures: Figures,
        begun: float,
        *,
        failed: bool = False,
        unaccepted: bool = False,
    ) -> None:
        cost = run.cost
        figures.add(
            failed=failed,
            unaccepted=unaccepted,
            seconds=(await Now()).monotonic - begun,
            dollars=None if cost is None else cost.dollars,
        )
        back_when = self._rollout.back_when
        if back_when is None or self.returned:
            return
        try:
            returns = back_when.evaluate(self) is True
        except EvaluationError:
            returns = True  # a guard that cannot be read must not hold a door open
        if returns:
            self.returned = True
            await run.tell(
                "rollout_returned",
                because=back_when.text,
                rollout=self.new.as_data(),
                current=self.current.as_data(),
            )
