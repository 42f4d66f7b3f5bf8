"""Give every name and every part of a condition its meaning and its type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from conductor_mw.errors import ConditionError, nearest
from conductor_mw.rules import signatures
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
from conductor_mw.rules.limits import BODY_PER_STEP, MAX_MACROS
from conductor_mw.rules.names import resolved, unknown_function
from conductor_mw.rules.regex import PatternError
from conductor_mw.rules.scope import Scope
from conductor_mw.rules.shapes import reads_much
from conductor_mw.rules.syntax import (
    Constant,
    Elements,
    Entries,
    Invocation,
    Item,
    Literal,
    Member,
    Name,
    Operation,
    Syntax,
)
from conductor_mw.rules.types import BOOL, DOUBLE, DYN, INT, NULL, STRING, Type, list_of, map_of

_CONSTANT_TYPES: Final = {bool: BOOL, int: INT, float: DOUBLE, str: STRING, type(None): NULL}
_COMPARISONS: Final = frozenset(("<", "<=", ">", ">="))
_LONGEST_SHOWN: Final = 60


class _Variable(NamedTuple):
    slot: int
    type: Type


def check(text: str, syntax: Syntax, scope: Scope) -> Node:
    """Return `syntax` with every name resolved in `scope` and every type known.

    Raises:
        ConditionError: an unknown name, a type that does not fit, or CEL that is not part of this.
    """
    return _Checker(text, scope).node(syntax, {})


class _Checker:
    """Walks over the parts once, from the leaves up."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.scope = scope

    def node(self, syntax: Syntax, variables: dict[str, _Variable]) -> Node:
        """Return one part, checked."""
        if isinstance(syntax, Operation):
            return self.operation(syntax, variables)
        if isinstance(syntax, Literal):
            return self.constant(syntax)
        if isinstance(syntax, (Name, Member, Item)):
            return self.chain(syntax, variables)
        if isinstance(syntax, Invocation):
            return self.invocation(syntax, variables)
        if isinstance(syntax, Elements):
            items = self.nodes(syntax.items, variables)
            element = self.common(items)
            size = 1 + sum(item.size for item in items)
            return MakeList(items, list_of(element), syntax.start, syntax.end, size)
        return self.entries(syntax, variables)

    def nodes(self, parts: Sequence[Syntax], variables: dict[str, _Variable]) -> tuple[Node, ...]:
        """Return several parts, checked."""
        return tuple([self.node(part, variables) for part in parts])

    def constant(self, syntax: Literal) -> Const:
        """Return a constant with its type."""
        type_ = _CONSTANT_TYPES[type(syntax.value)]
        return Const(syntax.value, type_, syntax.start, syntax.end)

    def entries(self, syntax: Entries, variables: dict[str, _Variable]) -> Node:
        """Return a map literal; its keys are known to be fit where they are constants."""
        keys = self.nodes(syntax.keys, variables)
        values = self.nodes(syntax.values, variables)
        seen = set[tuple[str, Constant]]()
        for key in keys:
            if key.type.kind not in ("bool", "int", "string", "dyn"):
                raise self.error(
                    f"{key.type} cannot be the key of a map", key, "keys are string, int or bool"
                )
            if isinstance(key, Const):
                if (key.type.kind, key.value) in seen:
                    raise self.error(f"the key {self.source(key)} stands twice in a map", key)
                seen.add((key.type.kind, key.value))
        if {"bool", "int"} <= {key.type.kind for key in keys}:
            raise self.error("bool and int cannot both be keys of one map", keys[0])
        type_ = map_of(self.common(keys), self.common(values))
        size = 1 + sum(part.size for part in (*keys, *values))
        return MakeMap(keys, values, type_, syntax.start, syntax.end, size)

    def common(self, parts: Sequence[Node]) -> Type:
        """Return the one type that holds all of `parts`."""
        if not parts:
            return DYN
        found = parts[0].type
        for part in parts:
            found = signatures.common(found, part.type)
        return found

    # --- names ------------------------------------------------------------------------------

    def chain(self, syntax: Name | Member | Item, variables: dict[str, _Variable]) -> Node:
        """Resolve `a.b["c"].d` to the longest signal, then look the rest up in its value."""
        links: list[Member | Item] = []
        root: Syntax = syntax
        while isinstance(root, (Member, Item)):
            links.append(root)
            root = root.operand
        links.reverse()
        taken = 0
        if not isinstance(root, Name):
            found = self.node(root, variables)
        elif root.name in variables and not root.rooted:
            variable = variables[root.name]
            found = Local(variable.slot, variable.type, root.start, root.end)
        else:
            found, taken = resolved(self.text, self.scope, root, links)
        for link in links[taken:]:
            found = self.link(found, link, variables)
        return found

    def link(self, operand: Node, link: Member | Item, variables: dict[str, _Variable]) -> Node:
        """Return `operand.field` or `operand[key]`."""
        if isinstance(link, Member):
            type_ = self.field(operand, link)
            field = Const(link.field, STRING, link.start, link.end)
            return Apply(
                ".", (operand, field), type_, link.start, link.end, operand.size + 1, paid=False
            )
        key = self.node(link.key, variables)
        found = signatures.item(operand.type, key.type)
        if found is None:
            raise self.error(f"{operand.type} has no item [{key.type}]", link)
        operator = "."
        if not (isinstance(key, Const) and key.type is STRING):
            operator = "[]"
        size = operand.size + key.size + 1
        return Apply(operator, (operand, key), found, link.start, link.end, size, paid=False)

    def field(self, operand: Node, link: Member) -> Type:
        """Return the type of `operand.field`."""
        if operand.type is DYN:
            return DYN
        if operand.type.kind == "map" and operand.type.of[0] in (STRING, DYN):
            return operand.type.of[1]
        raise self.error(
            f"{operand.type} has no field '{link.field[:_LONGEST_SHOWN]}'",
            operand,
            nearest(f"{operand.name}.{link.field}", self.scope.facts)
            if isinstance(operand, Fact)
            else "",
        )

    # --- operators --------------------------------------------------------------------------

    def operation(self, syntax: Operation, variables: dict[str, _Variable]) -> Node:
        """Return an operator with its operands."""
        operator = syntax.operator
        operands = self.nodes(syntax.operands, variables)
        size = 1 + sum(operand.size for operand in operands)
        if operator in ("&&", "||"):
            for operand in operands:
                self.condition(operand, f"'{operator}' joins conditions")
            return Logic(operator, operands, BOOL, syntax.start, syntax.end, size)
        if operator == "?:":
            condition, chosen, otherwise = operands
            self.condition(condition, "'?' stands behind a condition")
            type_ = self.either(chosen, otherwise)
            return Choice(condition, chosen, otherwise, type_, syntax.start, syntax.end, size)
        type_ = (
            self.signed(operator, operands[0])
            if len(operands) == 1
            else self.compared(operator, *operands)
        )
        paid = bool(variables) and reads_much(operator, operands)
        return Apply(operator, operands, type_, syntax.start, syntax.end, size, paid)

    def condition(self, node: Node, what: str) -> None:
        """Refuse what can never be true or false."""
        if node.type not in (BOOL, DYN):
            raise self.error(
                f"{what}; {self.source(node)} is {node.type}",
                node,
                _as_condition(node, self.source(node)),
            )

    def either(self, chosen: Node, otherwise: Node) -> Type:
        """Return the type of the two branches of `? :`."""
        type_ = signatures.common(chosen.type, otherwise.type)
        if type_ is DYN and DYN not in (chosen.type, otherwise.type):
            raise self.error(
                f"the two branches of '? :' are {chosen.type} and {otherwise.type}",
                otherwise,
                "give both the same type, or write dyn(...) around one",
            )
        return type_

    def signed(self, operator: str, operand: Node) -> Type:
        """Return the type of `!a` or `-a`."""
        if operator == "!":
            self.condition(operand, "'!' stands before a condition")
            return BOOL
        if operand.type.kind in (*signatures.NUMBERS, "dyn"):
            return operand.type
        raise self.error(f"'-' does not take {operand.type}", operand)

    def compared(self, operator: str, left: Node, right: Node) -> Type:
        """Return the type of `left operator right`."""
        a, b = left.type, right.type
        if operator in ("==", "!="):
            if signatures.comparable(a, b):
                return BOOL
            raise self.error(
                f"{self.source(left)} is {a} and can never equal {b}",
                left,
                _converted(a, b),
            )
        if operator in _COMPARISONS:
            if signatures.ordered(a, b):
                return BOOL
        elif operator == "in":
            if signatures.inside(a, b):
                return BOOL
            if b.kind in ("list", "map"):
                raise self.error(f"{a} can never be in {b}", left)
            mend = "write text.contains(part) for texts" if b is STRING else ""
            raise self.error(f"'in' looks into a list or a map, not into {b}", right, mend)
        else:
            type_ = signatures.arithmetic(operator, a, b)
            if type_ is not None:
                return type_
        raise self.error(f"'{operator}' does not take {a} and {b}", left, _converted(a, b))

    # --- functions --------------------------------------------------------------------------

    def invocation(self, syntax: Invocation, variables: dict[str, _Variable]) -> Node:
        """Return a call of a function, a method or a macro."""
        function, target = syntax.function, syntax.target
        if target is None and function == "has":
            return self.has(syntax, variables)
        if target is not None and function in signatures.MACROS:
            return self.macro(syntax, target, variables)
        subjects = syntax.arguments if target is None else [target, *syntax.arguments]
        known = (function in signatures.CONVERSIONS and (target is None or function == "size")) or (
            function in signatures.METHODS and (target is not None or function == "matches")
        )
        if not known:
            raise unknown_function(self.text, syntax)
        wanted = 1 if function in signatures.CONVERSIONS else 2
        if len(subjects) != wanted:
            raise self.error(
                f"{function} takes {wanted - (target is not None)} arguments,"
                f" not {len(syntax.arguments)}",
                syntax,
            )
        arguments = self.nodes(subjects, variables)
        size = 1 + sum(argument.size for argument in arguments)
        if function in signatures.CONVERSIONS:
            takes, type_ = signatures.CONVERSIONS[function]
            if not takes(arguments[0].type):
                raise self.error(f"{function} does not take {arguments[0].type}", arguments[0])
        else:
            type_ = BOOL
            for argument in arguments:
                if argument.type not in (STRING, DYN):
                    raise self.error(f"{function} does not take {argument.type}", argument)
            if function == "matches":
                return self.matches(syntax, arguments, size, paid=bool(variables))
        paid = bool(variables) and reads_much(function, arguments)
        return Apply(function, arguments, type_, syntax.start, syntax.end, size, paid)

    def has(self, syntax: Invocation, variables: dict[str, _Variable]) -> Node:
        """Return `has(a.b)`."""
        if len(syntax.arguments) != 1 or not isinstance(syntax.arguments[0], Member):
            raise self.error("has asks for one field, as in has(metadata.tier)", syntax)
        asked = self.chain(syntax.arguments[0], variables)
        if isinstance(asked, Fact):
            raise self.error(
                f"'{asked.name}' is a signal: it is always there",
                asked,
                "has is for the fields of a map, as in has(metadata.tier)",
            )
        if not isinstance(asked, Apply):  # pragma: no cover - a Member is a Fact or a look-up
            raise self.error("has asks for one field, as in has(metadata.tier)", syntax)
        return Apply("has", asked.arguments, BOOL, syntax.start, syntax.end, asked.size, paid=False)

    def matches(
        self, syntax: Invocation, arguments: Sequence[Node], size: int, *, paid: bool
    ) -> Node:
        """Return a regular expression, compiled here and now."""
        text, written = arguments
        if not isinstance(written, Const) or not isinstance(written.value, str):
            raise self.error(
                "the pattern of matches is not a literal",
                written,
                "write it as a string, so that it is compiled once, when the policy loads",
            )
        try:
            compiled = self.scope.patterns.compiled(written.value)
        except PatternError as error:
            raise self.error(str(error), written, error.mend) from None
        return Matches(text, compiled, BOOL, syntax.start, syntax.end, size, paid)

    def macro(self, syntax: Invocation, target: Syntax, variables: dict[str, _Variable]) -> Node:
        """Return `all`, `exists`, `exists_one`, `filter` or `map`."""
        kind, arguments = syntax.function, syntax.arguments
        allowed = (2, 3) if kind == "map" else (2,)
        if len(arguments) not in allowed or not isinstance(arguments[0], Name):
            raise self.error(
                f"{kind} takes a variable and a condition, as in {kind}(x, x > 1)"
                if kind != "map"
                else "map takes a variable and a value, as in map(x, x + 1)",
                syntax,
            )
        over = self.node(target, variables)
        if over.type.kind not in ("list", "map", "dyn"):
            raise self.error(f"{kind} walks over a list or a map, not over {over.type}", over)
        element = over.type.of[0] if over.type.of else DYN
        slot = 1 + max((variable.slot for variable in variables.values()), default=-1)
        if slot >= MAX_MACROS:
            raise self.error(f"macros are nested deeper than {MAX_MACROS} levels", syntax)
        inner = {**variables, arguments[0].name: _Variable(slot, element)}
        parts = self.nodes(arguments[1:], inner)
        made = parts[-1] if kind == "map" else None
        body = parts[0] if kind != "map" or len(parts) == 2 else None
        if body is not None:
            self.condition(body, f"{kind} asks for a condition")
        type_ = BOOL
        if made is not None:
            type_ = list_of(made.type)
        elif kind == "filter":
            type_ = list_of(element)
        weight = sum(part.size for part in parts)
        return Macro(
            kind,
            over,
            slot,
            body,
            made,
            1 + weight // BODY_PER_STEP,
            type_,
            syntax.start,
            syntax.end,
            1 + over.size + weight,
        )

    # --- messages ---------------------------------------------------------------------------

    def source(self, part: Node | Syntax) -> str:
        """Return the text of a part, shortened."""
        text = self.text[part.start : part.end]
        return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"

    def error(self, problem: str, part: Node | Syntax, mend: str = "") -> ConditionError:
        """Return the error for a part of the text."""
        return ConditionError(problem, text=self.text, offset=part.start, mend=mend)


def _converted(left: Type, right: Type) -> str:
    """Return the mend for two types that do not go together."""
    if {left.kind, right.kind} == {"int", "double"}:
        return "write double(...) around the int"
    if STRING in (left, right) and {left.kind, right.kind} & signatures.NUMBERS:
        return "write a number without quotes, or string(...) around the number"
    return ""


def _as_condition(node: Node, source: str) -> str:
    """Return the mend for a value that stands where a condition should."""
    if node.type is STRING:
        return f"compare it, as in {source} == '...'" if len(source) < _LONGEST_SHOWN else ""
    if node.type.kind in signatures.NUMBERS:
        return f"compare it, as in {source} > 0" if len(source) < _LONGEST_SHOWN else ""
    return ""
