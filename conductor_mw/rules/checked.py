"""The parts of a condition once every name and type is known; what both evaluators walk over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from conductor_mw.rules.regex import Pattern
from conductor_mw.rules.syntax import Constant
from conductor_mw.rules.types import Type

# Not frozen for the reason told in syntax.py; nothing changes them once the checker is done, and
# `Expression`, which is frozen, does not hand them out.


@dataclass(slots=True)
class Const:
    """A constant."""

    value: Constant
    type: Type
    start: int
    end: int
    size: int = 1


@dataclass(slots=True)
class Fact:
    """A signal that is read."""

    name: str
    type: Type
    start: int
    end: int
    size: int = 1


@dataclass(slots=True)
class Local:
    """The variable of a macro; `slot` counts the macros around it."""

    slot: int
    type: Type
    start: int
    end: int
    size: int = 1


@dataclass(slots=True)
class Apply:
    """A strict operation: all of its arguments are needed.

    Attributes:
        operator: a key of `operations.OPERATIONS`.
        arguments: its operands; the field of `.` and `has` is a `Const`.
        paid: stands in the body of a macro and reads a text or list: that is paid for in steps.
    """

    operator: str
    arguments: tuple[Node, ...]
    type: Type
    start: int
    end: int
    size: int
    paid: bool


@dataclass(slots=True)
class Matches:
    """A regular expression over a text."""

    argument: Node
    pattern: Pattern
    type: Type
    start: int
    end: int
    size: int
    paid: bool


@dataclass(slots=True)
class Logic:
    """`&&` or `||` over all of its operands."""

    operator: str
    operands: tuple[Node, ...]
    type: Type
    start: int
    end: int
    size: int


@dataclass(slots=True)
class Choice:
    """`condition ? chosen : otherwise`."""

    condition: Node
    chosen: Node
    otherwise: Node
    type: Type
    start: int
    end: int
    size: int


@dataclass(slots=True)
class MakeList:
    """`[a, b]`."""

    items: tuple[Node, ...]
    type: Type
    start: int
    end: int
    size: int


@dataclass(slots=True)
class MakeMap:
    """`{key: value}`."""

    keys: tuple[Node, ...]
    values: tuple[Node, ...]
    type: Type
    start: int
    end: int
    size: int


@dataclass(slots=True)
class Macro:
    """`all`, `exists`, `exists_one`, `filter` or `map` over a list or the keys of a map.

    Attributes:
        kind: the macro's name; `map` has `body` as its condition where it was given one.
        over: what it walks over.
        slot: where its variable lies.
        body: the condition; for `map` without one, None.
        made: what `map` makes of each element; None for the others.
        cost: steps that one element costs.
    """

    kind: str
    over: Node
    slot: int
    body: Node | None
    made: Node | None
    cost: int
    type: Type
    start: int
    end: int
    size: int


Node: TypeAlias = (
    Const | Fact | Local | Apply | Matches | Logic | Choice | MakeList | MakeMap | Macro
)


def children(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911 - one return for each kind of part
    """Return the parts directly under `node`, in the order of the text."""
    if isinstance(node, Apply):
        return node.arguments
    if isinstance(node, Logic):
        return node.operands
    if isinstance(node, Matches):
        return (node.argument,)
    if isinstance(node, Choice):
        return (node.condition, node.chosen, node.otherwise)
    if isinstance(node, MakeList):
        return node.items
    if isinstance(node, MakeMap):
        return (*node.keys, *node.values)
    if isinstance(node, Macro):
        return tuple(part for part in (node.over, node.body, node.made) if part is not None)
    return ()


def canonical(node: Node) -> list[object]:  # noqa: PLR0911 - one return for each kind of part
    """Return `node` as plain lists, the same for all texts that mean the same."""
    if isinstance(node, Const):
        value = repr(node.value) if isinstance(node.value, float) else node.value
        return ["const", str(node.type), value]
    if isinstance(node, Fact):
        return ["fact", node.name, str(node.type)]
    if isinstance(node, Local):
        return ["local", node.slot]
    parts: list[object] = [canonical(part) for part in children(node)]
    if isinstance(node, (Apply, Logic)):
        return [node.operator, *parts]
    if isinstance(node, Matches):
        return ["matches", *parts, node.pattern.text]
    if isinstance(node, Choice):
        return ["?:", *parts]
    if isinstance(node, MakeList):
        return ["list", *parts]
    if isinstance(node, MakeMap):
        return ["map", *parts]
    return [node.kind, node.slot, node.body is not None, *parts]
