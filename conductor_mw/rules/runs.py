"""Stretches of rules that one generated function tries in their order."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, cast

from conductor_mw.rules.checked import Node
from conductor_mw.rules.emitter import Emitter
from conductor_mw.rules.expression import Expression
from conductor_mw.rules.generator import RAISED, Module
from conductor_mw.rules.interpreter import Facts
from conductor_mw.rules.limits import Decision, Steps

_RULES_PER_FUNCTION: Final = 64
# One call of the compiler holds the interpreter lock all the while: 64 rules take it a few
# milliseconds, and other threads go on between two calls.
_RULES_PER_MODULE: Final = 64

First = Callable[[Facts, Decision | None], int]


class Rule(NamedTuple):
    """One condition of a table.

    Attributes:
        position: where it stands, from 0.
        parts: its conjuncts in canonical order.
        expression: the condition.
    """

    position: int
    parts: tuple[Node, ...]
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Some rules and the function that gives the position of the first that holds, or -1."""

    rules: Sequence[Rule]
    function: First

    def failed_at(self, error: BaseException) -> int:
        """Return which of `rules` was being tried when generated code raised `error`."""
        code = self.function.__code__
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code is code:
                return trace.tb_lineno - 1
            trace = trace.tb_next
        return 0


def runs(groups: Iterable[Sequence[Rule]]) -> list[list[Run]]:
    """Return the runs of each group of rules, all compiled.

    Args:
        groups: rules in their order; no run goes over the end of a group.
    """
    made: list[list[Run]] = []
    waiting: list[tuple[list[Run], Sequence[Rule]]] = []
    rules = 0
    for group in groups:
        made.append([])
        for start in range(0, len(group), _RULES_PER_FUNCTION):
            piece = group[start : start + _RULES_PER_FUNCTION]
            if rules + len(piece) > _RULES_PER_MODULE:
                _compile(waiting)
                waiting, rules = [], 0
            waiting.append((made[-1], piece))
            rules += len(piece)
    _compile(waiting)
    return made


def _compile(pieces: Sequence[tuple[list[Run], Sequence[Rule]]]) -> None:
    """Compile one module with a function for each piece, and put the runs where they belong."""
    if not pieces:
        return
    module = Module()
    for number, (_, piece) in enumerate(pieces):
        module.add(f"run{number}", _body(module, piece), 1)
    functions = module.compiled()
    for number, (place, piece) in enumerate(pieces):
        place.append(Run(piece, cast("First", functions[f"run{number}"])))


def _body(module: Module, rules: Sequence[Rule]) -> list[ast.stmt]:
    """Return `if condition: return position` for each rule, each on a line of its own."""
    body: list[ast.stmt] = []
    kept: dict[str, str] = {}
    for line, rule in enumerate(rules, 1):
        emitter = Emitter(module, line, kept)
        if rule.expression.steps:
            name = f"h{rule.position}"
            module.names[name] = _paying(rule)
            condition = emitter.call(name, emitter.name("F"), emitter.name("S"))
        else:
            condition = emitter.all_of(rule.parts)
        body.append(emitter.answer_if(condition, rule.position))
    body.append(Emitter(module, len(rules), None).answer(ast.Constant(-1, lineno=1, col_offset=0)))
    return body


def _paying(rule: Rule) -> Callable[[Facts, Decision], object]:
    """Return the function of a rule that costs steps: it has a budget of its own."""
    module = Module()
    emitter = Emitter(module, 1, None)
    module.add("rule", [emitter.answer(emitter.all_of(rule.parts))], 1)
    function = module.compiled()["rule"]

    def paid(facts: Facts, steps: Decision) -> object:
        before = steps.left
        try:
            return function(facts, Steps(steps))
        except RAISED:
            # The rule is evaluated once more, precisely, and pays then.
            steps.left = before
            raise

    return paid
