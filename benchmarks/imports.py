"""How long `import conductor_mw` takes in a fresh process, beside its dependencies alone."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from statistics import median
from typing import Final

from .fresh import fresh
from .report import Limit, Row
from .timing import Pace

TITLE: Final = "Import"

_OURS: Final = "import conductor_mw"
_DOOR: Final = "from conductor_mw import Conductor"
_FIRST: Final = (
    "from conductor_mw import Conductor; "
    "Conductor.from_text('agents: [{id: a, simulated: x}]\\nrouting: {default: a}').decide('hi')"
)
# `import pydantic` alone loads nothing that could declare a model.
_DEPENDENCIES: Final = "import click, pluggy, yaml; from pydantic import BaseModel"
# Declaring a first model makes pydantic load what builds schemas; a driver needs asyncio.
_IN_USE: Final = (
    f"import asyncio; {_DEPENDENCIES}; type('A', (BaseModel,), {{'__annotations__': {{'a': int}}}})"
)
_TIMED: Final = """
import json, sys, time
before = time.process_time()
{code}
took = time.process_time() - before
loaded = sorted(name.partition(".")[0] for name in sys.modules)
print(json.dumps([took, len(sys.modules), sorted(set(loaded) & set({forbidden!r}))]))
"""
_FORBIDDEN: Final = ["langchain", "langchain_core", "langgraph", "litellm", "openai"]


def measure(pace: Pace) -> list[Row]:
    """Give the time of our import, of the way to a first decision, and of peers' imports."""
    statements = {"ours": _OURS, "door": _DOOR, "first": _FIRST, "dependencies": _DEPENDENCIES}
    statements["dependencies in use"] = _IN_USE
    for module in ("langchain_core.runnables", "cel"):
        if find_spec(module.partition(".")[0]) is not None:
            statements[module] = f"import {module}"
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    modules: dict[str, int] = {}
    for statement in statements.values():
        fresh(_TIMED.format(code=statement, forbidden=_FORBIDDEN))  # compiles what is not compiled
    for _ in range(pace.starts):
        for name, statement in statements.items():
            took, count, loaded = fresh(_TIMED.format(code=statement, forbidden=_FORBIDDEN))
            if name == "ours" and loaded:
                raise AssertionError(f"import conductor_mw loads {loaded}")
            seconds[name].append(took)
            modules[name] = count
    peers = [name for name in statements if name not in {"ours", "door", "first"}]
    rows: list[tuple[str, str, list[Limit]]] = [
        ("ours", "`import conductor_mw`", [Limit("dependencies", 1.3)]),
        ("door", "`from conductor_mw import Conductor`", []),
        ("first", "import, load a policy, decide", []),
    ]
    return [
        Row(
            title,
            seconds={"p50": median(seconds[name]), "least": min(seconds[name])},
            ratios={peer: _ratio(seconds, name, peer) for peer in peers},
            limits=limits,
            note=f"{modules[name]} modules",
        )
        for name, title, limits in rows
    ]


def _ratio(seconds: Mapping[str, list[float]], name: str, peer: str) -> float:
    pairs = zip(seconds[name], seconds[peer], strict=True)
    return median(mine / theirs for mine, theirs in pairs)
