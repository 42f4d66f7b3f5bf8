"""Turn checked conditions into Python functions: the fast way, correct wherever it answers.

No text of a policy becomes code. The tree is rebuilt from `ast` nodes; names in it are ours, and
what a policy wrote appears only as constants. The code is optimistic: where CEL says error, or
where an error must be absorbed, it raises, and the caller asks the interpreter instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FunctionType
from typing import Final, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules import values
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
    children,
)
from conductor_mw.rules.interpreter import Facts, grown, weight
from conductor_mw.rules.limits import SCAN_PER_STEP, Steps
from conductor_mw.rules.regex import Pattern
from conductor_mw.rules.types import DYN

Function = Callable[[Facts, Steps | None], object]

RAISED: Final = (
    EvaluationError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)
"""What generated code raises where it cannot answer; anything else is not about the condition."""

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


def charged(steps: Steps, container: object, cost: int) -> Sequence[object]:
    """Return what a macro walks over, paid for beforehand."""
    items = values.elements(container)
    steps.spend(len(items) * cost)
    return items


def scanned(steps: Steps, operator: str, *arguments: object) -> object:
    """Return the value of an operation that reads long texts inside a macro, paid for."""
    steps.spend(weight(*arguments) // SCAN_PER_STEP)
    return values.OPERATIONS[operator](*arguments)


def matched(steps: Steps | None, found: Callable[[str], bool], text: object) -> bool:
    """Return whether a pattern is found; `steps` only where it stands in a macro."""
    if values.kind(text) != "string":
        raise values.no_overload("matches", text)
    if steps is not None:
        steps.spend(weight(text) // SCAN_PER_STEP)
    return found(cast("str", text))


# The only names that generated code can reach, besides its own variables and patterns.
_NAMES: Final[dict[str, object]] = {
    "__builtins__": {},
    "all": all,
    "any": any,
    "charged": charged,
    "float": float,
    "grown": grown,
    "int64": values.int64,
    "len": len,
    "make_map": values.make_map,
    "divide_doubles": values.divide_doubles,
    "divide_ints": values.divide_ints,
    "matched": matched,
    "scanned": scanned,
    "sum": sum,
    "truth": values.truth,
}
_HELPERS: Final = {
    "-_": "negate",
    "!": "negation",
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "remainder",
    "==": "equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "in": "contained",
    "[]": "index",
    ".": "select",
    "has": "has",
    "size": "size",
    "contains": "contains",
    "startsWith": "starts_with",
    "endsWith": "ends_with",
    "bool": "to_bool",
    "int": "to_int",
    "double": "to_double",
    "string": "to_string",
    "as": "conform",
}
_NAMES.update({name: values.OPERATIONS[operator] for operator, name in _HELPERS.items()})


def heavy(node: Node) -> bool:
    """Return whether evaluating `node` costs steps: it has a macro, or makes something longer."""
    if isinstance(node, Macro):
        return True
    if isinstance(node, Apply) and node.operator == "+" and node.type.kind not in _NUMBERS:
        return True
    return any(heavy(part) for part in children(node))


class Module:
    """Collects the functions of one piece of generated code and compiles them at once."""

    def __init__(self) -> None:
        self.names = dict(_NAMES)
        self.body: list[ast.stmt] = []
        self.patterns: dict[int, str] = {}

    def pattern(self, pattern: Pattern) -> str:
        """Return the name under which the code finds a regular expression."""
        name = self.patterns.get(id(pattern))
        if name is None:
            name = self.patterns[id(pattern)] = f"p{len(self.patterns)}"
            self.names[name] = pattern.found
        return name

    def add(self, name: str, body: list[ast.stmt], line: int) -> None:
        """Add the function `name`, which takes facts and steps."""
        arguments = ast.arguments(
            posonlyargs=[],
            args=[
                ast.arg("F", lineno=line, col_offset=0),
                ast.arg("S", lineno=line, col_offset=0),
            ],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[],
        )
        self.body.append(
            ast.FunctionDef(
                name=name,
                args=arguments,
                body=body,
                decorator_list=[],
                type_params=[],
                lineno=line,
                col_offset=0,
            )
        )

    def compiled(self) -> dict[str, Function]:
        """Return the functions by name."""
        tree = ast.Module(body=self.body, type_ignores=[])
        code = compile(tree, "<condition>", "exec", dont_inherit=True, optimize=0)
        functions: dict[str, Function] = {}
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                functions[constant.co_name] = FunctionType(constant, self.names)
        return functions


class Emitter:
    """Rebuilds checked parts as `ast` nodes that all stand on one line.

    Args:
        module: where the code will lie.
        line: the line of every node, by which a failing rule is found.
        kept: the variables that hold signals already read, by the signal's name; None where
            signals are not kept in variables.
    """

    def __init__(self, module: Module, line: int, kept: dict[str, str] | None) -> None:
        self.module = module
        self.line = line
        self.kept = kept

    # --- small nodes ------------------------------------------------------------------------

    def name(self, name: str) -> ast.expr:
        """Return a name that is read."""
        return ast.Name(name, _LOAD, lineno=self.line, col_offset=0)

    def constant(self, value: object) -> ast.expr:
        """Return a constant."""
        return ast.Constant(value, lineno=self.line, col_offset=0)  # type: ignore[arg-type]

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

    def value(self, node: Node) -> ast.expr:
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
            code = self.call(_HELPERS[node.operator], *arguments)
        if node.operator == "+" and node.type.kind not in _NUMBERS:
            return self.call("grown", self.name("S"), code)
        return code

    def inline(self, node: Apply) -> ast.expr | None:
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
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and value not in (0, 1) and abs(value) < _EXACT


def function_of(node: Node) -> Function:
    """Return one function that gives the value of `node`."""
    module = Module()
    emitter = Emitter(module, 1, None if heavy(node) else {})
    module.add("condition", [emitter.answer(emitter.value(node))], 1)
    return module.compiled()["condition"]
