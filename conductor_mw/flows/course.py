"""How far a sequence has come: what its steps gave so far, and whose answer is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from conductor_mw.errors import Failure

from .gives import blank
from .reply import FIELDS, Reply

if TYPE_CHECKING:
    from conductor_mw.request import Request

    from .base import At
    from .sequence import InSequence
    from .step import Step


class Course:
    """One sequence on its way.

    Attributes:
        at: where the sequence stands; it knows what the steps gave so far.
        cut: whether a failure ended it early and the last good answer is given.
    """

    def __init__(self, sequence: InSequence, at: At) -> None:
        self.at = at
        self.cut = False
        self._replies: dict[str, Reply] = {}
        self._given: dict[str, object] | None = None
        if at.shelf is not None:
            before = cast("dict[str, object]", at.shelf.get(sequence.shelf_key, {}))
            if sequence.loops:
                self.at = at.knowing({**_blanks(sequence), **before})
            nothing = Reply(ran=False)
            self._given = {}
            for step in sequence.steps:
                self._given |= step.told(nothing)
            at.shelf[sequence.shelf_key] = self._given

    def take(self, step: Step, request: Request, reply: Reply) -> None:
        """Take in how a step went: later steps may read it, and undo it."""
        self._replies[step.word] = reply
        facts = step.told(reply)
        if facts:
            self.at = self.at.knowing(facts)
        if self._given is not None:
            self._given |= facts
        if reply.ran and reply.failure is None:
            step.done(request, self.at)

    def result(self, chosen: Step | None) -> Reply:
        """Give the sequence's answer.

        Args:
            chosen: the step whose answer it is, or None for the last that answered.

        Raises:
            Failure: that step failed, or no step answered.
        """
        reply = None if chosen is None else self._replies.get(chosen.word)
        if reply is not None and reply.ran and not (self.cut and reply.failure):
            if reply.failure is not None:
                raise reply.failure
            return reply
        answered = [one for one in self._replies.values() if one.ran and one.failure is None]
        if answered:
            return answered[-1]
        failures = [one.failure for one in self._replies.values() if one.failure is not None]
        if failures:
            raise failures[-1]
        raise Failure("invalid_output", f"no step of {self.at.path or 'the sequence'!r} ran")


def _blanks(sequence: InSequence) -> dict[str, object]:
    found: dict[str, object] = {}
    for step in sequence.steps:
        for name in step.names:
            found |= blank(name, {**FIELDS, **step.shape})
    return found
