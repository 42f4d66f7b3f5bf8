"""What happens to calls of an agent that is not asked as usual: refused, or let through as probes.

A circuit is half-open while probes are under way: a counted number of calls goes through, each with
a permit that is only lent. All of them must answer well; the first that fails opens it again.
"""

from __future__ import annotations

import random
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Literal

from conductor_mw import Failure, Io, Outcome

from .circuit import Circuit
from .fleet import Fleet
from .guarded import Guarded, has_failed, is_slow
from .records import Note, Trip
from .steps import Admission, Verdict

StoreDown = Literal["local", "refuse", "allow"]
Token = int | str | None
"""The epoch in which a call began, or the name of a probe, or nothing where it is not counted."""
_AGAIN: Final = 1.0
"""Seconds after which to try again where all permits are lent."""
_SHOWN: Final = 200


class Probing:
    """Refuses calls and lends permits.

    Args:
        guarded: the agents by id.
        fleet: the circuits, here and elsewhere.
        store_down: what happens while the store cannot be reached.
        dice: chance.
    """

    def __init__(
        self,
        guarded: Mapping[str, Guarded],
        fleet: Fleet,
        store_down: StoreDown,
        dice: random.Random,
    ) -> None:
        self.guarded = guarded
        self.fleet = fleet
        self._store_down = store_down
        self._dice = dice

    def refusal(self, guarded: Guarded) -> Failure | None:
        """Give why a call of the agent would be refused now, or None where it would go through."""
        circuit, fleet = guarded.circuit, self.fleet
        if circuit.plain:
            return None
        record = circuit.record
        if circuit.rests and record.note is not None:
            utc = fleet.clock.now().utc
            if record.note.holds(utc):
                return _drained(circuit.agent, record.note, utc)
        if record.trip is None or self._stands_aside:
            return None
        return self._shut(guarded, record.trip)

    def enter(self, guarded: Guarded) -> Token | Coroutine[Any, Any, Token]:
        """Let a call of an agent go on that is not asked as usual; gives its token.

        Raises:
            Failure: of kind `circuit_open`.
        """
        circuit, fleet = guarded.circuit, self.fleet
        if circuit.rests:
            fleet.lapse(circuit)
        with circuit.lock:
            refusal = self.refusal(guarded)
            trip, epoch = circuit.record.trip, circuit.epoch
            asks = refusal is None and trip is not None and not self._stands_aside
            circuit.asking += asks
        if refusal is not None:
            raise refusal
        if not asks:
            return epoch if trip is None else None
        thresholds = guarded.thresholds
        admission = Admission(
            fleet.name(), fleet.time(), thresholds.probes, thresholds.probe_within
        )
        if fleet.ledger is not None:
            return self._ask_for_permit(guarded, admission)
        try:
            fleet.change_here(circuit, admission)
        finally:
            self._asked(circuit)
        return self._token(guarded, admission)

    def ended(
        self, guarded: Guarded, probe: str, outcome: Outcome | None, run: str
    ) -> Coroutine[Any, Any, None] | None:
        """Take in how a probe ended."""
        failed = None if outcome is None else has_failed(outcome)
        if outcome is not None and failed is False:
            failed = is_slow(outcome, guarded.thresholds)
        fleet = self.fleet
        asked = None if outcome is None else outcome.retry_after
        verdict = Verdict(
            probe, failed, fleet.time(), guarded.thresholds, self._dice.random(), asked
        )
        kind = "" if outcome is None else outcome.kind or ""
        if fleet.ledger is not None:
            return self._hand_in(guarded, verdict, kind, run)
        fleet.change_here(guarded.circuit, verdict)
        self._tell(guarded, verdict, kind, run)
        return None

    def open(self, guarded: Guarded, outcome: Outcome, run: str) -> None:
        """Open the circuit of an agent whose calls failed, or were slow, too often."""
        circuit, fleet, thresholds = guarded.circuit, self.fleet, guarded.thresholds
        now, length = fleet.time(), thresholds.length(1, 0.0, outcome.retry_after)
        if fleet.change_here(circuit, lambda record: record.opened(now, length)):
            errors = circuit.before.error_rate >= thresholds.error_rate
            because = "errors" if errors else "slow"
            self._tell_opened(circuit, because, length, 1, outcome.kind or "", run)

    @property
    def _stands_aside(self) -> bool:
        return self.fleet.down and self._store_down == "allow"

    def _shut(self, guarded: Guarded, trip: Trip) -> Failure | None:
        circuit, fleet = guarded.circuit, self.fleet
        if fleet.down and self._store_down == "refuse":
            return _rests(circuit, "the store that knows until when is away", _AGAIN)
        now = fleet.time()
        if trip.room(now, guarded.thresholds.probes, circuit.asking):
            return None
        wait = trip.wait(now)
        if wait > 0:
            return _rests(circuit, f"{circuit.why}; it is tried again in {wait:.3g} s", wait)
        return _rests(circuit, "whether it works again is being found out", _AGAIN)

    async def _ask_for_permit(self, guarded: Guarded, admission: Admission) -> Token:
        circuit, fleet = guarded.circuit, self.fleet
        try:
            await Io(lambda: fleet.change(circuit, admission))
        finally:
            self._asked(circuit)
        if admission.granted and fleet.down and self._store_down != "local":
            fleet.change_here(circuit, admission.given_back)
            admission.granted = False
        return self._token(guarded, admission)

    def _asked(self, circuit: Circuit) -> None:
        with circuit.lock:
            circuit.asking -= 1

    def _token(self, guarded: Guarded, admission: Admission) -> Token:
        circuit = guarded.circuit
        if admission.granted:
            if admission.first:
                self.fleet.tell(
                    "breaker.half_open", agent=circuit.agent, probes=guarded.thresholds.probes
                )
            return admission.probe
        if circuit.plain:
            return circuit.epoch
        if self._stands_aside:
            return None
        raise self.refusal(guarded) or _rests(circuit, "other calls find out", _AGAIN)

    async def _hand_in(self, guarded: Guarded, verdict: Verdict, kind: str, run: str) -> None:
        await Io(lambda: self.fleet.change(guarded.circuit, verdict))
        self._tell(guarded, verdict, kind, run)

    def _tell(self, guarded: Guarded, verdict: Verdict, kind: str, run: str) -> None:
        circuit = guarded.circuit
        if verdict.opened is not None:
            trip = verdict.opened
            self._tell_opened(circuit, "probe", trip.length, trip.times, kind, run)
        elif verdict.closed is not None:
            trip = verdict.closed
            self.fleet.tell(
                "breaker.closed",
                run=run,
                agent=circuit.agent,
                probes=guarded.thresholds.probes,
                times=trip.times,
                seconds=round(self.fleet.time() - trip.since, 3),
            )

    def _tell_opened(
        self, circuit: Circuit, because: str, length: float, times: int, kind: str, run: str
    ) -> None:
        seen = circuit.before
        self.fleet.tell(
            "breaker.opened",
            run=run,
            agent=circuit.agent,
            because=because,
            kind=kind,
            calls=seen.calls,
            error_rate=round(seen.error_rate, 4),
            slow_rate=round(seen.slow_rate, 4),
            open_for=round(length, 3),
            times=times,
        )


def _rests(circuit: Circuit, why: str, wait: float) -> Failure:
    problem = f"agent {circuit.agent!r} rests: {why}"
    return Failure("circuit_open", problem, agent=circuit.agent, retry_after=wait)


def _drained(agent: str, note: Note, utc: float) -> Failure:
    because = f": {note.because[:_SHOWN]}" if note.because else ""
    return Failure(
        "circuit_open",
        f"agent {agent!r} was drained by {note.by[:_SHOWN]}{because}",
        agent=agent,
        retry_after=None if note.until is None else note.until - utc,
    )
