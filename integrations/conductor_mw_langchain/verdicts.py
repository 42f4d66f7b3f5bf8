"""What a graph is resumed with, read as a person's verdict; what is none is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast

from conductor_mw import ConductorError, Gate, Verdict

UNNAMED: Final = "whoever resumed the graph"
"""Who decided where the resume value names nobody."""
_WORDS: Final = ("choice", "decision", "type")
_KEYS: Final = frozenset((*_WORDS, "gate", "text", "by", "comment", "message"))
_SHOWN: Final = 80
_MEND: Final = (
    'Resume with True, False, or {"choice": "approve" | "reject" | "edit", "text": ..., "by": ..., '
    '"comment": ...}.'
)


def verdict_of(value: object, gate: Gate, asked: str, *, named: bool) -> Verdict:
    """Give the verdict of a resume value.

    Args:
        value: what `Command(resume=...)` brought for this question.
        gate: whom it decides.
        asked: the id of the question, `gate` in the value of the interrupt.
        named: whether the value must name that id, because it may have been meant for another
            interrupt of the same node.

    Raises:
        ConductorError: it is no verdict, or none that this gate can take. Nothing is decided then,
            and the graph can be resumed with another value.
    """
    if isinstance(value, bool | str):
        value = {"choice": value}
    said = _single(value, gate)
    unknown = sorted(str(key)[:_SHOWN] for key in said if key not in _KEYS)
    if unknown:
        _refuse(gate, f"the resume value says {', '.join(unknown[:5])}, which is read by nobody")
    meant = said.get("gate")
    if meant is None and named:
        _refuse(
            gate,
            "the resume value may be meant for another interrupt of this node",
            f'Say for which it is: {{"gate": {asked!r}, "choice": ...}}.',
        )
    if meant not in (None, asked):
        _refuse(gate, f"the resume value is for another gate than {asked!r}")
    choice = _choice(said, gate)
    by = _text(said, "by", gate)
    if not by and gate.quorum > 1:
        _refuse(
            gate,
            f"{gate.quorum} different people must approve, and the resume value names nobody",
            'Say who decided: {"choice": "approve", "by": "ana"}.',
        )
    comment = _text(said, "comment", gate) or _text(said, "message", gate)
    text = _text(said, "text", gate)
    return Verdict(choice=cast("Any", choice), by=by or UNNAMED, text=text, comment=comment)


def _single(value: object, gate: Gate) -> Mapping[object, object]:
    """Give the one decision of a value; LangChain's own middleware wraps it into a list."""
    if not isinstance(value, Mapping):
        _refuse(gate, f"a {type(value).__name__} is no verdict")
    said = cast("Mapping[object, object]", value)
    key = "decisions" if "decisions" in said else "decision"
    inner = said.get(key)
    if key == "decisions":
        several = cast("list[object]", inner) if isinstance(inner, list | tuple) else []
        if len(several) != 1 or not isinstance(several[0], Mapping):
            _refuse(gate, "one gate takes one decision")
        inner = cast("object", several[0])
    if not isinstance(inner, Mapping):
        return said
    rest = {name: one for name, one in said.items() if name != key}
    return {**rest, **cast("Mapping[object, object]", inner)}


def _choice(said: Mapping[object, object], gate: Gate) -> str:
    words = [said[key] for key in _WORDS if key in said]
    if len(words) != 1:
        _refuse(gate, "the resume value says no choice" if not words else "it says several choices")
    word = words[0]
    if isinstance(word, bool):
        word = "approve" if word else "reject"
    if not isinstance(word, str) or word not in gate.choices:
        _refuse(
            gate,
            f"{str(word)[:_SHOWN]!r} is none of the gate's choices: {', '.join(gate.choices)}",
        )
    if (word == "edit") != isinstance(said.get("text"), str) or said.get("text") == "":
        _refuse(gate, "an edit, and nothing else, brings a text")
    return word


def _text(said: Mapping[object, object], key: str, gate: Gate) -> str:
    found = said.get(key, "")
    if found is None:
        return ""
    if not isinstance(found, str):
        _refuse(gate, f"{key!r} of the resume value is no text")
    return found


def _refuse(gate: Gate, problem: str, mend: str = _MEND) -> NoReturn:
    raise ConductorError(problem, where=f"agent {gate.agent!r}", mend=mend)
