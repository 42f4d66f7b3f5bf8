"""Paid signals: facts that an agent or a worker is asked for, and how its answer is read.

Reading one for which nobody was asked yet raises `Unasked`; the run asks, once, and evaluates
again. What was answered is compared strictly: it can give one of the declared values, or none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from conductor_mw.errors import RequestError, Unasked, nearest
from conductor_mw.rules.types import Type

from .registry import Facts, Signal
from .shapes import MISSING, fitting, shown

if TYPE_CHECKING:
    from conductor_mw.flows.base import Flow

KINDS: Final = ("string", "bool", "int", "double")
LONGEST_ANSWER: Final = 1_000
"""Characters; a longer answer is none of the declared values."""
_QUOTES: Final = " \t\r\n\"'`\u201c\u201d\u2018\u2019*"
_AROUND: Final = _QUOTES + "."
_INT: Final = re.compile(r"[+-]?[0-9]{1,19}")
_DOUBLE: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_BOOLS: Final[Mapping[str, bool]] = {"true": True, "yes": True, "false": False, "no": False}


def unasked(name: str, type_: Type, doc: str = "") -> Signal:
    """Return a signal that has no value until somebody was asked for it."""

    def read(_: Facts) -> NoReturn:
        raise Unasked(name)

    return Signal(name, type_, read, doc=doc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A paid signal, compiled.

    Attributes:
        name: its name in conditions.
        type: the type of its value.
        flow: who is asked.
        prompt: the question in the policy's words; empty for a worker or where it says none.
        one_of: the only values it may have; empty where every value of the type will do.
        default: its value where nobody gave one, or `MISSING`.
        worker: whether a worker is asked, which gets the request itself and no question.
        asks: how often it may be asked in one run: a second time where the branch that asked first
            may be stopped while others still need the value.
        first_rule: the position of the first rule that reads it, or None.
        beyond: whether flows or guarantees read it, so that any rule may lead to it.
    """

    name: str
    type: Type
    flow: Flow
    prompt: str = ""
    one_of: Sequence[object] = ()
    default: object = MISSING
    worker: bool = False
    asks: int = 1
    first_rule: int | None = None
    beyond: bool = False

    @property
    def worst_calls(self) -> int:
        """The most calls that it can cost one run."""
        return self.flow.worst_calls * self.asks

    def costs(self, rule: int | None) -> int:
        """Give the most calls that it can cost a request which this rule sends on its way.

        Args:
            rule: the position of the rule; None for the default, before which every rule is read.
        """
        first = self.first_rule
        read = self.beyond or (first is not None and (rule is None or first <= rule))
        return self.worst_calls if read else 0

    def value_of(self, answer: str) -> object:
        """Give the value that an answer says, or `MISSING`."""
        if len(answer) > LONGEST_ANSWER:
            return MISSING
        said = answer.strip()
        if self.type.kind == "string":
            return _option(said, self.one_of)
        value = fitting(_READ[self.type.kind](said.lstrip(_QUOTES).rstrip(_AROUND)), self.type)
        allowed = [fitting(one, self.type) for one in self.one_of]
        return value if not allowed or value in allowed else MISSING

    @property
    def task(self) -> str:
        """What whoever is asked has to do, in words."""
        return self.prompt or f"Say the {self.name.replace('_', ' ')} of the text below."

    @property
    def wanted(self) -> str:
        """What it may be, in words."""
        if self.one_of:
            return f"exactly one of: {', '.join(map(str, self.one_of))}"
        return _WANTED[self.type.kind]


def given(paid: Mapping[str, Paid], known: Mapping[str, object]) -> dict[str, object]:
    """Give the values that a caller states for paid signals, so that nobody need be asked.

    Raises:
        RequestError: there is no such paid signal, or it cannot have this value.
    """
    values: dict[str, object] = {}
    for name, value in known.items():
        if name not in paid:
            raise RequestError(f"no paid signal {shown(name)}", mend=nearest(name, paid))
        one = paid[name]
        values[name] = fitting(value, one.type)
        if values[name] is MISSING or (one.one_of and values[name] not in one.one_of):
            raise RequestError(f"the signal {name!r} is {shown(value)}", mend=f"it is {one.wanted}")
    return values


def worst_of(paid: Iterable[Paid], rule: int | None) -> int:
    """Give the most calls that paid signals can cost a request which this rule sends on its way."""
    return sum(one.costs(rule) for one in paid)


def _option(said: str, one_of: Sequence[object]) -> object:
    if said in one_of:
        return said
    bare = said.strip(_AROUND).casefold()
    return next((one for one in one_of if str(one).strip(_AROUND).casefold() == bare), MISSING)


def _bool(said: str) -> object:
    return _BOOLS.get(said.casefold(), MISSING)


def _int(said: str) -> object:
    return int(said) if _INT.fullmatch(said) else MISSING


def _double(said: str) -> object:
    value = float(said) if _DOUBLE.fullmatch(said) else math.inf
    return value if math.isfinite(value) else MISSING


_READ: Final[Mapping[str, Callable[[str], object]]] = {
    "bool": _bool,
    "int": _int,
    "double": _double,
}
_WANTED: Final[Mapping[str, str]] = {
    "bool": "exactly one of: true, false",
    "int": "one whole number",
    "double": "one number",
}
