"""The types a signal or an expression may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conductor_mw.errors import ConditionError, nearest

MAX_TYPE_DEPTH: Final = 16


@dataclass(frozen=True, slots=True)
class Type:
    """One type of the condition language; `str()` of it is how policies write it.

    Attributes:
        kind: `bool`, `int`, `double`, `string`, `null`, `dyn`, `list` or `map`.
        of: the element type of a list, or key and value type of a map.

    >>> str(map_of(STRING, list_of(INT)))
    'map<string, list<int>>'
    """

    kind: str
    of: tuple[Type, ...] = ()

    def __str__(self) -> str:
        if not self.of:
            return self.kind
        return f"{self.kind}<{', '.join(map(str, self.of))}>"


BOOL: Final = Type("bool")
INT: Final = Type("int")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
NULL: Final = Type("null")
DYN: Final = Type("dyn")

_SIMPLE: Final = {type_.kind: type_ for type_ in (BOOL, INT, DOUBLE, STRING, NULL, DYN)}
# CEL's own spelling of the type of null.
_SIMPLE_NAMES: Final = {**_SIMPLE, "null_type": NULL}


def list_of(element: Type) -> Type:
    """Return the type of a list whose elements are all of `element`."""
    return Type("list", (element,))


def map_of(key: Type, value: Type) -> Type:
    """Return the type of a map from `key` to `value`."""
    return Type("map", (key, value))


def parse_type(text: str) -> Type:
    """Return the type that `text` names, as a policy writes it.

    Raises:
        ConditionError: there is no such type; the message names the nearest.

    >>> parse_type("list<string>")
    Type(kind='list', of=(Type(kind='string', of=()),))
    >>> parse_type("map") == map_of(DYN, DYN)
    True
    """
    type_, end = _parse(text, 0, 0)
    if text[end:].strip():
        raise ConditionError(f"'{text[end:].strip()[:40]}' after a type", text=text, offset=end)
    return type_


def _parse(text: str, start: int, depth: int) -> tuple[Type, int]:
    if depth > MAX_TYPE_DEPTH:
        raise ConditionError(
            f"a type is nested deeper than {MAX_TYPE_DEPTH}", text=text, offset=start
        )
    while start < len(text) and text[start].isspace():
        start += 1
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    name = text[start:end]
    if name in _SIMPLE_NAMES:
        return _SIMPLE_NAMES[name], end
    if name not in ("list", "map"):
        raise ConditionError(
            f"no type '{name[:40]}'",
            text=text,
            offset=start,
            mend=nearest(name, [*_SIMPLE, "list<string>", "map<string, dyn>"]),
        )
    wanted = 1 if name == "list" else 2
    if not text[end:].lstrip().startswith("<"):
        return Type(name, (DYN,) * wanted), end
    arguments: list[Type] = []
    end = text.index("<", end) + 1
    for position in range(wanted):
        argument, end = _parse(text, end, depth + 1)
        arguments.append(argument)
        while end < len(text) and text[end].isspace():
            end += 1
        closing = ">" if position == wanted - 1 else ","
        if text[end : end + 1] != closing:
            raise ConditionError(
                f"a '{closing}' is missing in a type",
                text=text,
                offset=end,
                mend=f"write {name}<{'string' if name == 'list' else 'string, dyn'}>",
            )
        end += 1
    return Type(name, tuple(arguments)), end
