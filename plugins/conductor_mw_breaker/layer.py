"""The layer around every attempt, and what apps call on it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from conductor_mw import AgentState, Attempted, Board, ConductorError, nearest

from .circuit import Circuit
from .guarded import has_failed, is_slow
from .probing import Probing, Token
from .records import Note


class Breaker:
    """Counts calls, and refuses those of agents that fail.

    Args:
        probing: the agents, and what happens to calls of those that are not asked as usual.
        board: what the core saw of the agents.
    """

    def __init__(self, probing: Probing, board: Board) -> None:
        self._probing = probing
        self._guarded = probing.guarded
        self._fleet = probing.fleet
        self._board = board

    def begin_attempt(self, attempt: Attempted) -> Token | Coroutine[Any, Any, Token]:
        """Let the attempt go on.

        Raises:
            Failure: of kind `circuit_open`.
        """
        guarded = self._guarded.get(attempt.agent.id)
        if guarded is None:
            return None
        circuit = guarded.circuit
        epoch = circuit.epoch  # first: once it is not plain any longer, a new epoch has begun
        return epoch if circuit.plain else self._probing.enter(guarded)

    def end_attempt(self, attempt: Attempted, token: Token) -> Coroutine[Any, Any, None] | None:
        """Count how it ended."""
        if token is None:
            return None
        guarded, outcome = self._guarded[attempt.agent.id], attempt.outcome
        if isinstance(token, str):
            return self._probing.ended(guarded, token, outcome, attempt.run.id)
        if outcome is None or not guarded.counted:
            return None
        # As `has_failed` says it; an answer needs none of its questions.
        failed = outcome.kind is not None or outcome.error is not None
        if failed or outcome.finish == "cut" or outcome.by:
            told = has_failed(outcome)
            if told is None:
                return None
            failed = told
        thresholds = guarded.thresholds
        slow = thresholds.slow_after is not None and is_slow(outcome, thresholds)
        ended = outcome.started + outcome.seconds
        if guarded.circuit.count(token, ended, thresholds, failed, slow):
            self._probing.open(guarded, outcome, attempt.run.id)
        return None

    def state(self, agent: str) -> AgentState:
        """Give how an agent is doing, for conditions and flows.

        An agent that may be probed is not open: somebody has to be sent there.
        """
        p95_ms = self._board.figures(agent).p95_ms or 0.0
        guarded = self._guarded.get(agent)
        if guarded is None:
            return AgentState(p95_ms=p95_ms)
        circuit = guarded.circuit
        return AgentState(
            open=not circuit.plain and self._probing.refusal(guarded) is not None,
            error_rate=circuit.error_rate(self._fleet.clock.monotonic()),
            p95_ms=p95_ms,
        )

    def drain(
        self, agent: str, *, by: str, because: str = "", seconds: float | None = None
    ) -> None:
        """Let an agent rest until somebody resumes it, or for some seconds.

        It holds here at once, and elsewhere within about a second. Where the store is shared, this
        waits for it.

        Args:
            agent: its id.
            by: who says so.
            because: why, for the record and for whoever is refused.
            seconds: after which it works again by itself.

        Raises:
            ConductorError: the policy has no such agent.
        """
        utc = self._fleet.clock.now().utc
        note = Note(by, because, utc, None if seconds is None else utc + seconds)
        self._fleet.change(self._known(agent), lambda record: record.with_note(note))

    def resume(self, agent: str, *, by: str, because: str = "") -> None:
        """Let a drained agent work again, and close its circuit.

        Raises:
            ConductorError: the policy has no such agent.
        """
        note = Note(by, because, self._fleet.clock.now().utc, resumed=True)
        self._fleet.change(
            self._known(agent), lambda record: record.with_note(note).with_trip(None)
        )

    def refresh(self) -> None:
        """Bring this process and the store to the same state now; a thread does so every second."""
        self._fleet.refresh()

    def _known(self, agent: str) -> Circuit:
        guarded = self._guarded.get(agent)
        if guarded is None:
            mend = nearest(agent, self._guarded)
            raise ConductorError(f"the policy has no agent {agent[:80]!r}", mend=mend)
        return guarded.circuit
