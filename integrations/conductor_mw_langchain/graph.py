"""Where in a LangGraph graph the caller is: what a node's pass can keep until it is resumed.

Nothing here imports LangGraph, so an app without graphs does not load it. LangGraph tells a node
its checkpointer and its task only below names of its own in the config; they stand here, once.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from langchain_core.runnables.config import var_child_runnable_config

T = TypeVar("T")

_CHECKPOINTER: Final = "__pregel_checkpointer"
_TASK: Final = "__pregel_task_id"
_SCRATCHPAD: Final = "__pregel_scratchpad"
_OWN: Final = "__"
"""What the names of LangGraph's own settings begin with."""


@dataclass(frozen=True, slots=True)
class Node:
    """One task of a graph that has a checkpointer: a node, or a task of the functional API.

    Attributes:
        checkpointer: keeps what was written beside a checkpoint.
        config: names the checkpoint from which the task is taken up again.
        task: the task's id, the same in every pass.
    """

    checkpointer: Any
    config: Any
    task: str


_passes: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_lock = threading.Lock()


def in_pass(make: Callable[[Node], T]) -> T | None:
    """Give what belongs to the pass of the node that the caller is in, made when first asked for.

    Args:
        make: makes it. Everything in the node shares it, in whatever thread or task; the next pass
            makes its own.

    Returns:
        None outside a graph, and in a graph without a checkpointer: nothing could be resumed there.
    """
    settings = _settings()
    scratchpad = settings.get(_SCRATCHPAD)
    checkpointer = settings.get(_CHECKPOINTER)
    if scratchpad is None or not hasattr(checkpointer, "put_writes"):
        return None
    # The scratchpad itself takes no weak references; this function lives and dies with it.
    pass_: Any = scratchpad.get_null_resume
    with _lock:
        found: T | None = _passes.get(pass_)
        if found is None:
            found = make(Node(checkpointer, _checkpoint(settings), settings[_TASK]))
            _passes[pass_] = found
    return found


def interrupts(error: BaseException) -> bool:
    """Say whether an exception leaves a graph on purpose, to be taken up again."""
    errors: Any = sys.modules.get("langgraph.errors")
    return errors is not None and isinstance(error, errors.GraphBubbleUp)


def _settings() -> Mapping[str, Any]:
    if "langgraph.pregel" not in sys.modules:
        return {}
    return (var_child_runnable_config.get() or {}).get("configurable") or {}


def _checkpoint(settings: Mapping[str, Any]) -> Any:
    """Give the config of the checkpoint that the graph around this task goes on from."""
    found = {key: value for key, value in settings.items() if not key.startswith(_OWN)}
    checkpoints: dict[str, str] = found.pop("checkpoint_map", None) or {}
    space: str = found.get("checkpoint_ns") or ""
    while space not in checkpoints and space:
        space = space.rpartition("|")[0]
    checkpoint = checkpoints.get(space)
    # A task of the functional API has the checkpoint of the graph that called it.
    spaces = [name for name, one in checkpoints.items() if one == checkpoint]
    found["checkpoint_ns"] = min(spaces, key=len, default="")
    found["checkpoint_id"] = checkpoint
    return {"configurable": found}
