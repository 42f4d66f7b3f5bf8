"""Walk a payload without recursion: count its bytes, flatten it to text, mask its texts.

Payloads are hostile: they may be nested a thousand deep or hold themselves. Every walk has a depth
and a number of values at which it stops with a clear error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, cast

from pydantic import BaseModel

from conductor_mw.errors import RequestError

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 200_000
NUMBER_BYTES: Final = 8
"""What a boolean or a null counts, and a number that is not longer."""

# Words that steer the payload; masking them would change what it means, not what it says.
_STRUCTURE: Final = frozenset(
    ("role", "type", "id", "tool_call_id", "call_id", "name", "format", "detail", "mime_type")
)
# Addresses and data of images, sounds and files.
_MEDIA: Final = frozenset(
    ("image_url", "input_audio", "file", "source", "url", "data", "file_data")
)


def kind_of(value: object) -> str:
    """Give what a value is called in a message."""
    return "null" if value is None else type(value).__name__


def utf8_length(text: str) -> int:
    """Return how many bytes a text has in UTF-8; plain ASCII is not encoded to find out.

    >>> utf8_length("naïve"), utf8_length("plain")
    (6, 5)
    """
    # A lone surrogate, as broken JSON escapes give, must not turn a count into an error.
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def byte_size(value: object, where: str) -> int:
    """Return the UTF-8 bytes of every key and value below, with two for the marks around each.

    Raises:
        RequestError: it is nested too deep, or has too many values; `where` names the place.
    """
    # By hand, and containers at a time: every call under a budget comes by here.
    total = count = 0
    stack: list[tuple[Collection[object], int]] = [((value,), 0)]
    while stack:
        values, depth = stack.pop()
        count += len(values)
        if count > MAX_VALUES:
            raise _too_many(where)
        for item in values:
            if type(item) is str:
                total += (len(item) if item.isascii() else utf8_length(item)) + 2
                continue
            keys, below = _within(item)
            if below is None:
                total += _leaf_size(item)
                continue
            if depth > MAX_DEPTH:
                raise _too_deep(where)
            for key in keys:
                total += utf8_length(key if type(key) is str else str(key)) + 4
            stack.append((below, depth + 1))
    return total


def _within(item: object) -> tuple[Collection[object], Collection[object] | None]:
    """Give the keys and the values of a container, or nothing and None."""
    kind = type(item)
    if kind is int or kind is bool or kind is float or item is None:
        return (), None
    if isinstance(item, BaseModel):
        item = item.model_dump(exclude_none=True)
    if isinstance(item, list | tuple):
        return (), cast("Sequence[object]", item)
    if kind is dict or isinstance(item, Mapping):
        named = cast("Mapping[object, object]", item)
        return named.keys(), named.values()
    return (), None


def _leaf_size(item: object) -> int:
    if isinstance(item, str):
        return utf8_length(item) + 2
    if isinstance(item, int):  # a digit is worth more than three bits
        return max(NUMBER_BYTES, item.bit_length() // 3 + 2)
    if isinstance(item, float):
        return max(NUMBER_BYTES, len(repr(item)))
    return len(item) if isinstance(item, bytes | bytearray) else NUMBER_BYTES


def flat_text(value: object, where: str) -> str:
    """Return every key and text below as one text, about as JSON would write them.

    Raises:
        RequestError: it is nested too deep, or has too many values.

    >>> flat_text({"name": "search", "strict": True}, "tools.0")
    '"name":"search","strict":true,'
    """
    pieces: list[str] = []
    for key, leaf in _leaves(value, where):
        if key is not None:
            pieces.append(f'"{key}":')
        if isinstance(leaf, str):
            pieces.append(f'"{leaf}",')
        elif isinstance(leaf, bool):
            pieces.append("true," if leaf else "false,")
        elif leaf is not _CONTAINER:
            pieces.append("null," if leaf is None else "0,")
    return "".join(pieces)


def masked(value: object, mask: Callable[[str], str], where: str) -> object:
    """Return a copy in which every text below went through `mask`; structure words stay.

    Addresses and data of media stay too.

    Raises:
        RequestError: it is nested too deep, or has too many values.
    """
    return _Masking(mask, where).copy(value, 0)


class _Masking:
    """One walk that masks, with what is left of its values."""

    def __init__(self, mask: Callable[[str], str], where: str) -> None:
        self.mask = mask
        self.where = where
        self.left = MAX_VALUES

    def copy(self, value: object, depth: int) -> object:
        self.left -= 1
        if self.left < 0:
            raise _too_many(self.where)
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_none=True)
        if isinstance(value, Mapping | list | tuple) and depth >= MAX_DEPTH:
            raise _too_deep(self.where)
        if isinstance(value, Mapping):
            pairs = cast("Mapping[object, object]", value).items()
            return {key: self._entry(key, item, depth + 1) for key, item in pairs}
        if isinstance(value, list | tuple):
            return [self.copy(item, depth + 1) for item in cast("Sequence[object]", value)]
        return value

    def _entry(self, key: object, item: object, depth: int) -> object:
        if key in _MEDIA or (key in _STRUCTURE and isinstance(item, str)):
            return item
        return self.copy(item, depth)


_CONTAINER: Final = object()


def _leaves(value: object, where: str) -> Iterator[tuple[str | None, object]]:
    """Give every key with its value, and every element of a list, in order; containers as marks."""
    stack: list[tuple[str | None, object, int]] = [(None, value, 0)]
    count = 0
    while stack:
        key, item, depth = stack.pop()
        count += 1
        if count > MAX_VALUES:
            raise _too_many(where)
        if isinstance(item, BaseModel):
            item = item.model_dump(exclude_none=True)
        children: list[tuple[str | None, object, int]]
        if isinstance(item, Mapping):
            pairs = cast("Mapping[object, object]", item).items()
            children = [(str(name), child, depth + 1) for name, child in pairs]
        elif isinstance(item, list | tuple):
            children = [(None, child, depth + 1) for child in cast("Sequence[object]", item)]
        else:
            yield key, item
            continue
        if depth >= MAX_DEPTH:
            raise _too_deep(where)
        yield key, _CONTAINER
        stack.extend(reversed(children))


def _too_deep(where: str) -> RequestError:
    return RequestError(f"is nested deeper than {MAX_DEPTH}", where=where)


def _too_many(where: str) -> RequestError:
    return RequestError(f"holds more than {MAX_VALUES:,} values", where=where)
