"""A gate as bytes and back: what is not exactly a gate is refused, and so never counts as decided.

A record may have been written by another version, cut, or changed by hand. Whoever reads it gets
either a gate whose votes were all allowed, or an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final, cast, get_args

from conductor_mw.errors import ConductorError

from .gate import CALLER, DEADLINE, LARGEST_TEXT, MOST_PEOPLE, Choice, Gate, OnTimeout, Verdict

_VERSION: Final = 1
LONGEST_NAME: Final = 200
_LONGEST_ID: Final = 2_000
_LONGEST_COMMENT: Final = 10_000
_LATEST: Final = 253_402_300_799.0
"""The last second of the year 9999, which dates cannot be written beyond."""
_CHOICES: Final = frozenset[str](get_args(Choice))
_ON_TIMEOUT: Final = frozenset[str](get_args(OnTimeout))
_SORTS: Final[Mapping[str, tuple[type, ...]]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "float": (int, float),
    "int": (int,),
    "float | None": (int, float, type(None)),
    "Choice": (str,),
    "OnTimeout": (str,),
    "tuple[Choice, ...]": (tuple,),
    "tuple[Verdict, ...]": (tuple,),
}


def write(gate: Gate) -> bytes:
    """Give the canonical JSON of a gate.

    Raises:
        ConductorError: it is no gate as it should be.
    """
    problem = problem_in(gate)
    if problem:
        raise ConductorError(f"this is no gate: {problem}", where=gate.id[:LONGEST_NAME])
    # In ASCII, because a text may hold half a surrogate pair, which UTF-8 cannot.
    found = {**asdict(gate), "version": _VERSION}
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode("ascii")


def read(gate_id: str, record: bytes) -> Gate:
    """Give the gate of a record.

    Raises:
        ConductorError: the record is damaged.
    """
    try:
        return _gate(gate_id, json.loads(record))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        said = str(error) or type(error).__name__
        raise ConductorError(
            f"the record of this gate is damaged: {said[:LONGEST_NAME]}",
            where=gate_id[:LONGEST_NAME],
            mend="Nothing in it counts as an approval. Ask again in a new run.",
        ) from error


def problem_in(gate: Gate) -> str:
    """Say what keeps this from being a gate, or give an empty text."""
    problem = _wrong_type(gate) or _problem_of_question(gate)
    if problem:
        return problem
    verdict = gate.verdict
    people: set[str] = set()
    for vote in gate.votes:
        problem = problem_of(gate, vote)
        if problem:
            return problem
        if vote.by.casefold() in people:
            return "somebody voted twice"
        people.add(vote.by.casefold())
        if vote is verdict and vote is not gate.votes[-1]:
            return "somebody voted after it was decided"
    return ""


def problem_of(gate: Gate, vote: Verdict) -> str:
    """Say why this gate cannot take this vote, or give an empty text."""
    problem = _wrong_type(vote)
    if problem:
        return problem
    if vote.by == DEADLINE:
        allowed = {"reject"} | ({"approve"} & {gate.on_timeout})
    elif vote.by == CALLER:
        allowed = {"reject"}
    else:
        allowed = set(gate.choices)
    return _first(
        (
            not vote.by.strip() or len(vote.by) > LONGEST_NAME,
            f"a name has 1 to {LONGEST_NAME} letters",
        ),
        (
            vote.choice not in allowed,
            f"{vote.choice[:20]!r} is none of its choices: {', '.join(sorted(allowed))}",
        ),
        (bool(vote.text) != (vote.choice == "edit"), "an edit, and nothing else, brings a text"),
        (too_large(vote.text), f"the text is larger than {LARGEST_TEXT // 1_000_000} MB"),
        (
            len(vote.comment) > _LONGEST_COMMENT,
            f"the comment is longer than {_LONGEST_COMMENT:,} letters",
        ),
    )


def too_large(text: str) -> bool:
    """Whether a text is larger than a gate may show."""
    return len(text) > LARGEST_TEXT or len(text.encode("utf-8", "surrogatepass")) > LARGEST_TEXT


def problem_of_terms(choices: tuple[str, ...], quorum: int, on_timeout: str) -> str:
    """Say why people cannot be asked on these terms, or give an empty text."""
    known = ", ".join(sorted(_CHOICES))
    return _first(
        (
            not _CHOICES.issuperset(choices) or len(set(choices)) < len(choices),
            f"the choices are {known}, each once",
        ),
        (
            not {"approve", "edit"} & set(choices),
            "nobody could say yes: add the choice 'approve'",
        ),
        (
            not 1 <= quorum <= MOST_PEOPLE,
            f"a quorum is a whole number from 1 to {MOST_PEOPLE}",
        ),
        (
            quorum > 1 and ("edit" in choices or "approve" not in choices),
            "several people approve one text, so with a quorum nobody can edit",
        ),
        (
            on_timeout not in _ON_TIMEOUT,
            f"at its deadline it decides itself to {', '.join(sorted(_ON_TIMEOUT))}",
        ),
        (
            on_timeout == "approve" and "approve" not in choices,
            "it cannot approve itself where nobody may approve it",
        ),
    )


def _gate(gate_id: str, found: dict[str, Any]) -> Gate:
    if found.pop("version") != _VERSION:
        raise ValueError("another version wrote it")
    found["votes"] = tuple(Verdict(**vote) for vote in found["votes"])
    found["choices"] = tuple(found["choices"])
    gate = Gate(**found)
    problem = problem_in(gate)
    if problem or gate.id != gate_id:
        raise ValueError(problem or "it belongs to another gate")
    return gate


def _problem_of_question(gate: Gate) -> str:
    if gate.id != f"{gate.run}:{gate.path}" or len(gate.id) > _LONGEST_ID:
        return "its id is not `<run>:<path>`"
    if not gate.queue or len(gate.queue) > LONGEST_NAME:
        return "a queue has a name"
    if too_large(gate.show) or too_large(gate.approves):
        return f"what it shows is larger than {LARGEST_TEXT // 1_000_000} MB"
    return problem_of_terms(gate.choices, gate.quorum, gate.on_timeout)


def _wrong_type(found: Gate | Verdict) -> str:
    for one in fields(found):
        value: Any = getattr(found, one.name)
        allowed = _SORTS[cast("str", one.type)]
        if not isinstance(value, allowed) or isinstance(value, bool):  # True is an int
            return f"{one.name} is no {one.type}"
        if isinstance(value, float) and not 0 <= value <= _LATEST:
            return f"{one.name} is no moment"
        if isinstance(value, tuple):
            inner = Verdict if one.name == "votes" else str
            if not all(isinstance(item, inner) for item in cast("tuple[object, ...]", value)):
                return f"{one.name} is no {one.type}"
    return ""


def _first(*checks: tuple[bool, str]) -> str:
    return next((said for wrong, said in checks if wrong), "")
