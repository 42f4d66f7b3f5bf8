"""The condition language: one text in, one checked expression out."""

from __future__ import annotations

from conductor_mw.rules.expression import Expression, expression
from conductor_mw.rules.interpreter import Facts
from conductor_mw.rules.scope import Scope
from conductor_mw.rules.syntax import Unsupported
from conductor_mw.rules.table import OnError, Passed, RuleError, RuleTable
from conductor_mw.rules.types import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    NULL,
    STRING,
    Type,
    list_of,
    map_of,
    parse_type,
)

__all__ = [
    "BOOL",
    "DOUBLE",
    "DYN",
    "INT",
    "NULL",
    "STRING",
    "Expression",
    "Facts",
    "OnError",
    "Passed",
    "RuleError",
    "RuleTable",
    "Scope",
    "Type",
    "Unsupported",
    "compile",
    "list_of",
    "map_of",
    "parse_type",
]


def compile(text: str, type: Type, scope: Scope) -> Expression:  # noqa: A001, A002 - the word of the field, always used as `rules.compile`
    """Return the condition, score or formula that `text` says.

    Args:
        text: CEL, of the subset that docs/conditions.md describes.
        type: what it must give. Where DOUBLE is wanted an int expression is taken and converted;
            an expression of unknown type (`dyn`) is taken and its value is checked each time.
        scope: the signals it may read.

    Raises:
        ConditionError: it cannot be read, names what is not in scope, or gives another type.

    >>> scope = Scope({"input.tokens": INT})
    >>> compile("input.tokens < 64", BOOL, scope).evaluate({"input.tokens": 12})
    True
    """
    return expression(text, type, scope)
