"""Rebuild one checked condition as Python's `ast` nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, cast

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
from conductor_mw.rules.reach import HELPERS
from conductor_mw.rules.regex import Pattern
from conductor_mw.rules.types import DYN

_SCALARS: Final = frozenset(("bool", "int", "double", "string", "null"))
_NUMBERS: Final = frozenset(("int", "double"))
_LOAD: Final = ast.Load()
_STORE: Final = ast.Store()
_COMPARE: Final = {
    "==": ast.Eq(),
    "!=": ast.NotEq(),
    "<": ast.Lt(),
    "<=": ast.LtE(),
    ">": ast.Gt(),
    ">=": ast.GtE(),
}
_ARITHMETIC: Final = {"+": ast.Add(), "-": ast.Sub(), "*": ast.Mult()}
_IN: Final = ast.In()
_MANY: Final = 8
# Up to here every int is a double as well.
_EXACT: Final = 2**53


class Patterns(Protocol):
    """Where the code will lie, as far as it holds regular expressions."""

    def pattern(self, pattern: Pattern) -> str:
        """Return the name under which the code finds a regular expression."""
        ...


class Emitter:
    """Rebuilds checked parts as `ast` nodes that all stand on one line.

    Args:
        module: where the code will lie.
        line: the line of every node, by which a failing rule is found.
        kept: the variables that hold signals already read, by the signal's name; None where
            signals are not kept in variables.
    """

    def __init__(self, module: Patterns, line: int, kept: dict[str, str] | None) -> None:
        self.module = module
        self.line = line
        self.kept = kept

    # --- small nodes ------------------------------------------------------------------------

    def name(self, name: str) -> ast.expr:
        """Return a name that is read."""
        return ast.Name(name, _LOAD, lineno=self.line, col_offset=0)

    def constant(self, value: object) -> ast.expr:
        """Return a constant."""
        return ast.Constant(value, lineno=self.line, col_offset=0)  # type: ignore[arg-type]  # a constant may be any plain value

    def call(self, function: str, *arguments: ast.expr) -> ast.expr:
        """Return a call of one of our helpers."""
        return ast.Call(self.name(function), list(arguments), [], lineno=self.line, col_offset=0)

    def compare(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
        """Return a comparison."""
        return ast.Compare(left, [operator], [right], lineno=self.line, col_offset=0)

    def item(self, container: ast.expr, key: str) -> ast.expr:
        """Return `container["key"]`."""
        return ast.Subscript(container, self.constant(key), _LOAD, lineno=self.line, col_offset=0)

    def binary(self, left: ast.expr, operator: ast.operator, right: ast.expr) -> ast.expr:
        """Return an arithmetic operation."""
        return ast.BinOp(left, operator, right, lineno=self.line, col_offset=0)

    def answer(self, value: ast.expr) -> ast.stmt:
        """Return the statement that answers `value`."""
        return ast.Return(value, lineno=self.line, col_offset=0)

    def answer_if(self, condition: ast.expr, value: int) -> ast.stmt:
        """Return the statement that answers `value` where `condition` holds."""
        return ast.If(
            condition, [self.answer(self.constant(value))], [], lineno=self.line, col_offset=0
        )

    # --- parts ------------------------------------------------------------------------------

    def value(self, node: Node) -> ast.expr:  # noqa: PLR0911 - one return for each kind of part
        """Return the code of any part."""
        if isinstance(node, Apply):
            return self.apply(node)
        if isinstance(node, Fact):
            return self.fact(node)
        if isinstance(node, Const):
            return self.constant(node.value)
        if isinstance(node, Logic):
            return self.logic(node)
        if isinstance(node, Local):
            return self.name(f"v{node.slot}")
        if isinstance(node, Matches):
            return self.matches(node)
        if isinstance(node, Choice):
            return self.choice(node)
        if isinstance(node, Macro):
            return self.macro(node)
        if isinstance(node, MakeList):
            items = self.values(node.items)
            return ast.List(items, _LOAD, lineno=self.line, col_offset=0)
        return self.make_map(node)

    def values(self, nodes: Iterable[Node]) -> list[ast.expr]:
        """Return the code of several parts."""
        return [self.value(node) for node in nodes]

    def condition(self, node: Node) -> ast.expr:
        """Return the code of a part that must give a bool."""
        return self.call("truth", self.value(node)) if node.type is DYN else self.value(node)

    def fact(self, node: Fact) -> ast.expr:
        """Read a signal, or the variable that holds it."""
        read = self.item(self.name("F"), node.name)
        if self.kept is None:
            return read
        variable = self.kept.get(node.name)
        if variable is not None:
            return self.name(variable)
        variable = self.kept[node.name] = f"s{len(self.kept)}_{self.line}"
        return ast.NamedExpr(
            ast.Name(variable, _STORE, lineno=self.line, col_offset=0),
            read,
            lineno=self.line,
            col_offset=0,
        )

    def perhaps(self, node: Node) -> ast.expr:
        """Return the code of a part that may not be reached: what it keeps is not kept after."""
        before = self.kept
        self.kept = None if before is None else dict(before)
        code = self.value(node)
        self.kept = before
        return code

    def logic(self, node: Logic) -> ast.expr:
        """Join conditions."""
        return self.joined(ast.And() if node.operator == "&&" else ast.Or(), node.operands)

    def all_of(self, parts: Sequence[Node]) -> ast.expr:
        """Return the code that all of `parts` hold, in this order."""
        return self.joined(ast.And(), parts)

    def joined(self, operator: ast.boolop, parts: Sequence[Node]) -> ast.expr:
        """Join conditions; only the first is reached for certain."""
        first = self.condition(parts[0])
        if len(parts) == 1:
            return first
        before = self.kept
        self.kept = None if before is None else dict(before)
        rest = [self.condition(part) for part in parts[1:]]
        self.kept = before
        return ast.BoolOp(operator, [first, *rest], lineno=self.line, col_offset=0)

    def choice(self, node: Choice) -> ast.expr:
        """Choose a branch."""
        condition = self.condition(node.condition)
        return ast.IfExp(
            condition,
            self.perhaps(node.chosen),
            self.perhaps(node.otherwise),
            lineno=self.line,
            col_offset=0,
        )

    def matches(self, node: Matches) -> ast.expr:
        """Look for a regular expression."""
        found = self.name(self.module.pattern(node.pattern))
        text = self.value(node.argument)
        if node.argument.type.kind == "string" and not node.paid:
            return ast.Call(found, [text], [], lineno=self.line, col_offset=0)
        steps = self.name("S") if node.paid else self.constant(None)
        return self.call("matched", steps, found, text)

    def macro(self, node: Macro) -> ast.expr:
        """Walk over a list, paid for before the first step."""
        over = self.call("charged", self.name("S"), self.value(node.over), self.constant(node.cost))
        variable = ast.Name(f"v{node.slot}", _STORE, lineno=self.line, col_offset=0)
        body = None if node.body is None else self.condition(node.body)
        tests = [body] if body is not None and node.kind in ("filter", "map") else []
        loop = ast.comprehension(variable, over, tests, 0)
        if node.kind in ("filter", "map"):
            made = self.name(f"v{node.slot}") if node.made is None else self.value(node.made)
            return ast.ListComp(made, [loop], lineno=self.line, col_offset=0)
        walk = ast.GeneratorExp(cast("ast.expr", body), [loop], lineno=self.line, col_offset=0)
        if node.kind == "exists_one":
            return self.compare(self.call("sum", walk), _COMPARE["=="], self.constant(1))
        return self.call("all" if node.kind == "all" else "any", walk)

    def make_map(self, node: MakeMap) -> ast.expr:
        """Build a map; keys that are no constants are looked at when it is built."""
        keys, made = self.values(node.keys), self.values(node.values)
        if all(isinstance(key, Const) for key in node.keys):
            found = cast("list[ast.expr | None]", keys)
            return ast.Dict(found, made, lineno=self.line, col_offset=0)
        return self.call(
            "make_map",
            ast.List(keys, _LOAD, lineno=self.line, col_offset=0),
            ast.List(made, _LOAD, lineno=self.line, col_offset=0),
        )

    # --- operations -------------------------------------------------------------------------

    def apply(self, node: Apply) -> ast.expr:
        """Apply an operation: inline where the types prove it right, else by a helper."""
        if node.paid:
            return self.call(
                "scanned",
                self.name("S"),
                self.constant(node.operator),
                *self.values(node.arguments),
            )
        code = self.inline(node)
        if code is None:
            arguments = self.values(node.arguments)
            if node.operator == "!=":
                equal = self.call("equal", *arguments)
                return ast.UnaryOp(ast.Not(), equal, lineno=self.line, col_offset=0)
            code = self.call(HELPERS[node.operator], *arguments)
        if node.operator == "+" and node.type.kind not in _NUMBERS:
            return self.call("grown", self.name("S"), code)
        return code

    def inline(  # noqa: C901, PLR0911 - one return for each operator
        self, node: Apply
    ) -> ast.expr | None:
        """Return code without a helper, or None where only a helper is right."""
        operator = node.operator
        if operator in _COMPARE:
            return self.compared(node)
        if operator in ("+", "-", "*"):
            return self.arithmetic(node)
        if operator == "in":
            return self.among(node)
        first = node.arguments[0]
        kind = first.type.kind
        if operator == ".":
            # On anything but a map this raises, as it should.
            return self.item(self.value(first), cast("str", cast("Const", node.arguments[1]).value))
        if operator == "!":
            return ast.UnaryOp(ast.Not(), self.condition(first), lineno=self.line, col_offset=0)
        if operator == "-_" and kind in _NUMBERS:
            code = ast.UnaryOp(ast.USub(), self.value(first), lineno=self.line, col_offset=0)
            return code if kind == "double" else self.call("int64", code)
        if operator == "/" and kind in _NUMBERS and node.arguments[1].type.kind == kind:
            return self.call(f"divide_{kind}s", *self.values(node.arguments))
        if operator == "has" and kind == "map":
            return self.compare(self.value(node.arguments[1]), _IN, self.value(first))
        if operator == "size" and kind in ("string", "list", "map"):
            return self.call("len", self.value(first))
        if operator in ("contains", "startsWith", "endsWith"):
            return self.searched(node)
        if operator == "dyn" or (operator == kind and kind in _SCALARS):
            return self.value(first)
        if operator == "double" and kind == "int":
            return self.call("float", self.value(first))
        return None

    def compared(self, node: Apply) -> ast.expr | None:
        """Compare two values of the same simple type, or two numbers."""
        left, right = node.arguments
        a, b = left.type.kind, right.type.kind
        sides: list[ast.expr] = []
        if {a, b} == {"int", "double"}:
            # CEL compares an int with a double as doubles; Python would compare exactly.
            for side in (left, right):
                if side.type.kind == "double":
                    sides.append(self.value(side))
                elif isinstance(side, Const):
                    sides.append(self.constant(float(cast("int", side.value))))
                else:
                    sides.append(self.call("float", self.value(side)))
        elif (a == b and a in _SCALARS) or (
            node.operator in ("==", "!=") and (_plain(left, right) or _plain(right, left))
        ):
            sides = [self.value(left), self.value(right)]
        else:
            return None
        return self.compare(sides[0], _COMPARE[node.operator], sides[1])

    def arithmetic(self, node: Apply) -> ast.expr | None:
        """Add, subtract or multiply two values of one known type."""
        left, right = node.arguments
        kind = left.type.kind
        if right.type.kind != kind or kind not in ("int", "double", "string"):
            return None
        code = self.binary(self.value(left), _ARITHMETIC[node.operator], self.value(right))
        return self.call("int64", code) if kind == "int" else code

    def among(self, node: Apply) -> ast.expr | None:
        """Look for a value in a list or among the keys of a map, all of one simple type."""
        value, container = node.arguments
        kind = value.type.kind
        # Python's `in` finds a NaN that is the same object, so doubles are left to the helper.
        if kind not in ("string", "int", "bool") or container.type.kind not in ("list", "map"):
            return None
        if container.type.of[0].kind != kind:
            return None
        if isinstance(container, MakeList) and all(
            isinstance(item, Const) for item in container.items
        ):
            known = tuple(cast("Const", item).value for item in container.items)
            group = frozenset(known) if len(known) > _MANY else known
            return self.compare(self.value(value), _IN, self.constant(group))
        return self.compare(self.value(value), _IN, self.value(container))

    def searched(self, node: Apply) -> ast.expr | None:
        """Search a text for another."""
        text, part = node.arguments
        if text.type.kind != "string" or part.type.kind != "string":
            return None
        if node.operator == "contains":
            return self.compare(self.value(part), _IN, self.value(text))
        method = "startswith" if node.operator == "startsWith" else "endswith"
        bound = ast.Attribute(self.value(text), method, _LOAD, lineno=self.line, col_offset=0)
        return ast.Call(bound, [self.value(part)], [], lineno=self.line, col_offset=0)


def _plain(known: Node, other: Node) -> bool:
    """Return whether Python's == of a constant and a value of unknown type is CEL's.

    It is for texts, and for numbers that a double holds exactly and that no bool equals.
    """
    if not isinstance(known, Const) or other.type is not DYN:
        return False
    value = known.value
    if isinstance(value, str):
        return True
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value not in (0, 1) and abs(value) < _EXACT
