"""Write plain data in one form, so that equal data is equal bytes and different data is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Final, cast

from pydantic import BaseModel

MOST_VALUES: Final = 200_000
DEEPEST: Final = 64


class NotPlainError(ValueError):
    """Data holds an object whose meaning nobody can tell from its content."""


def canonical(value: object) -> bytes:
    """Give the bytes that stand for a value and for no other.

    Every value is led by its type and its length, so that no text can look like another structure.
    The order of keys does not count, nor whether a whole number is written `1` or `1.0`, nor
    whether a list is a list or a tuple. A truth value is no number.

    Raises:
        NotPlainError: it holds something else than texts, bytes, numbers, truth values, nothing,
            lists, mappings with text keys and pydantic models; or it is too deep or too large.

    >>> canonical({"b": 1.0, "a": [True]}) == canonical({"a": (True,), "b": 1})
    True
    >>> canonical(["ab", "c"]) == canonical(["a", "bc"])
    False
    """
    pieces: list[str] = []
    write(value, pieces)
    return joined(pieces)


def joined(pieces: Sequence[str]) -> bytes:
    """Give the bytes of what was written."""
    # Broken JSON escapes give lone surrogates, which plain UTF-8 refuses.
    return "".join(pieces).encode("utf-8", "surrogatepass")


def write(value: object, pieces: list[str], deeper: int = DEEPEST) -> None:
    """Write a value behind others; see `canonical`."""
    # By exact type: a subclass of `str` may mean more than its text, an enumeration for example.
    kind = type(value)
    if kind is dict:
        _write_mapping(cast("dict[object, object]", value), pieces, deeper)
    elif kind is list or kind is tuple:
        items = cast("Sequence[object]", value)
        _check(pieces, deeper)
        pieces.append(f"l{len(items)}:")
        for item in items:
            write(item, pieces, deeper - 1)
    elif (leaf := _LEAVES.get(kind)) is not None:
        pieces.append(leaf(value))
    elif isinstance(value, BaseModel):
        # Field by field: `model_dump` leaves out fields that are declared so, and what a value has
        # beyond the class that its field names; two requests may differ in nothing else.
        _write_mapping(dict(value), pieces, deeper)
    elif isinstance(value, Mapping):
        _write_mapping(cast("Mapping[object, object]", value), pieces, deeper)
    else:
        raise NotPlainError(f"it holds a {kind.__name__}")


def _write_mapping(value: Mapping[object, object], pieces: list[str], deeper: int) -> None:
    _check(pieces, deeper)
    pieces.append(f"d{len(value)}:")
    for key in names_of(value):
        item = value[key]
        if type(item) is str:  # most of what a payload holds, without a call for each
            pieces.append(f"s{len(key)}:{key}s{len(item)}:{item}")
        else:
            pieces.append(f"s{len(key)}:{key}")
            write(item, pieces, deeper - 1)


def names_of(value: Mapping[Any, object]) -> list[str]:
    """Give a mapping's keys, sorted. Raises `NotPlainError` where one is no text."""
    for key in value:
        if type(key) is not str:
            raise NotPlainError(f"it holds a key of type {type(key).__name__}")
    return sorted(value)


def _check(pieces: list[str], deeper: int) -> None:
    # A list that holds itself is deep; one that holds another one twice, and so on, is large.
    if deeper <= 0 or len(pieces) > MOST_VALUES:
        raise NotPlainError("it is too deep or too large")


def _number(value: float) -> str:
    if not isfinite(value):
        raise NotPlainError("it holds a number that is not finite")
    return _whole(int(value)) if value.is_integer() else f"r{value!r};"


def _whole(value: int) -> str:
    return f"i{value:x};"  # hexadecimal: decimal is slow, and refused, for a number of any size


def _text(value: str) -> str:
    return f"s{len(value)}:{value}"


def _bytes(value: bytes) -> str:
    return f"b{len(value)}:{value.decode('latin-1')}"


_LEAVES: Final[Mapping[type, Callable[[Any], str]]] = {
    str: _text,
    int: _whole,
    float: _number,
    bytes: _bytes,
    bool: lambda value: "t" if value else "f",
    type(None): lambda _: "n",
}
