"""What the production layers add to a call: each alone, and all of them with the audit's writer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from conductor_mw import Conductor, Part, Request, Usage

from .report import Limit, Row
from .timing import Pace, Timed, async_side_by_side, side_by_side

TITLE: Final = "Layers"

_PARTS: Final = 200
_SENTENCE: Final = "The customer wrote that the parcel has not arrived yet and asks what to do. "
_PROMPT: Final = (_SENTENCE * 14)[:1000]
_TARGET: Final = 40e-6
_PART_TARGET: Final = 1e-6
_LAYERS: Final = {
    "audit": "audit: {path: AUDIT, content: none}",
    "cache": "cache: {ttl: 1h, scope: tenant}",
    "limits": "limits: {per: tenant, requests: 1000000/s, tokens: 1000000000/s, concurrent: 1000}",
    "budget": "budget: {per: tenant, dollars: 1000000, every: day}",
    "breaker": "breaker: {error_rate: 0.5, min_calls: 10, open_for: 30s}",
}
_WHO: Final = {"tenant": "acme"}
_NUMBERS: Final = count()
_STACK: Final = "cache, limits, budget, breaker, audit"


def measure(pace: Pace) -> list[Row]:
    """Give rows for every layer alone and for the whole stack, over the bare engine."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        made = {"": _conductor(folder, [])}
        made |= {name: _conductor(folder, [name]) for name in _LAYERS}
        made[_STACK] = _conductor(folder, list(_LAYERS))
        for conductor in made.values():
            opened.callback(conductor.close)
        return [
            *_calls(made, pace),
            *_async_calls(made, pace),
            *_streams(made, pace),
            *_async_streams(made, pace),
        ]


def _conductor(folder: Path, names: list[str]) -> Conductor:
    audit = folder / f"{len(names)}-{'-'.join(names)}.db"
    layers = ", ".join(_LAYERS[name].replace("AUDIT", f"'{audit}'") for name in names)
    return Conductor.from_text(
        "signals: {tenant: {from: metadata.tenant, type: string}}\n"
        "agents: [{id: a, price: {input: 1, output: 2}, max_output_tokens: 500}]\n"
        "routing: {default: a}\n" + ("plugins: {" + layers + "}\n" if layers else ""),
        agents={"a": _answer},
    )


def _answer(request: Request) -> object:
    if request.stream:
        return iter([*[Part("word ")] * _PARTS, Part(usage=Usage(300, _PARTS), finish="stop")])
    return Part("An answer.", usage=Usage(300, 3), finish="stop")


def _calls(made: dict[str, Conductor], pace: Pace) -> Iterator[Row]:
    def case(conductor: Conductor) -> Callable[[], object]:
        return lambda: conductor.call(_prompt(), metadata=_WHO)

    cases = {name: case(one) for name, one in made.items()}
    stack = made[_STACK]
    cases["an answer from the cache"] = lambda: stack.call(_PROMPT, metadata=_WHO)
    yield from _rows("sync call", side_by_side(cases, pace), _TARGET)


def _async_calls(made: dict[str, Conductor], pace: Pace) -> Iterator[Row]:
    def case(conductor: Conductor) -> Callable[[], Awaitable[object]]:
        return lambda: conductor.acall(_prompt(), metadata=_WHO)

    cases = {name: case(one) for name, one in made.items()}
    yield from _rows("async call", async_side_by_side(cases, pace), _TARGET)


def _streams(made: dict[str, Conductor], pace: Pace) -> Iterator[Row]:
    def case(conductor: Conductor) -> Callable[[], object]:
        return lambda: list(conductor.stream(_prompt(), metadata=_WHO))

    cases = {name: case(made[name]) for name in ("", _STACK)}
    yield from _rows("sync stream, a part", side_by_side(cases, pace), _PART_TARGET, _PARTS)


def _async_streams(made: dict[str, Conductor], pace: Pace) -> Iterator[Row]:
    async def read(conductor: Conductor, prompt: str) -> list[Part]:
        return [part async for part in conductor.astream(prompt, metadata=_WHO)]

    def case(conductor: Conductor) -> Callable[[], Awaitable[object]]:
        return lambda: read(conductor, _prompt())

    cases = {name: case(made[name]) for name in ("", _STACK)}
    yield from _rows("async stream, a part", async_side_by_side(cases, pace), _PART_TARGET, _PARTS)


def _prompt() -> str:
    """Give a prompt that nobody asked before, so that the cache never answers."""
    return f"{next(_NUMBERS)} {_PROMPT}"


def _rows(name: str, timed: dict[str, Timed], target: float, share: int = 1) -> Iterator[Row]:
    bare = timed.pop("")
    for layers, mine in timed.items():
        yield Row(
            f"{name}, {layers}",
            seconds={
                "over the bare engine": (mine.p50 - bare.p50) / share,
                "p50": mine.p50 / share,
                "p99": mine.p99 / share,
            },
            ratios={"bare engine": mine.over(bare)},
            limits=[Limit("over the bare engine", target)] if layers == _STACK else (),
        )
