"""What every further node of a nested flow adds to a call: the slope over a chain of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from conductor_mw import Conductor, Plugins, Request

from .report import Limit, Row
from .timing import Pace, Timed, async_side_by_side, side_by_side

TITLE: Final = "Nodes"

_DEPTH: Final = 16
_MOST: Final = 15e-6
_PROMPT: Final = "When do you open?"
_FIGURE: Final = "a node"
_READING: Final = ("sequence", "cascade")

Wrap = Callable[[Any], Any]
_KINDS: Final[dict[str, Wrap]] = {
    "fallback": lambda inner: {"fallback": [inner]},
    "use": lambda inner: {"use": inner, "timeout": "60s"},
    "choose": lambda inner: {"choose": [{"when": "input.chars > 3", "use": inner}], "else": "a"},
    "sequence": lambda inner: {"sequence": [inner]},
    "cascade": lambda inner: {"cascade": [inner], "accept": "answer.chars > 3"},
}


def measure(pace: Pace) -> list[Row]:
    """Give a row for each kind of node, in both colours."""

    def agent(request: Request) -> str:
        return request.text

    async def async_agent(request: Request) -> str:
        return request.text

    sync = {name: _conductor(name, agent) for name in ("", "named", *_KINDS)}
    aio = {name: _conductor(name, async_agent) for name in ("", "named", *_KINDS)}
    found = side_by_side({name: _call(one) for name, one in sync.items()}, pace)
    afound = async_side_by_side({name: _acall(one) for name, one in aio.items()}, pace)
    return [*_rows("sync", found), *_rows("async", afound)]


def _call(conductor: Conductor) -> Callable[[], object]:
    return lambda: conductor.call(_PROMPT)


def _acall(conductor: Conductor) -> Callable[[], Any]:
    return lambda: conductor.acall(_PROMPT)


def _rows(colour: str, found: dict[str, Timed]) -> list[Row]:
    bare = found.pop("")
    return [
        Row(
            f"{colour} call, {name}",
            seconds={_FIGURE: (timed.p50 - bare.p50) / _DEPTH, f"p50 of {_DEPTH}": timed.p50},
            limits=[Limit(_FIGURE, _MOST)],
            note="waits for the whole answer and reads it" if name in _READING else "",
        )
        for name, timed in found.items()
    ]


def _conductor(kind: str, agent: object) -> Conductor:
    """Give a policy whose target is a chain of nodes of one kind above one agent."""
    target: Any = "a"
    flows: dict[str, Any] = {}
    if kind == "named":
        # A name stands above something: here each above a fallback, which is counted apart.
        for number in range(_DEPTH):
            flows[f"f{number}"] = {"fallback": [target]}
            target = f"f{number}"
    elif kind:
        for _ in range(_DEPTH):
            target = _KINDS[kind](target)
    policy = {"agents": [{"id": "a"}], "flows": flows, "routing": {"default": target}}
    return Conductor.from_text(json.dumps(policy), agents={"a": agent}, plugins=Plugins.core())
