"""Evaluate a checked condition exactly as CEL says; slow, and the reference for the fast way."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from typing import Final, Protocol, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.checked import (
    Apply,
    Choice,
    Const,
    Fact,
    Local,
    Logic,
    Macro,
    MakeList,
    MakeMap,
    Matches,
    Node,
)
from conductor_mw.rules.limits import GROWTH_PER_STEP, SCAN_PER_STEP, Exhausted, Steps
from conductor_mw.rules.lookups import elements, make_map
from conductor_mw.rules.operations import OPERATIONS
from conductor_mw.rules.values import Value, kind, no_overload, truth


class Facts(Protocol):
    """Where a condition's signals come from: only `facts[name]` is ever asked."""

    def __getitem__(self, name: str, /) -> object:
        """Return the value of the signal `name`, computing it if need be."""
        ...


_LONGEST_SHOWN: Final = 60


def interpret(node: Node, text: str, facts: Facts, steps: Steps) -> Value:
    """Return the value of `node`.

    Args:
        node: the checked condition.
        text: its text, for messages.
        facts: the signals of the request.
        steps: the budget of this evaluation.

    Raises:
        EvaluationError: CEL says error; the message names the part that failed.
    """
    return _Interpreter(text, facts, steps).value(node, [])


class _Interpreter:
    """One evaluation: its signals, its budget, and how each kind of part is evaluated."""

    __slots__ = ("facts", "steps", "text")

    def __init__(self, text: str, facts: Facts, steps: Steps) -> None:
        self.text = text
        self.facts = facts
        self.steps = steps

    def value(self, node: Node, frame: list[Value]) -> Value:
        """Return the value of any part; `frame` holds the variables of the macros around it."""
        return _EVALUATE[type(node)](self, node, frame)

    def fact(self, node: Fact, _frame: list[Value]) -> Value:
        """Ask for a signal."""
        try:
            return self.facts[node.name]
        except KeyError as error:
            # Only a plain dict without this signal; a KeyError from inside a signal's own
            # function is a fault of that function and passes.
            if error.args != (node.name,):
                raise
            raise EvaluationError(f"no value for '{node.name}'") from error

    def constant(self, node: Const, _frame: list[Value]) -> Value:
        """Return a constant."""
        return node.value

    def local(self, node: Local, frame: list[Value]) -> Value:
        """Return the variable of a macro."""
        return frame[node.slot]

    def apply(self, node: Apply, frame: list[Value]) -> Value:
        """Apply a strict operation."""
        arguments = [self.value(argument, frame) for argument in node.arguments]
        try:
            if node.paid:
                self.steps.spend(weight(*arguments) // SCAN_PER_STEP)
            value = OPERATIONS[node.operator](*arguments)
            if node.operator == "+":
                grown(self.steps, value)
        except EvaluationError as error:
            raise self.at(node, error) from None
        return value

    def matches(self, node: Matches, frame: list[Value]) -> Value:
        """Look for a regular expression."""
        text = self.value(node.argument, frame)
        if kind(text) != "string":
            raise self.at(node, no_overload("matches", text))
        if node.paid:
            self.steps.spend(weight(text) // SCAN_PER_STEP)
        return node.pattern.found(cast("str", text))

    def logic(self, node: Logic, frame: list[Value]) -> Value:
        """Join conditions: one that decides beats one that fails, on whichever side it stands."""
        decides = node.operator == "||"
        failed: EvaluationError | None = None
        for operand in node.operands:
            try:
                if truth(self.value(operand, frame)) is decides:
                    return decides
            except Exhausted:
                raise
            except EvaluationError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return not decides

    def choice(self, node: Choice, frame: list[Value]) -> Value:
        """Evaluate one branch and never the other."""
        chosen = truth(self.value(node.condition, frame))
        return self.value(node.chosen if chosen else node.otherwise, frame)

    def macro(self, node: Macro, frame: list[Value]) -> Value:
        """Walk over a list; `all` and `exists` absorb errors as && and || do."""
        try:
            items = elements(self.value(node.over, frame))
            self.steps.spend(len(items) * node.cost)
        except EvaluationError as error:
            raise self.at(node, error) from None
        return _MACROS[node.kind](self, node, items, frame)

    def holds(self, node: Macro, item: Value, frame: list[Value]) -> bool:
        """Return whether the condition of a macro holds for one element."""
        return node.body is None or truth(self.value(node.body, [*frame, item]))

    def quantified(self, node: Macro, items: Sequence[Value], frame: list[Value]) -> Value:
        """Evaluate `all` or `exists`."""
        decides = node.kind == "exists"
        failed: EvaluationError | None = None
        for item in items:
            try:
                if self.holds(node, item, frame) is decides:
                    return decides
            except Exhausted:
                raise
            except EvaluationError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return not decides

    def exists_one(self, node: Macro, items: Sequence[Value], frame: list[Value]) -> Value:
        """Evaluate `exists_one`, which absorbs nothing."""
        return sum([self.holds(node, item, frame) for item in items]) == 1

    def filtered(self, node: Macro, items: Sequence[Value], frame: list[Value]) -> Value:
        """Evaluate `filter`."""
        return [item for item in items if self.holds(node, item, frame)]

    def mapped(self, node: Macro, items: Sequence[Value], frame: list[Value]) -> Value:
        """Evaluate `map`."""
        made = cast("Node", node.made)
        return [self.value(made, [*frame, item]) for item in items if self.holds(node, item, frame)]

    def make_list(self, node: MakeList, frame: list[Value]) -> Value:
        """Build a list."""
        return [self.value(item, frame) for item in node.items]

    def make_map(self, node: MakeMap, frame: list[Value]) -> Value:
        """Build a map."""
        try:
            return make_map(
                [self.value(key, frame) for key in node.keys],
                [self.value(value, frame) for value in node.values],
            )
        except EvaluationError as error:
            raise self.at(node, error) from None

    def at(self, node: Node, error: EvaluationError) -> EvaluationError:
        """Return `error` with the part of the text that failed, unless it says one already."""
        if error.where:
            return error
        source = self.text[node.start : node.end]
        if len(source) > _LONGEST_SHOWN:
            source = source[: _LONGEST_SHOWN - 1] + "…"
        return type(error)(error.problem, where=source, mend=error.mend)


def weight(*values: Value) -> int:
    """Return how much there is to read in `values`: characters, or elements of a list."""
    return sum(
        len(cast("Sized", value)) for value in values if isinstance(value, (str, list, dict))
    )


def grown(steps: Steps, value: Value) -> Value:
    """Pay for a text or a list that was joined, and return it."""
    steps.spend(weight(value) // GROWTH_PER_STEP)
    return value


_MACROS: Final = {
    "all": _Interpreter.quantified,
    "exists": _Interpreter.quantified,
    "exists_one": _Interpreter.exists_one,
    "filter": _Interpreter.filtered,
    "map": _Interpreter.mapped,
}
_EVALUATE: Final = cast(
    "dict[type, Callable[[_Interpreter, Node, list[Value]], Value]]",
    {
        Const: _Interpreter.constant,
        Fact: _Interpreter.fact,
        Local: _Interpreter.local,
        Apply: _Interpreter.apply,
        Matches: _Interpreter.matches,
        Logic: _Interpreter.logic,
        Choice: _Interpreter.choice,
        Macro: _Interpreter.macro,
        MakeList: _Interpreter.make_list,
        MakeMap: _Interpreter.make_map,
    },
)
