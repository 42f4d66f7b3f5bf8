"""Steps of a flow that are asked at the same time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from conductor_mw.effects import Gather, Now, Settled
from conductor_mw.errors import Failure

from .race import first_failure, raise_faults

if TYPE_CHECKING:
    from .base import At, Flow

T = TypeVar("T")
MOST: Final = 16
"""Steps of one flow that may be asked at the same time."""


@dataclass(frozen=True, slots=True)
class Branches:
    """Several steps, and how many of them must answer in which time.

    Attributes:
        steps: who is asked.
        need: how many must answer; with 0 it is no failure where nobody does.
        timeout: seconds after which whoever has not answered is left out, or None.
    """

    steps: Sequence[Flow]
    need: int = 1
    timeout: float | None = None

    @property
    def children(self) -> tuple[tuple[str, Flow], ...]:
        """The steps, numbered from 1."""
        return tuple((str(n), step) for n, step in enumerate(self.steps, 1))

    @property
    def worst_calls(self) -> int:
        """Every step is asked."""
        return sum(step.worst_calls for step in self.steps)

    @property
    def canonical(self) -> object:
        """The order matters: it settles ties."""
        return [[step.canonical for step in self.steps], self.need, self.timeout]

    def places(self, at: At, word: str) -> Sequence[tuple[Flow, At]]:
        """Give the steps, each with its place.

        In a loop each has a shelf of its own: several of them may be samples of one step.

        Args:
            at: where the flow stands.
            word: the word of the flow in the steps' paths.
        """
        places = [at.into(f"{word}/{index}") for index in range(len(self.steps))]
        if at.shelf is not None:
            places = [replace(one, shelf=_own(at.shelf, n)) for n, one in enumerate(places)]
        return list(zip(self.steps, places, strict=True))

    async def ask(
        self,
        at: At,
        word: str,
        ask: Callable[[int, Flow, At], Coroutine[Any, Any, T]],
        until: Callable[[Sequence[Settled[T]]], bool] | None = None,
    ) -> Sequence[Settled[T]]:
        """Ask every step at once; give how each ended, in the order of definition.

        Args:
            at: where the flow stands.
            word: the word of the flow in the steps' paths.
            ask: what is done in a branch.
            until: told which steps have answered, at least `need` of them, says whether the rest is
                no longer needed.

        Raises:
            Failure: fewer than `need` answered; it is that of the first step that failed.
        """
        at = at.within(self.timeout, (await Now()).monotonic)
        spare = len(self.steps) - self.need

        def enough(ended: Sequence[Settled[T]]) -> bool:
            answers = [one for one in ended if one.error is None]
            failed = [one for one in ended if isinstance(one.error, Failure)]
            if len(answers) + len(failed) < len(ended) or len(failed) > spare:
                return True
            return until is not None and len(answers) >= self.need and until(answers)

        settled = await Gather(
            tuple(
                partial(ask, index, step, place)
                for index, (step, place) in enumerate(self.places(at, word))
            ),
            enough,
            at.deadline,
        )
        raise_faults(settled)
        if len(answered(settled)) < self.need:
            raise first_failure(settled)
        return settled


def answered(settled: Sequence[Settled[T]]) -> dict[int, T]:
    """Give what the steps that answered gave, by their position."""
    return {
        one.index: one.value
        for one in settled
        if one.done and one.error is None and one.value is not None
    }


def _own(shelf: dict[str, object], index: int) -> dict[str, object]:
    return cast("dict[str, object]", shelf.setdefault(f"branch {index}", {}))
