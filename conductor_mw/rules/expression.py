"""One condition, score or formula, ready to be evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field

from conductor_mw.errors import ConditionError
from conductor_mw.rules import checked
from conductor_mw.rules.checked import Apply, Const, Fact, Node, children
from conductor_mw.rules.checker import check
from conductor_mw.rules.generator import RAISED, Function, function_of, heavy
from conductor_mw.rules.interpreter import Facts, interpret
from conductor_mw.rules.limits import Steps
from conductor_mw.rules.parser import parse
from conductor_mw.rules.scope import Scope
from conductor_mw.rules.types import BOOL, DOUBLE, DYN, INT, STRING, Type


@dataclass(slots=True)
class _Prepared:
    """The generated function, made when it is first needed."""

    function: Function | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A condition that was read and checked against a scope.

    Attributes:
        text: how the policy wrote it.
        type: what `evaluate` returns.
        reads: the signals it may read, sorted.
        node: its checked parts; for this package only.
        eager: the signals of its scope that are always there and cost nothing.
        steps: whether evaluating it uses up steps.
    """

    text: str
    type: Type
    reads: tuple[str, ...]
    node: Node = field(repr=False)
    eager: frozenset[str] = field(repr=False)
    steps: bool = field(repr=False)
    _prepared: _Prepared = field(default_factory=_Prepared, repr=False)

    @property
    def canonical(self) -> list[object]:
        """The meaning as plain lists; blanks, parentheses and quotes do not change it."""
        return checked.canonical(self.node)

    def prepare(self) -> Function:
        """Generate the fast function now (about 0.1 ms) rather than at the first `evaluate`."""
        function = self._prepared.function
        if function is None:
            function = self._prepared.function = function_of(self.node)
        return function

    def evaluate(self, facts: Facts) -> object:
        """Return the value for these facts.

        Raises:
            EvaluationError: it has no value for them, for example `1 / 0`.
        """
        function = self._prepared.function or self.prepare()
        try:
            return function(facts, Steps() if self.steps else None)
        except RAISED:
            # The fast function only says "not so fast"; whether that is an error, and which one,
            # or an error that && or || absorbs, is for the precise way to say.
            return self.interpret(facts)

    def interpret(self, facts: Facts) -> object:
        """Return the value for these facts, the slow and precise way.

        Raises:
            EvaluationError: it has no value for them; the message names the part that failed.
        """
        return interpret(self.node, self.text, facts, Steps())


def expression(text: str, type_: Type, scope: Scope) -> Expression:
    """Return `text` as an expression of `type_` over the names in `scope`."""
    node = _as(text, check(text, parse(text), scope), type_)
    reads = set[str]()
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Fact):
            reads.add(part.name)
        pending.extend(children(part))
    return Expression(text, node.type, tuple(sorted(reads)), node, scope.eager, heavy(node))


def _as(text: str, node: Node, wanted: Type) -> Node:
    """Return `node` so that it gives values of type `wanted` and of no other."""
    given = node.type
    if given == wanted or wanted is DYN:
        return node
    size = node.size + 1
    if wanted == DOUBLE and given == INT:
        return Apply("double", (node,), DOUBLE, node.start, node.end, size, paid=False)
    if _fits(given, wanted):
        named = Const(str(wanted), STRING, node.end, node.end)
        return Apply("as", (node, named), wanted, node.start, node.end, size, paid=False)
    raise ConditionError(
        f"{wanted} is needed here, and this is {given}",
        text=text,
        offset=node.start,
        mend="compare it with something" if wanted == BOOL else "",
    )


def _fits(given: Type, wanted: Type) -> bool:
    """Return whether a value of type `given` may turn out to be of type `wanted`."""
    if DYN in (given, wanted) or given == wanted:
        return True
    return given.kind == wanted.kind and all(
        _fits(a, b) for a, b in zip(given.of, wanted.of, strict=False)
    )
