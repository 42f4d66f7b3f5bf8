"""What would undo the steps that are done, and running it when a later step fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Final

from conductor_mw.effects import Now
from conductor_mw.errors import Failure, Unwind
from conductor_mw.failures import leaves_on_purpose

from .reply import collect

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At, Flow

OWN_TIME: Final = 30.0
"""Seconds for each undo; the run's own deadline may have passed already."""
_LONGEST_NOTE: Final = 500
# Nobody's failure undoes what these did.
_ALONE: Final = frozenset(("shadow", "undo", "signal"))


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes a step that is done.

    Attributes:
        flow: who undoes it.
        request: what the step was asked.
        at: where; it knows what the step gave.
        seconds: how long it may take, or None where `flow` says so itself.
    """

    flow: Flow
    request: Request
    at: At
    seconds: float | None = OWN_TIME


class Undos:
    """The steps that are done and could be undone, within one flow of a run.

    A flow that ends well hands them to the flow around it, which may fail yet; one that fails runs
    them, last done first. Branches that run at once may share one.

    Attributes:
        around: those of the flow around, or None.
        numbers: counts the steps of the whole run in the order in which they were done.
    """

    def __init__(self, around: Undos | None = None) -> None:
        self.around = around
        self.numbers: Iterator[int] = count() if around is None else around.numbers
        self._done: list[tuple[int, Undo]] = []
        self._over = False

    def add(self, undo: Undo) -> None:
        """Remember how to undo a step that is done now."""
        self._done.append((next(self.numbers), undo))

    def hand_over(self) -> Sequence[Undo]:
        """Leave everything to the flow around; gives what stays where there is none."""
        done, self._done, self._over = self._done, [], True
        if self.around is not None and self.around.take(done):
            return ()
        return _last_first(done)

    def take(self, done: Sequence[tuple[int, Undo]]) -> bool:
        """Take over what is done within a flow inside; gives False where it comes too late."""
        if not self._over:
            self._done.extend(done)
        return not self._over

    async def run(self, error: Exception) -> None:
        """Undo every step that is done, last done first. One that fails stops none of the others.

        Args:
            error: why; what could not be undone is noted on it.
        """
        done, self._done, self._over = _last_first(self._done), [], True
        for position, undo in enumerate(done):
            try:
                await _run(undo)
            except Exception as problem:  # a fault of one undo must not keep the others from theirs
                if not _undoes(problem):
                    raise
                await _surface(undo, problem, error)
            except BaseException:  # the caller leaves: what stays undone must be told; raised again
                await _leave(done[position:])
                raise


def begin_undos(at: At) -> Undos:
    """Give a place for what is done within a flow that begins."""
    return Undos(None if at.purpose in _ALONE else at.undos)


async def settle(undos: Undos, error: BaseException | None) -> None:
    """End a flow whose steps may have been done: undo them, or leave them to the flow around.

    A caller who cancels or stops reading is no failed step: the answer was perhaps all that was
    wanted, and undoing would keep the caller waiting for calls that nobody asked for. So nothing is
    undone then; an event tells what was left as it is. Whoever leaves a run on purpose, to take it
    up again, finds it as it was.

    Args:
        undos: what is done within the flow.
        error: what ended it, or None where it answered.
    """
    if isinstance(error, Exception) and _undoes(error):
        await undos.run(error)
        return
    left = undos.hand_over()
    # Where the flow around has ended, this was a branch that nobody waited for any more.
    if undos.around is not None or (error is not None and not isinstance(error, Exception)):
        await _leave(left)


def _undoes(error: Exception) -> bool:
    return not isinstance(error, Unwind) and not leaves_on_purpose(error)


async def _run(undo: Undo) -> None:
    at = replace(undo.at, deadline=None, rescued=frozenset(), shelf=None, undos=None)
    at = at.hidden("undo").within(undo.seconds, (await Now()).monotonic)
    await collect(undo.flow, undo.request, at)


async def _surface(undo: Undo, problem: Exception, error: Exception) -> None:
    kind = problem.kind if isinstance(problem, Failure) else type(problem).__name__
    note = f"not undone: {undo.at.path}: {str(problem)[:_LONGEST_NOTE]}"
    error.add_note(note)
    undo.at.run.notes.append(note)
    await undo.at.run.tell("undo_failed", undo.at.path, kind=kind)


async def _leave(left: Sequence[Undo]) -> None:
    for undo in left:
        await undo.at.run.tell("undo_left", undo.at.path)


def _last_first(done: Sequence[tuple[int, Undo]]) -> Sequence[Undo]:
    return [undo for _, undo in sorted(done, key=lambda entry: entry[0], reverse=True)]
