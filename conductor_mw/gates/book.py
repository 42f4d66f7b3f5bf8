"""Keep gates in a store, and let exactly one outcome of each of them win."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal
from unicodedata import category, normalize

from conductor_mw.errors import ConductorError
from conductor_mw.stores.base import Store

from .gate import CALLER, DEADLINE, Choice, Gate, Verdict
from .record import LONGEST_NAME, problem_of, read, write

TABLE: Final = "gates"
KEPT: Final = 30 * 86400.0
"""Seconds for which the record stays after a gate was decided or should have been."""

Status = Literal["recorded", "waiting", "voted", "decided", "expired", "withdrawn", "unknown"]
_HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_DONE: Final = {"approve": "approved", "reject": "rejected", "edit": "edited"}


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a verdict; as text it tells the person the truth.

    Attributes:
        status: `recorded`: it decided the gate. `waiting`: it counts, and more people must
            approve. `voted`: this person had voted before, and nothing changed. `decided`,
            `expired`, `withdrawn`: it came too late, because of somebody else, of the deadline,
            or because the run stopped waiting. `unknown`: there is no such gate.
        gate: the gate as it is now, or None where it is unknown.
        by: whose verdict this was.
    """

    status: Status
    gate: Gate | None = None
    by: str = ""

    @property
    def counts(self) -> bool:
        """Whether the verdict was taken in."""
        return self.status in ("recorded", "waiting")

    def __str__(self) -> str:
        gate = self.gate
        if gate is None:
            return "there is no such gate"
        verdict = gate.verdict
        if verdict is None:
            more = f"{gate.missing} more must approve it"
            earlier = gate.vote_of(self.by)
            if self.status == "voted" and earlier is not None:
                return f"{earlier.by} approved it already at {moment(earlier.utc)}; {more}"
            return f"recorded; {more}"
        if self.status == "recorded":
            return f"{_DONE[verdict.choice]} by {_names(gate)}"
        return f"it was decided already: {told(gate)}"


@dataclass(frozen=True, slots=True)
class Listing:
    """Gates, those whose deadline comes first in front, and the ids of records that are damaged."""

    gates: tuple[Gate, ...]
    damaged: tuple[str, ...] = ()


class Gates:
    """The gates in a store. Safe from many threads and processes at once.

    Times are UTC seconds, given by the caller. Use it through `Io` where a run waits.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # Who waits reads the same record again and again.
        self._last: tuple[bytes, Gate] | None = None

    def open(self, gate: Gate, now: float) -> Gate:
        """Give the gate of this id as it is kept; it is made where there is none.

        Its deadline, and whatever was decided, are those of the first opening.

        Raises:
            ConductorError: it is no gate as it should be, the record is damaged, or another
                question was asked under this id, so that its approval would mean something else.
        """
        while True:
            if self._swap(None, gate, now):
                return gate
            found = self.get(gate.id, now)
            if found is None:
                continue
            if not found.asks_as(gate):
                raise ConductorError(
                    "something else was asked at a gate of this name",
                    where=gate.id,
                    mend="Give every run its own id; a Conductor with a `seed` repeats them.",
                )
            return found

    def get(self, gate_id: str, now: float) -> Gate | None:
        """Give a gate, or None where there is none.

        Raises:
            ConductorError: the record is damaged.
        """
        record = self._store.get(TABLE, gate_id, now=now)
        return None if record is None else self._read(gate_id, record)

    def ids(self, now: float, prefix: str = "") -> tuple[str, ...]:
        """Give the ids that begin with `prefix`; only itself where it is a whole id."""
        found = self._store.keys(TABLE, now=now, prefix=prefix)
        return (prefix,) if prefix in found else found

    def list(self, now: float, *, queue: str = "", decided: bool = False) -> Listing:
        """Give the gates that wait.

        Args:
            now: the moment.
            queue: only those of this queue.
            decided: whether those that wait no more are given as well.
        """
        gates: list[Gate] = []
        damaged: list[str] = []
        for gate_id in self.ids(now):
            try:
                gate = self.get(gate_id, now)
            except ConductorError:  # one bad record must not hide the others
                damaged.append(gate_id)
                continue
            if gate is None or (queue and gate.queue != queue):
                continue
            if decided or gate.state(now) == "open":
                gates.append(gate)
        gates.sort(key=lambda one: (one.deadline or float("inf"), one.opened, one.id))
        return Listing(tuple(gates), tuple(damaged))

    def decide(self, gate_id: str, verdict: Verdict, now: float) -> Decided:
        """Take in a verdict, or say why it comes too late.

        Args:
            gate_id: the gate.
            verdict: what a person decided; its time is set to `now`.
            now: the moment.

        Raises:
            ConductorError: the gate does not offer this choice, the name is missing or is none a
                person can have, or the record is damaged.
        """
        verdict = replace(verdict, by=_name(verdict.by), utc=now)
        nobody = _nobody(verdict.by)
        if nobody:
            raise ConductorError(nobody, mend="Give the name of who decides.")

        def vote(gate: Gate) -> Verdict | None:
            problem = problem_of(gate, verdict)
            if problem:
                raise ConductorError(problem, where=gate_id)
            return None if gate.vote_of(verdict.by) else verdict

        changed = self._change(gate_id, now, vote)
        if changed is None:
            return Decided("unknown")
        return Decided(_status(*changed), changed[0], verdict.by)

    def objection(self, gate: Gate, verdict: Verdict) -> str:
        """Say why a gate as it is now cannot take a verdict, or give an empty text."""
        verdict = replace(verdict, by=_name(verdict.by))
        if gate.vote_of(verdict.by):
            return str(Decided("voted", gate, verdict.by))
        return _nobody(verdict.by) or problem_of(gate, verdict)

    def look(self, gate_id: str, now: float) -> Gate | None:
        """Give a gate; one whose deadline passed decides itself first, and that is recorded."""
        changed = self._change(gate_id, now, lambda _: None)
        return None if changed is None else changed[0]

    def withdraw(self, gate: Gate, now: float, *, by: str = CALLER) -> Gate:
        """Close a gate for which nobody waits any more, unless it was decided before.

        A gate that was not opened yet is kept as closed, so that nobody opens it afterwards. One
        that asks something else under the same id is left alone.
        """
        closing = Verdict(choice="reject", by=by, utc=now)
        while True:
            changed = self._change(
                gate.id, now, lambda found: closing if found.asks_as(gate) else None
            )
            if changed is not None:
                return changed[0]
            closed = replace(gate, votes=(closing,))
            if self._swap(None, closed, now):
                return closed

    def _change(
        self, gate_id: str, now: float, vote: Callable[[Gate], Verdict | None]
    ) -> tuple[Gate, bool] | None:
        """Add a vote to an open gate; gives the gate, and whether a vote was added."""
        while True:
            record = self._store.get(TABLE, gate_id, now=now)
            if record is None:
                return None
            gate = self._read(gate_id, record)
            if gate.verdict is not None:
                return gate, False
            added = _of_itself(gate, now) if gate.overdue(now) else vote(gate)
            if added is None:
                return gate, False
            changed = replace(gate, votes=(*gate.votes, added))
            # Somebody else may have voted since it was read: then everything is asked again.
            if self._swap(record, changed, now):
                return changed, True

    def _read(self, gate_id: str, record: bytes) -> Gate:
        last = self._last
        if last is None or last[0] != record or last[1].id != gate_id:
            last = self._last = record, read(gate_id, record)
        return last[1]

    def _swap(self, before: bytes | None, gate: Gate, now: float) -> bool:
        verdict = gate.verdict
        end = gate.deadline if verdict is None else verdict.utc
        expires = None if end is None else max(end, now) + KEPT
        return self._store.swap(TABLE, gate.id, before, write(gate), now=now, expires=expires)


def told(gate: Gate) -> str:
    """Say how and when a gate was decided, or that it is open."""
    verdict = gate.verdict
    if verdict is None:
        return "it is open"
    at = moment(verdict.utc)
    if verdict.by == CALLER:
        return f"the run stopped waiting at {at}"
    if verdict.by == DEADLINE:
        return f"its deadline passed, so it was {_DONE[verdict.choice]} at {at}"
    return f"{_DONE[verdict.choice]} by {_names(gate)} at {at}"


def moment(utc: float) -> str:
    """Write a UTC second as people read it.

    >>> moment(1_780_000_000)
    '2026-05-28 20:26:40 UTC'
    """
    return f"{datetime.fromtimestamp(utc, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _name(by: str) -> str:
    """Give a name without what nobody sees: spaces and hidden signs make no second person."""
    plain = normalize("NFKC", by[: 2 * LONGEST_NAME])
    return " ".join(
        "".join(" " if sign.isspace() else sign for sign in plain if _seen(sign)).split()
    )


def _nobody(by: str) -> str:
    return f"{by!r} is no person's name" if by.casefold() in (DEADLINE, CALLER) else ""


def _seen(sign: str) -> bool:
    return sign.isspace() or category(sign) not in _HIDDEN


def _names(gate: Gate) -> str:
    verdict = gate.verdict
    if verdict is None or verdict.choice != "approve":
        return verdict.by if verdict else ""
    names = [vote.by for vote in gate.votes]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _of_itself(gate: Gate, now: float) -> Verdict:
    choice: Choice = "approve" if gate.on_timeout == "approve" else "reject"
    return Verdict(choice=choice, by=DEADLINE, utc=now)


def _status(gate: Gate, added: bool) -> Status:
    final = gate.verdict
    if final is None:
        return "waiting" if added else "voted"
    if final.by == DEADLINE:
        return "expired"
    if final.by == CALLER:
        return "withdrawn"
    return "recorded" if added else "decided"
