"""Print gates: as a table, one in full, and as JSON."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from conductor_mw.gates import Decided, Gate, Listing, Verdict, moment, told

from . import console

_SHORTEST: Final = 8
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_ITSELF: Final = {"reject": "rejects", "approve": "approves", "fail": "fails"}


def as_table(found: Listing, ids: Sequence[str], now: float) -> str:
    """Give the table of gates; short ones stay unique among `ids`, all of the store, sorted."""
    columns = (
        console.Column("gate", style="name"),
        console.Column("queue", least=8),
        console.Column("agent", least=8, style="quiet"),
        console.Column("waits", right=True),
        console.Column("left", right=True, style="warn"),
        console.Column("state"),
        console.Column("shown", least=20),
    )
    rows = [
        (
            _short(gate.id, ids),
            gate.queue,
            gate.agent,
            span(now - gate.opened),
            _left(gate, now),
            _state(gate, now),
            gate.show,
        )
        for gate in found.gates
    ]
    return console.table(columns, rows)


def gate_lines(gate: Gate, now: float) -> Iterator[str]:
    """Give everything about a gate, harmless for a terminal."""
    yield console.paint(console.harmless(gate.id), "name")
    about = [
        ("queue", gate.queue),
        ("agent", gate.agent),
        ("asked", f"{moment(gate.opened)}, {span(now - gate.opened)} ago"),
        ("state", _state(gate, now) if gate.verdict is None else told(gate)),
    ]
    if gate.state(now) == "open":
        about.append(("choices", ", ".join(gate.choices)))
        if gate.deadline is not None:
            itself = f"{_ITSELF[gate.on_timeout]} by itself in {_left(gate, now)}"
            about.append(("deadline", f"{moment(gate.deadline)}, {itself}"))
    about += [("vote", _vote(vote)) for vote in gate.votes]
    columns = (console.Column(style="quiet"), console.Column(least=20))
    yield console.table(columns, about, indent=2)
    yield from _text("shown", gate.show)
    if gate.text is not None:
        yield from _text("goes on", gate.text)
    if gate.verdict is not None and gate.verdict.choice == "edit":
        yield from _text("edited", gate.verdict.text)


def as_json(found: Listing, now: float) -> dict[str, object]:
    """Give a listing as plain data."""
    gates = [gate_json(gate, now) for gate in found.gates]
    return {"gates": gates, "damaged": list(found.damaged)}


def decided_json(decided: Decided, now: float) -> dict[str, object]:
    """Give what came of a verdict as plain data."""
    gate = None if decided.gate is None else gate_json(decided.gate, now)
    return {"status": decided.status, "said": str(decided), "gate": gate}


def gate_json(gate: Gate, now: float) -> dict[str, object]:
    """Give a gate as plain data, with its times in words."""
    verdict = gate.verdict
    return {
        "id": gate.id,
        "run": gate.run,
        "path": gate.path,
        "agent": gate.agent,
        "queue": gate.queue,
        "state": gate.state(now),
        "show": gate.show,
        "text": gate.approves,
        "choices": list(gate.choices),
        "opened": moment(gate.opened),
        "deadline": None if gate.deadline is None else moment(gate.deadline),
        "quorum": gate.quorum,
        "on_timeout": gate.on_timeout,
        "votes": [_vote_json(vote) for vote in gate.votes],
        "verdict": None if verdict is None else _vote_json(verdict),
    }


def span(seconds: float) -> str:
    """Give a length of time in its two largest units.

    >>> span(172_000), span(61), span(0.4)
    ('1 d 23 h', '1 min 1 s', '0 s')
    """
    left = max(0, int(seconds))
    said: list[str] = []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count or said:
            said.append(f"{count} {unit}")
    return " ".join(one for one in said[:2] if not one.startswith("0 ")) or "0 s"


def _short(gate_id: str, ids: Sequence[str]) -> str:
    """Give the shortest beginning, of eight letters at least, that none of the sorted ids has."""
    at = bisect_left(ids, gate_id)
    beside = [one for one in ids[max(0, at - 1) : at + 2] if one != gate_id]
    shared = max((_shared(gate_id, one) for one in beside), default=0)
    return gate_id[: max(_SHORTEST, shared + 1)]


def _shared(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    same = (at for at, (left, right) in enumerate(pairs) if left != right)
    return next(same, min(len(one), len(other)))


def _left(gate: Gate, now: float) -> str:
    if gate.deadline is None or gate.state(now) != "open":
        return ""
    return span(gate.deadline - now)


def _state(gate: Gate, now: float) -> str:
    if gate.state(now) != "open" or gate.quorum == 1:
        return gate.state(now)
    return f"open, {len(gate.votes)} of {gate.quorum}"


def _vote(vote: Verdict) -> str:
    comment = f": {vote.comment}" if vote.comment else ""
    return f"{vote.by}, {vote.choice}, {moment(vote.utc)}{comment}"


def _vote_json(vote: Verdict) -> dict[str, object]:
    return {
        "choice": vote.choice,
        "by": vote.by,
        "at": moment(vote.utc),
        "comment": vote.comment,
        "text": vote.text,
    }


def _text(head: str, text: str) -> Iterator[str]:
    yield ""
    yield console.paint(head, "head")
    yield from (f"  {line}".rstrip() for line in console.harmless(text).split("\n"))
