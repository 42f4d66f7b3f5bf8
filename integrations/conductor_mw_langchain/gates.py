"""Ask people from inside a graph of LangGraph: it is interrupted, and resumed with a verdict."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Protocol

from conductor_mw import Attempted, ConductorError, Gate, Part, Parts, Request, Verdict

from .graph import Node, in_pass, interrupts
from .journal import Journal
from .replaying import cut_before, journalled, left_by_agents, said
from .verdicts import verdict_of

TYPE: Final = "conductor_gate"
"""The `type` of an interrupt's value that asks at a gate."""


class Approvals(Protocol):
    """The app's own way to ask people where there is no graph; see `Conductor(approvals=)`."""

    def __call__(self, gate: Gate, /) -> Verdict | Awaitable[Verdict | None] | None:
        """Give a verdict, or None to leave the gate to the store's queue."""
        ...


class GraphApprovals:
    """Asks people with LangGraph's `interrupt()` where a node of a graph asks.

    The graph needs a checkpointer, which keeps what agents said before the gate: when the graph is
    resumed, with `Command(resume=True)` for example, no model is asked again.

    Args:
        inner: asks people outside a graph, and where there is no checkpointer; None leaves them to
            the queue of the policy's store.

    Example:
        >>> from conductor_mw import Conductor
        >>> policy = '''
        ... agents: [{id: leads, human: support-leads}]
        ... routing: {default: leads}
        ... '''
        >>> conductor = Conductor.from_text(policy, approvals=GraphApprovals())
    """

    def __init__(self, inner: Approvals | None = None) -> None:
        """Ask people from inside graphs, and in the app's own way elsewhere."""
        self._inner = inner

    def __call__(self, gate: Gate) -> Verdict | Awaitable[Verdict | None] | None:
        """Ask in the app's own way."""
        return None if self._inner is None else self._inner(gate)

    def visit(self) -> GraphVisit | None:
        """Give the pass of the node that the caller is in, or None where there is none."""
        return in_pass(GraphVisit)


@dataclass(slots=True)
class _Answer:
    """What the graph was resumed with for a question.

    Attributes:
        value: the resume value.
        run: the run that read it.
        early: whether it came before the question was asked.
    """

    value: object
    run: str
    early: bool


class GraphVisit:
    """One pass of a node: what was asked in it and in earlier ones, and what was kept.

    LangGraph gives resume values in the order in which a node asks. Branches come to their gates in
    any order, so this keeps the order of the first asking, and a value is read for that question
    for which the graph was interrupted, whoever comes first now.
    """

    def __init__(self, node: Node) -> None:
        self._journal = Journal(node)
        self._gates: dict[str, str] = {}
        self._asked: list[Mapping[str, Any]] | None = None
        self._answers: list[_Answer] = []
        self._left: BaseException | None = None
        self._lock = threading.Lock()

    def seed(self, request: Request) -> str:
        """Give a seed, the same in every pass: what chance chose for a request it chooses again."""
        return self._journal.key("chance", self._journal.task, said(request))

    async def reopened(self, gate: Gate) -> Gate:
        """Give a gate with the opening and the deadline of the first pass that came to it."""
        await self._journal.load()
        question = self._journal.key(
            gate.agent, gate.path, gate.queue, gate.show, gate.approves, gate.choices, gate.quorum
        )
        with self._lock:
            self._gates[gate.id] = question
            first = next((one for one in self._earlier() if one["question"] == question), None)
        if first is None:
            return gate
        return replace(
            gate,
            opened=first["opened"],
            deadline=first["deadline"],
            on_timeout=first["on_timeout"],
        )

    async def ask(self, gate: Gate, objection: Callable[[Verdict], str]) -> Verdict:
        """Give what the graph was resumed with; interrupt it where it was not.

        What is no verdict of this gate is refused: the graph is interrupted again, and the value
        of that interrupt says why.

        Raises:
            GraphInterrupt: nobody has answered yet.
        """
        cut_before(self._journal, gate)
        await self._journal.save()
        asked = _asked_of(self._gates[gate.id], gate)
        problem, tries = "", 0
        while True:
            try:
                answer = self._answer(f"{asked} {tries}", self._question(asked, gate, problem))
            except BaseException as error:
                if interrupts(error):  # only now it is sure that this is what the graph waits for
                    await self._journal.save()
                raise
            try:
                verdict = self._verdict(answer, gate, asked)
                problem = objection(verdict)
            except ConductorError as refused:
                problem = f"{refused.problem}. {refused.mend}"
            else:
                if not problem:
                    return verdict
            tries += 1

    def _verdict(self, answer: _Answer, gate: Gate, asked: str) -> Verdict:
        if answer.early:
            raise ConductorError(
                "the graph was resumed before this was asked", mend="It counts for nothing."
            )
        elsewhere = answer.run != gate.run or left_by_agents(self._journal)
        return verdict_of(answer.value, gate, asked, named=elsewhere)

    def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> AsyncGenerator[Part, None]:
        """Give what an earlier pass got from this attempt; else make it, and keep what it gives."""
        return journalled(self._journal, attempt, proceed)

    def _answer(self, asked: str, question: Mapping[str, Any]) -> _Answer:
        with self._lock:
            if self._left is not None:
                raise copy(self._left)
            earlier = self._earlier()
            places = [number for number, one in enumerate(earlier) if one["asked"] == asked]
            last = places[0] if places else len(earlier) - 1
            run = question["run"]
            while len(self._answers) <= last:
                one = earlier[len(self._answers)]
                self._next(one["value"], run, early=one["early"])
            if places:
                return self._answers[places[0]]
            record = {**question, "asked": asked, "early": False}
            try:
                self._next(question["value"], run, early=True)
            except BaseException as error:
                if interrupts(error):
                    self._journal.keep(f"asked {len(earlier)}", record)
                raise
            record["early"] = True
            self._journal.keep(f"asked {len(earlier)}", record)
            earlier.append(record)
            return self._answers[-1]

    def _next(self, value: object, run: str, *, early: bool) -> None:
        from langgraph.types import interrupt

        try:
            self._answers.append(_Answer(interrupt(value), run, early))
        except BaseException as error:
            if interrupts(error):
                # One question at a time: whoever comes later raises the same. A copy, because the
                # frames of this one's traceback hold what the pass is remembered by.
                self._left = copy(error)
            raise

    def _earlier(self) -> list[Mapping[str, Any]]:
        """Give what was asked in earlier passes, in its order."""
        if self._asked is None:
            self._asked = []
            while (record := self._journal.get(f"asked {len(self._asked)}")) is not None:
                self._asked.append(record)
        return self._asked

    def _question(self, asked: str, gate: Gate, problem: str) -> Mapping[str, Any]:
        value: dict[str, Any] = {
            "type": TYPE,
            "gate": asked,
            "agent": gate.agent,
            "queue": gate.queue,
            "show": gate.show,
            "text": gate.approves,
            "choices": list(gate.choices),
            "deadline": gate.deadline,
            "on_timeout": gate.on_timeout,
            "quorum": gate.quorum,
            "missing": gate.missing,
            "votes": [
                {"by": vote.by, "choice": vote.choice, "comment": vote.comment}
                for vote in gate.votes
            ],
        }
        if problem:
            value["problem"] = problem
        return {
            "question": self._gates[gate.id],
            "run": gate.run,
            "opened": gate.opened,
            "deadline": gate.deadline,
            "on_timeout": gate.on_timeout,
            "value": value,
        }


def _asked_of(question: str, gate: Gate) -> str:
    """Give the id of what is asked of the next person; each of a quorum is asked anew."""
    votes = "".join(f" {vote.choice} {vote.by.casefold()}" for vote in gate.votes)
    return sha256((question + votes).encode("utf-8", "surrogatepass")).hexdigest()[:32]
