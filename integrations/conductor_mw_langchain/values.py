"""Read and mask the texts of whatever a chain takes. Values are hostile: every walk has an end."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue
from pydantic import BaseModel

from conductor_mw import ChatLens, RequestError

from .dialect import openai_message
from .masking import masked

MOST_VALUES: Final = 200_000
DEEPEST: Final = 64
_CHAT: Final = ChatLens()
_COLLECTIONS: Final[Any] = (list, tuple, set, frozenset)


def fields_of(value: object) -> Mapping[str, Any] | None:
    """Give the named fields of a mapping or a pydantic object; None for anything else."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    if isinstance(value, BaseModel) and not isinstance(value, BaseMessage | PromptValue):
        return dict(value)
    return None


def texts(value: object) -> Iterator[str]:
    """Give every text below, of messages too; what cannot be looked into holds none.

    Raises:
        RequestError: it is nested too deep, or has too many values.
    """
    stack: list[tuple[object, int]] = [(value, 0)]
    count = 1
    while stack:
        item, depth = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        if isinstance(item, BaseMessage):
            yield from _CHAT.pieces({"messages": [openai_message(item)]})
            continue
        below = _below(item)
        if below is None:
            continue
        if depth >= DEEPEST:
            raise _too_deep()
        count += len(below)
        if count > MOST_VALUES:
            raise RequestError(f"holds more than {MOST_VALUES:,} values", where="input")
        stack.extend((one, depth + 1) for one in reversed(list(below)))


def masked_value(value: Any, mask: Callable[[str], str], depth: int = 0) -> Any:
    """Give the same with every text below gone through `mask`; itself where nothing changed.

    Raises:
        RequestError: it is nested too deep.
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, BaseMessage):
        return masked(value, mask)
    if depth >= DEEPEST:
        raise _too_deep()
    if isinstance(value, BaseModel):
        changed = _changed(dict(value), mask, depth)
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, Mapping):
        old = cast("Mapping[Any, Any]", value)
        changed = _changed(old, mask, depth)
        return {**old, **changed} if changed else old
    if isinstance(value, _COLLECTIONS):
        items = [masked_value(one, mask, depth + 1) for one in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else _made_of(type(value), items)
    return value


def json_text(value: object, longest: int) -> str:
    """Give a value as JSON, and no more than one character beyond `longest` of it.

    Raises:
        RequestError: it holds itself, or is nested too deep.
    """
    pieces: list[str] = []
    length = 0
    try:
        for piece in _ENCODER.iterencode(value):
            pieces.append(piece)
            length += len(piece)
            if length > longest:
                break
    except (ValueError, RecursionError) as error:
        raise RequestError("holds itself, or is nested too deep", where="input") from error
    return "".join(pieces)[: longest + 1]


def _below(item: object) -> Collection[Any] | None:
    if isinstance(item, Mapping):
        return cast("Mapping[Any, Any]", item).values()
    if isinstance(item, BaseModel):
        return dict(item).values()
    if isinstance(item, list | tuple | set | frozenset):
        return cast("Collection[Any]", item)
    return None


def _changed(fields: Mapping[Any, Any], mask: Callable[[str], str], depth: int) -> dict[Any, Any]:
    found = {key: masked_value(one, mask, depth + 1) for key, one in fields.items()}
    return {key: one for key, one in found.items() if one is not fields[key]}


def _made_of(kind: Any, items: list[Any]) -> Any:
    """Give a collection of a class: a list, a set, or one of the app's own."""
    return kind._make(items) if hasattr(kind, "_make") else kind(items)  # a named tuple has that


def _too_deep() -> RequestError:
    return RequestError(f"is nested deeper than {DEEPEST}", where="input")


def _plain(item: object) -> Any:
    if isinstance(item, BaseMessage):
        return {"role": item.type, "content": str(item.text)}
    if isinstance(item, PromptValue):
        return item.to_string()
    if isinstance(item, BaseModel):
        return dict(item)
    if isinstance(item, set | frozenset):
        return list(cast("Iterable[Any]", item))
    return f"<{type(item).__name__}>"


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, skipkeys=True, default=_plain)
