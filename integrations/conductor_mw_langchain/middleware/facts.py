"""What an agent's app says about a model call: its config, the runtime's context, chosen state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final, cast

from langchain_core.runnables.config import RunnableConfig
from pydantic import BaseModel

from conductor_mw_langchain.calls import metadata_of

STATE: Final = "state"
"""The key under which chosen values of the agent's state stand in a request's metadata."""
_DEEPEST: Final = 8
_SIMPLE: Final = frozenset((str, int, float, bool, type(None)))


def facts_of(
    config: RunnableConfig, context: object, state: Mapping[str, Any], chosen: Sequence[str]
) -> dict[str, object]:
    """Give a request's metadata; only plain values, as JSON has them.

    Args:
        config: of the agent's run: its `configurable`, and over it its metadata.
        context: of the runtime; its fields count over those of the config.
        state: the agent's state.
        chosen: the keys of the state that rules may read, as `metadata.state.<key>`.
    """
    found = _plain_of(metadata_of(config))
    if context is not None:
        found.update(_plain_of(_fields(context)))
    if chosen:
        found[STATE] = _plain_of({key: state[key] for key in chosen if key in state})
    return found


def _plain_of(values: Mapping[str, object]) -> dict[str, object]:
    return {key: one for key, one in values.items() if type(one) in _SIMPLE or _plain(one)}


def _fields(context: Any) -> Mapping[str, object]:
    if isinstance(context, Mapping):
        return cast("Mapping[str, object]", context)
    if isinstance(context, BaseModel):
        return {name: getattr(context, name) for name in type(context).model_fields}
    if is_dataclass(context):
        return {field.name: getattr(context, field.name) for field in fields(context)}
    return {}


def _plain(value: object, depth: int = 0) -> bool:
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if depth >= _DEEPEST:
        return False
    if isinstance(value, list | tuple):
        return all(_plain(one, depth + 1) for one in cast("Sequence[object]", value))
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return all(isinstance(key, str) and _plain(one, depth + 1) for key, one in items)
    return False
