"""What the engine adds to a call of an agent, with no layers and with five that do nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from conductor_mw import (
    Attempted,
    Conductor,
    Parts,
    Plugins,
    RegisterLayer,
    Request,
    Setting,
    hookimpl,
)
from conductor_mw.lenses import to_request

from .report import Row
from .timing import Pace, Timed, async_side_by_side, side_by_side

TITLE: Final = "Engine"

_PARTS: Final = 200
_LAYERS: Final = 5
_PROMPT: Final = "When do you open?"


def measure(pace: Pace) -> list[Row]:
    """Give rows for calls and for streamed parts, in both colours."""
    return [*_calls(pace), *_async_calls(pace), *_streams(pace), *_async_streams(pace)]


def _calls(pace: Pace) -> Iterator[Row]:
    def agent(request: Request) -> str:
        return request.text

    request = _request()
    bare, layered = _conductor(0, agent), _conductor(_LAYERS, agent)
    cases: dict[str, Callable[[], object]] = {
        "the function itself": lambda: agent(request),
        "0": lambda: bare.call(_PROMPT),
        "5": lambda: layered.call(_PROMPT),
        "loop by hand": lambda: _by_hand(agent, request),
    }
    if find_spec("langchain_core") is not None:
        runnable = _with_fallbacks(agent)
        cases["RunnableWithFallbacks"] = lambda: runnable.invoke(request)
    yield from _rows("sync call", side_by_side(cases, pace))


def _async_calls(pace: Pace) -> Iterator[Row]:
    async def agent(request: Request) -> str:
        return request.text

    request = _request()
    bare, layered = _conductor(0, agent), _conductor(_LAYERS, agent)
    cases: dict[str, Callable[[], Awaitable[object]]] = {
        "the function itself": lambda: agent(request),
        "0": lambda: bare.acall(_PROMPT),
        "5": lambda: layered.acall(_PROMPT),
        "loop by hand": lambda: _by_hand_async(agent, request),
    }
    if find_spec("langchain_core") is not None:
        runnable = _with_fallbacks(agent)
        cases["RunnableWithFallbacks"] = lambda: runnable.ainvoke(request)
    yield from _rows("async call", async_side_by_side(cases, pace))


def _streams(pace: Pace) -> Iterator[Row]:
    def agent(_: Request) -> Iterator[str]:
        yield from ["word "] * _PARTS

    request = _request()
    bare, layered = _conductor(0, agent), _conductor(_LAYERS, agent)
    cases: dict[str, Callable[[], object]] = {
        "the function itself": lambda: list(agent(request)),
        "0": lambda: list(bare.stream(_PROMPT)),
        "5": lambda: list(layered.stream(_PROMPT)),
        "loop by hand": lambda: list(_stream_by_hand(agent, request)),
    }
    if find_spec("langchain_core") is not None:
        runnable = _with_fallbacks(agent)
        cases["RunnableWithFallbacks"] = lambda: list(runnable.stream(request))
    yield from _rows("sync stream, a part", side_by_side(cases, pace), share=_PARTS)


def _async_streams(pace: Pace) -> Iterator[Row]:
    async def agent(_: Request) -> AsyncIterator[str]:
        for word in ["word "] * _PARTS:
            yield word

    async def read(parts: AsyncIterator[Any]) -> list[Any]:
        return [part async for part in parts]

    request = _request()
    bare, layered = _conductor(0, agent), _conductor(_LAYERS, agent)
    cases: dict[str, Callable[[], Awaitable[object]]] = {
        "the function itself": lambda: read(agent(request)),
        "0": lambda: read(bare.astream(_PROMPT)),
        "5": lambda: read(layered.astream(_PROMPT)),
        "loop by hand": lambda: read(_astream_by_hand(agent, request)),
    }
    if find_spec("langchain_core") is not None:
        runnable = _with_fallbacks(agent)
        cases["RunnableWithFallbacks"] = lambda: read(runnable.astream(request))
    yield from _rows("async stream, a part", async_side_by_side(cases, pace), share=_PARTS)


def _rows(name: str, timed: dict[str, Timed], *, share: int = 1) -> Iterator[Row]:
    direct = timed.pop("the function itself")
    ours = {"0": timed.pop("0"), "5": timed.pop("5")}
    for layers, mine in ours.items():
        yield Row(
            f"{name}, {layers} layers",
            seconds={
                "over the function itself": (mine.p50 - direct.p50) / share,
                "p50": mine.p50 / share,
                "p99": mine.p99 / share,
            },
            ratios={peer: mine.over(theirs) for peer, theirs in timed.items()},
        )


def _request() -> Request:
    return to_request(_PROMPT)


def _conductor(layers: int, agent: object) -> Conductor:
    """Give a policy of one fallback, whose first agent answers."""
    names = [f"nothing_{at}" for at in range(layers)]
    plugins = Plugins.core()
    for rank, name in enumerate(names):
        plugins.add(_Offer(name, rank), name)
    text = (
        "agents: [{id: a}, {id: b}]\nflows: {both: {fallback: [a, b]}}\nrouting: {default: both}\n"
    )
    if names:
        text += "plugins: {" + ", ".join(f"{name}: {{}}" for name in names) + "}\n"
    return Conductor.from_text(text, agents={"a": agent, "b": agent}, plugins=plugins)


@dataclass(frozen=True, slots=True)
class _Options:
    def build(self, setting: Setting) -> _Nothing:
        del setting
        return _Nothing()


class _Nothing:
    """A layer that passes everything on."""

    async def around_attempt(
        self, attempt: Attempted, proceed: Callable[[Attempted], Parts]
    ) -> Parts:
        async for part in proceed(attempt):
            yield part


@dataclass(frozen=True, slots=True)
class _Offer:
    name: str
    rank: int

    @hookimpl
    def conductor_layers(self, register: RegisterLayer) -> None:
        register(self.name, _Options, rank=self.rank)


def _with_fallbacks(agent: Callable[[Request], Any]) -> Any:
    runnables: Any = import_module("langchain_core.runnables")
    runnable = runnables.RunnableLambda(agent)
    return runnable.with_fallbacks([runnable])


def _by_hand(agent: Callable[[Request], str], request: Request) -> str:
    failed: Exception | None = None
    for one in (agent, agent):
        try:
            return one(request)
        except (TimeoutError, ConnectionError) as error:
            failed = failed or error
    raise failed or AssertionError


async def _by_hand_async(agent: Callable[[Request], Awaitable[str]], request: Request) -> str:
    failed: Exception | None = None
    for one in (agent, agent):
        try:
            return await one(request)
        except (TimeoutError, ConnectionError) as error:
            failed = failed or error
    raise failed or AssertionError


def _stream_by_hand(agent: Callable[[Request], Iterator[str]], request: Request) -> Iterator[str]:
    for one in (agent, agent):
        spoken = False
        try:
            for part in one(request):
                spoken = True
                yield part
        except (TimeoutError, ConnectionError):
            if spoken:
                raise
        else:
            return


async def _astream_by_hand(
    agent: Callable[[Request], AsyncIterator[str]], request: Request
) -> AsyncIterator[str]:
    for one in (agent, agent):
        spoken = False
        try:
            async for part in one(request):
                spoken = True
                yield part
        except (TimeoutError, ConnectionError):
            if spoken:
                raise
        else:
            return
