"""Read the text of a condition into its parts, in linear time and bounded depth."""

from __future__ import annotations

from typing import Final

from conductor_mw.errors import ConditionError
from conductor_mw.rules.lexer import Token, tokens
from conductor_mw.rules.limits import MAX_DEPTH, MAX_TEXT
from conductor_mw.rules.syntax import (
    Elements,
    Entries,
    Invocation,
    Item,
    Literal,
    Member,
    Name,
    Operation,
    Syntax,
    Unsupported,
)

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

# Tighter operators have the higher number.
_BINARY: Final = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_RESERVED: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let"),
        *("loop", "package", "namespace", "return", "var", "void", "while"),
    )
)
_MENDS: Final = {
    "and": "write && for 'and'",
    "or": "write || for 'or'",
    "not": "write ! for 'not'",
    "is": "write == to compare",
}
# What can begin an operand; anything else there is a missing value.
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def parse(text: str) -> Syntax:
    """Return the parts of the condition `text`.

    Raises:
        ConditionError: it is too long, nested too deep, or no condition; `.offset` says where.
    """
    if len(text) > MAX_TEXT:
        raise ConditionError(
            f"a condition of {len(text):,} characters; at most {MAX_TEXT:,} are read",
            text=text[:MAX_TEXT],
            mend="split it into several rules, or into signals of its own",
        )
    reader = _Reader(text)
    syntax = reader.expression(1)
    if reader.token.kind != "end":
        raise reader.unexpected("an operator such as && or ==")
    return syntax


class _Reader:
    """Walks over the tokens once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.token = self.tokens[0]

    def advance(self) -> Token:
        """Go to the next token and return the one left behind."""
        token = self.token
        self.at += 1
        # The closing `end` token is never left behind.
        self.token = self.tokens[self.at] if self.at < len(self.tokens) else token
        return token

    def expression(self, depth: int) -> Syntax:
        """Read `a`, or `a ? b : c`."""
        if depth > MAX_DEPTH:
            raise self.too_deep(self.token.start)
        condition = self.binary(1, depth)
        if self.token.kind != "?":
            return condition
        self.advance()
        # The middle of ?: is read above the ternary's own level, as in CEL's grammar.
        chosen = self.binary(1, depth + 1)
        self.expect(":", "the ':' of '? :'")
        otherwise = self.expression(depth + 1)
        return self.operation("?:", [condition, chosen, otherwise])

    def binary(self, level: int, depth: int) -> Syntax:
        """Read a chain of operators that bind at least as tight as `level`."""
        left = self.unary(depth)
        while True:
            operator = self.operator()
            tightness = _BINARY.get(operator, 0)
            if tightness < level:
                return left
            self.advance()
            right = self.binary(tightness + 1, depth + 1)
            if operator in ("&&", "||"):
                left = self.joined(operator, left, right)
            else:
                left = self.operation(operator, [left, right])

    def operator(self) -> str:
        """Return the operator that stands here, or ''."""
        if self.token.kind == "name":
            return "in" if self.token.value == "in" else ""
        return self.token.kind

    def joined(self, operator: str, left: Syntax, right: Syntax) -> Syntax:
        """Keep a chain of && (or ||) flat: a thousand of them are no deeper than two."""
        if not (isinstance(left, Operation) and left.operator == operator):
            left = self.operation(operator, [left])
        # Growing the list in place keeps a long chain linear.
        if isinstance(right, Operation) and right.operator == operator:
            left.operands.extend(right.operands)
            left.depth = max(left.depth, right.depth)
        else:
            left.operands.append(right)
            left.depth = max(left.depth, right.depth + 1)
        left.end = right.end
        self.shallow(left.depth, left.start)
        return left

    def operation(self, operator: str, operands: list[Syntax]) -> Operation:
        """Make one operation of its operands."""
        start = operands[0].start
        depth = 1 + max(operand.depth for operand in operands)
        self.shallow(depth, start)
        return Operation(operator, operands, start, operands[-1].end, depth)

    def unary(self, depth: int) -> Syntax:
        """Read `!a`, `-a` or `a`."""
        signs: list[Token] = []
        while self.token.kind in ("!", "-"):
            signs.append(self.advance())
            if signs[-1].kind != signs[0].kind:
                raise self.unexpected("a value", signs[-1])
        if len(signs) + depth > MAX_DEPTH:
            raise self.too_deep(signs[0].start if signs else self.token.start)
        operand = self.member(depth, negative=bool(signs) and signs[0].kind == "-")
        for sign in reversed(signs):
            if sign.kind == "-" and isinstance(operand, Literal):
                value = operand.value
                # -INT_MIN stays an operation: it fails when it is evaluated, as CEL says.
                if isinstance(value, (int, float)) and type(value) is not bool and value != INT_MIN:
                    operand = Literal(-value, sign.start, operand.end)
                    continue
            self.shallow(operand.depth + 1, sign.start)
            operand = Operation(
                "!" if sign.kind == "!" else "-_",
                [operand],
                sign.start,
                operand.end,
                operand.depth + 1,
            )
        return operand

    def member(self, depth: int, *, negative: bool) -> Syntax:
        """Read a value with its fields, items and methods."""
        operand = self.primary(depth, negative=negative)
        while True:
            kind = self.token.kind
            if kind == ".":
                self.advance()
                operand = self.field(operand, depth)
            elif kind == "[":
                self.advance()
                if self.token.kind == "?":
                    raise self.optional()
                key = self.expression(depth + 1)
                end = self.expect("]", "the ']' of an item").end
                deep = 1 + max(operand.depth, key.depth)
                operand = Item(operand, key, operand.start, end, deep)
            elif kind == "{":
                raise Unsupported(
                    "messages",
                    "messages such as 'Type{field: 1}' are not part of conditions",
                    text=self.text,
                    offset=self.token.start,
                    mend="write a map: {'field': 1}",
                )
            else:
                return operand
            self.shallow(operand.depth, operand.start)

    def field(self, operand: Syntax, depth: int) -> Syntax:
        """Read what follows the dot of `operand.`."""
        token = self.token
        if token.kind == "?":
            raise self.optional()
        if token.kind not in ("name", "quoted"):
            raise self.unexpected("a name after '.'")
        self.advance()
        name = str(token.value)
        if token.kind == "name" and self.token.kind == "(":
            arguments, end, deep = self.sequence(")", depth)
            deep = 1 + max(operand.depth, deep)
            return Invocation(name, operand, arguments, operand.start, end, deep)
        if token.kind == "name" and name in ("in", *_CONSTANTS):
            raise ConditionError(
                f"'{name}' cannot follow a dot",
                text=self.text,
                offset=token.start,
                mend=f"write ['{name}'] instead of .{name}",
            )
        return Member(operand, name, operand.start, token.end, operand.depth + 1)

    def primary(  # noqa: PLR0911 - one return for each kind of token
        self, depth: int, *, negative: bool
    ) -> Syntax:
        """Read a constant, a name, a call, a list, a map or a parenthesis."""
        token = self.token
        kind = token.kind
        if kind == "name":
            return self.named(depth, rooted=False, start=token.start)
        if kind == "string" or kind == "double":  # noqa: PLR1714 - a tuple is built at each step otherwise
            self.advance()
            return Literal(token.value, token.start, token.end)
        if kind == "int":
            self.advance()
            value = token.value
            if not isinstance(value, int) or value > INT_MAX + negative:
                raise ConditionError(
                    f"{self.text[token.start : token.end][:40]} is too large for an int",
                    text=self.text,
                    offset=token.start,
                    mend=f"an int lies between {INT_MIN} and {INT_MAX}",
                )
            return Literal(value, token.start, token.end)
        if kind == "(":
            self.advance()
            inner = self.expression(depth + 1)
            end = self.expect(")", "a ')'", opened=token).end
            # A message that quotes this part quotes its parentheses.
            inner.start, inner.end = token.start, end
            return inner
        if kind == "[":
            items, end, deep = self.sequence("]", depth)
            return Elements(items, token.start, end, deep + 1)
        if kind == "{":
            return self.entries(depth)
        if kind == ".":
            self.advance()
            if self.token.kind != "name":
                raise self.unexpected("a name after '.'")
            return self.named(depth, rooted=True, start=token.start)
        raise self.unexpected("a value")

    def named(self, depth: int, *, rooted: bool, start: int) -> Syntax:
        """Read `name` or `name(...)`."""
        token = self.advance()
        name = str(token.value)
        if name in _CONSTANTS and not rooted:
            return Literal(_CONSTANTS[name], token.start, token.end)
        if name in _RESERVED or name == "in":
            raise ConditionError(f"'{name}' is a reserved word", text=self.text, offset=token.start)
        if self.token.kind == "(":
            arguments, end, deep = self.sequence(")", depth)
            return Invocation(name, None, arguments, start, end, deep + 1)
        return Name(name, start, token.end, rooted)

    def sequence(self, closing: str, depth: int) -> tuple[list[Syntax], int, int]:
        """Read `(a, b)` or `[a, b]`; return the items, where it ends, and their depth."""
        opened = self.advance()
        items: list[Syntax] = []
        deep = 0
        while self.token.kind != closing:
            if self.token.kind == "?":
                raise self.optional()
            items.append(self.expression(depth + 1))
            deep = max(deep, items[-1].depth)
            if self.token.kind != ",":
                break
            if closing == ")" and self.tokens[self.at + 1].kind == ")":
                raise self.unexpected("a ')'", self.token)
            self.advance()
        self.shallow(deep + 1, opened.start)
        return items, self.expect(closing, f"a '{closing}'", opened=opened).end, deep

    def entries(self, depth: int) -> Syntax:
        """Read `{key: value}`."""
        opened = self.advance()
        keys: list[Syntax] = []
        values: list[Syntax] = []
        deep = 0
        while self.token.kind != "}":
            if self.token.kind == "?":
                raise self.optional()
            keys.append(self.expression(depth + 1))
            self.expect(":", "the ':' of a map entry")
            values.append(self.expression(depth + 1))
            deep = max(deep, keys[-1].depth, values[-1].depth)
            if self.token.kind != ",":
                break
            self.advance()
        self.shallow(deep + 1, opened.start)
        end = self.expect("}", "a '}'", opened=opened).end
        return Entries(keys, values, opened.start, end, deep + 1)

    def expect(self, kind: str, wanted: str, *, opened: Token | None = None) -> Token:
        """Leave a token of `kind` behind, or say that it is missing."""
        if self.token.kind == kind:
            return self.advance()
        if self.token.kind == "end" and opened is not None:
            raise ConditionError(
                f"'{opened.kind}' is not closed",
                text=self.text,
                offset=opened.start,
                mend=f"put {_CLOSING[opened.kind]} at its end",
            )
        raise self.unexpected(wanted)

    def unexpected(self, wanted: str, token: Token | None = None) -> ConditionError:
        """Return the error for a token that may not stand where it stands."""
        token = token or self.token
        if token.kind == "end":
            empty = len(self.tokens) == 1
            return ConditionError(
                "the condition is empty" if empty else f"the text ends where {wanted} is missing",
                text=self.text,
                offset=token.start,
                mend="write true for a rule that always matches" if empty else "",
            )
        shown = self.text[token.start : token.end]
        shown = shown if len(shown) <= 40 else shown[:39] + "…"
        return ConditionError(
            f"{shown} stands where {wanted} is expected",
            text=self.text,
            offset=token.start,
            mend=_MENDS.get(shown, ""),
        )

    def optional(self) -> Unsupported:
        """Return the error for `?.field`, `[?key]` and `{?key: value}`."""
        return Unsupported(
            "optionals",
            "optional values are not part of conditions",
            text=self.text,
            offset=self.token.start,
            mend="ask with has(a.b) first",
        )

    def shallow(self, depth: int, start: int) -> None:
        """Refuse what is nested too deep for the walks that follow."""
        if depth > MAX_DEPTH:
            raise self.too_deep(start)

    def too_deep(self, start: int) -> ConditionError:
        """Return the error for too many levels."""
        return ConditionError(
            f"nested deeper than {MAX_DEPTH} levels",
            text=self.text,
            offset=start,
            mend="split it into several rules, or into signals of its own",
        )
