"""Turn checked conditions into Python functions: the fast way, correct wherever it answers.

No text of a policy becomes code. The tree is rebuilt from `ast` nodes; names in it are ours, and
what a policy wrote appears only as constants. The code is optimistic: where CEL says error, or
where an error must be absorbed, it raises, and the caller asks the interpreter instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Final, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.checked import Apply, Macro, Node, children
from conductor_mw.rules.emitter import Emitter
from conductor_mw.rules.interpreter import Facts
from conductor_mw.rules.limits import Steps
from conductor_mw.rules.reach import NAMES
from conductor_mw.rules.regex import Pattern

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


def heavy(node: Node) -> bool:
    """Return whether evaluating `node` costs steps: it has a macro, or makes something longer."""
    if isinstance(node, Macro):
        return True
    if isinstance(node, Apply) and node.operator == "+" and node.type.kind not in ("int", "double"):
        return True
    return any(heavy(part) for part in children(node))


_FUNCTION: Final = "def condition(F, S): pass"


class Module:
    """Collects the functions of one piece of generated code and compiles them at once."""

    def __init__(self) -> None:
        self.names = dict(NAMES)
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
        function = cast("ast.FunctionDef", ast.parse(_FUNCTION).body[0])
        function.name, function.body, function.lineno = name, body, line
        self.body.append(function)

    def compiled(self) -> dict[str, Function]:
        """Return the functions by name."""
        tree = ast.Module(body=self.body, type_ignores=[])
        code = compile(tree, "<condition>", "exec", dont_inherit=True, optimize=0)
        functions: dict[str, Function] = {}
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                functions[constant.co_name] = FunctionType(constant, self.names)
        return functions


def function_of(node: Node) -> Function:
    """Return one function that gives the value of `node`."""
    module = Module()
    emitter = Emitter(module, 1, None if heavy(node) else {})
    module.add("condition", [emitter.answer(emitter.value(node))], 1)
    return module.compiled()["condition"]
