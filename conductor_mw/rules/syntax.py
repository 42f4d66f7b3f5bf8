"""The parts a parsed condition is made of, before names and types are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from conductor_mw.errors import ConditionError

Constant: TypeAlias = bool | int | float | str | None


class Unsupported(ConditionError):
    """Valid CEL that is deliberately not part of this language.

    Attributes:
        feature: one or two words that name what was refused, such as `bytes`.
    """

    def __init__(self, feature: str, problem: str, *, text: str, offset: int, mend: str) -> None:
        super().__init__(problem, text=text, offset=offset, mend=mend)
        self.feature = feature


# These are made by the thousand while a policy loads and frozen dataclasses cost three times as
# much to make; nothing outside the parser and the checker ever sees them.


@dataclass(slots=True)
class Literal:
    """A constant: `64`, `0.5`, `'pro'`, `true`, `null`."""

    value: Constant
    start: int
    end: int
    depth: int = 1


@dataclass(slots=True)
class Name:
    """A bare name; `.name` begins at the outermost scope."""

    name: str
    start: int
    end: int
    rooted: bool = False
    depth: int = 1


@dataclass(slots=True)
class Member:
    """`operand.field`."""

    operand: Syntax
    field: str
    start: int
    end: int
    depth: int


@dataclass(slots=True)
class Item:
    """`operand[key]`."""

    operand: Syntax
    key: Syntax
    start: int
    end: int
    depth: int


@dataclass(slots=True)
class Invocation:
    """`function(...)`, or `target.function(...)`."""

    function: str
    target: Syntax | None
    arguments: list[Syntax]
    start: int
    end: int
    depth: int


@dataclass(slots=True)
class Operation:
    """An operator with its operands; `&&` and `||` hold all of theirs in one list."""

    operator: str
    operands: list[Syntax]
    start: int
    end: int
    depth: int


@dataclass(slots=True)
class Elements:
    """`[a, b]`."""

    items: list[Syntax]
    start: int
    end: int
    depth: int


@dataclass(slots=True)
class Entries:
    """`{key: value}`."""

    keys: list[Syntax]
    values: list[Syntax]
    start: int
    end: int
    depth: int


Syntax: TypeAlias = Literal | Name | Member | Item | Invocation | Operation | Elements | Entries
