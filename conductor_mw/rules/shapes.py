"""What the conjuncts of a condition say, as far as an index or an analysis can use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias, cast

from conductor_mw.rules.checked import Apply, Const, Fact, Logic, MakeList, Node
from conductor_mw.rules.limits import SCAN_PER_STEP

Key: TypeAlias = bool | int | str

_SCANS: Final = frozenset(
    ("contains", "startsWith", "endsWith", "==", "!=", "<", "<=", ">", ">=", "in")
)
_KEYS: Final = ("bool", "int", "string")


def conjuncts(node: Node) -> tuple[Node, ...]:
    """Return the parts that a top-level && joins, or the one part there is."""
    if isinstance(node, Logic) and node.operator == "&&":
        return node.operands
    return (node,)


def canonical_order(node: Node, eager: frozenset[str]) -> tuple[Node, ...]:
    """Return the conjuncts in the order in which every way of evaluating takes them.

    Those that an index can answer come first, each kind in the order of the text: so the signals
    that are read do not depend on whether an index found the rule.
    """
    parts = conjuncts(node)
    if len(parts) == 1 or not eager:
        return parts
    keyed = [membership(part, eager) is not None for part in parts]
    if keyed == sorted(keyed, reverse=True):
        return parts
    first = [part for part, is_keyed in zip(parts, keyed, strict=True) if is_keyed]
    rest = [part for part, is_keyed in zip(parts, keyed, strict=True) if not is_keyed]
    return (*first, *rest)


def membership(  # noqa: PLR0911 - one return for each shape
    node: Node, eager: frozenset[str]
) -> tuple[str, frozenset[Key]] | None:
    """Return a signal and the values with which `node` is true, or None if it is not so simple."""
    if isinstance(node, Fact):
        return _keyed(node, [True], eager) if node.type.kind == "bool" else None
    if not isinstance(node, Apply):
        return None
    first = node.arguments[0]
    if node.operator == "!":
        if isinstance(first, Fact) and first.type.kind == "bool":
            return _keyed(first, [False], eager)
        return None
    if node.operator == "==":
        second = node.arguments[1]
        if isinstance(first, Const):
            first, second = second, first
        if isinstance(first, Fact) and isinstance(second, Const) and first.type == second.type:
            return _keyed(first, [second.value], eager)
        return None
    if node.operator == "in" and isinstance(first, Fact):
        among = node.arguments[1]
        if isinstance(among, MakeList) and all(
            isinstance(item, Const) and item.type == first.type for item in among.items
        ):
            return _keyed(first, [cast("Const", item).value for item in among.items], eager)
    return None


def _keyed(
    fact: Fact, values: Iterable[object], eager: frozenset[str]
) -> tuple[str, frozenset[Key]] | None:
    if fact.name not in eager or fact.type.kind not in _KEYS:
        return None
    return fact.name, frozenset(cast("Iterable[Key]", values))


def reads_much(operator: str, operands: Sequence[Node]) -> bool:
    """Return whether an operation reads texts or lists whose length nobody knows beforehand."""
    if operator not in _SCANS or all(
        operand.type.kind in ("bool", "int", "double", "null") for operand in operands
    ):
        return False
    if operator == "contains":
        return True
    short = [
        isinstance(operand, Const)
        and (not isinstance(operand.value, str) or len(operand.value) < SCAN_PER_STEP)
        for operand in operands
    ]
    if operator in ("startsWith", "endsWith"):
        return not short[1]
    if operator == "in":
        among = operands[1]
        return not (
            isinstance(among, MakeList) and all(isinstance(item, Const) for item in among.items)
        )
    return not any(short)
