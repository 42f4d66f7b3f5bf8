"""What a compiled flow gives to whoever reads its answer: declared fields, and its steps' facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, runtime_checkable

from conductor_mw.rules.types import BOOL, DYN, STRING, Type, list_of

from .agent import AskAgent
from .output import Output
from .reply import KEPT

if TYPE_CHECKING:
    from conductor_mw.agents.base import Agent

    from .base import Flow

# Numbers stay dynamic: JSON does not tell 1 from 1.0.
_TYPES: Final[Mapping[str, Type]] = {"string": STRING, "boolean": BOOL, "array": list_of(DYN)}
_EMPTY: Final[Mapping[str, object]] = {"bool": False, "int": 0, "double": 0.0, "string": ""}


@runtime_checkable
class Giver(Protocol):
    """A flow whose steps a loop around it may read."""

    @property
    def facts(self) -> Mapping[str, Type]:
        """The names of what its steps give, with their types."""
        ...

    @property
    def shelf_key(self) -> str:
        """Where on the loop's shelf it puts them."""
        ...


@runtime_checkable
class _Around(Protocol):
    """A node that answers as the one flow in it does."""

    @property
    def flow(self) -> Flow: ...


def giver(flow: Flow) -> Giver | None:
    """Give the flow, below names and what a step puts around it, whose steps may be read."""
    return next((one for one in _inwards(flow) if isinstance(one, Giver)), None)


def sole_agent(flow: Flow) -> Agent | None:
    """Give the agent that a target is, below names and what a step puts around it; or None."""
    return next((one.agent for one in _inwards(flow) if isinstance(one, AskAgent)), None)


def shape(flow: Flow) -> Mapping[str, Type]:
    """Give the fields of a flow's answer that a JSON Schema declares, with their types.

    A field goes before what every answer has under its name: `verify.accepted` is what the
    verifier said. Only what tells of the step itself (`KEPT`) stays; such a field is there below
    `output`.
    """
    for one in _inwards(flow):
        schema: object = None
        if isinstance(one, Output):
            schema = one.schema.source
        elif isinstance(one, AskAgent):
            schema = getattr(one.agent.options, "output", None)  # a worker declares its own
        if isinstance(schema, dict):
            return fields(cast("dict[str, Any]", schema))
    return {}


def may_be_scored(flow: Flow) -> bool:
    """Whether an answer of a flow can have a score: somebody in it scores, or nobody knows."""
    waiting: list[object] = [flow]
    while waiting:
        node = waiting.pop()
        if not type(node).__module__.startswith("conductor_mw."):
            return True  # a stranger's strategy may score as it likes
        judging = getattr(node, "judging", node)
        if getattr(judging, "scorer", None) is not None:
            return True
        waiting.extend(child for _, child in cast("Flow", node).children)
    return False


def fields(schema: Mapping[str, Any]) -> Mapping[str, Type]:
    """Give the fields that a JSON Schema of a mapping declares, with their types."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {
        name: _type(declared)
        for name, declared in cast("dict[str, object]", properties).items()
        if name.isidentifier() and name not in KEPT
    }


def blank(name: str, fields: Mapping[str, Type]) -> dict[str, object]:
    """Give the facts of what did not run yet: empty texts, zeros, false."""
    return {f"{name}.{key}": _empty(type_) for key, type_ in fields.items()}


def _inwards(flow: Flow) -> Iterator[object]:
    here: object = flow
    while here is not None:
        yield here
        here = here.flow if isinstance(here, _Around) else None


def _type(declared: object) -> Type:
    kind = cast("dict[str, object]", declared).get("type") if isinstance(declared, dict) else None
    return _TYPES.get(kind, DYN) if isinstance(kind, str) else DYN


def _empty(type_: Type) -> object:
    if type_.kind == "list":
        return []
    return {} if type_.kind == "map" else _EMPTY.get(type_.kind)
