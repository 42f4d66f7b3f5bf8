"""What our LangChain shapes add to the child that answers, beside LangChain's ways to choose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from .fresh import fresh
from .report import Limit, Row
from .timing import Pace, Timed, async_side_by_side, side_by_side

TITLE: Final = "LangChain"

_CONFIG: Final[Any] = {"metadata": {"tenant": "acme", "tier": "free"}}
_OVER: Final = "over the child"
_STACK: Final = "cache, limits, budget, breaker, audit"
_MODEL: Final = (85e-6, 130e-6)
_AGENT: Final = (120e-6, 160e-6)
_NONE: Final = (None, None)
_IMPORTED: Final = """
import json, sys, time
before = time.process_time()
{code}
print(json.dumps([time.process_time() - before, len(sys.modules)]))
"""
_BASE: Final = "from langchain_core.language_models import BaseChatModel"
_IMPORTS: Final = {
    "ours": "from conductor_mw_langchain import ConductorChatModel",
    "BaseChatModel": _BASE,
    "BaseChatModel and Conductor": f"{_BASE}; from conductor_mw import Conductor",
}


def measure(pace: Pace) -> list[Row]:
    """Give rows for the chat model, the runnable and the middleware, and for their import."""
    if find_spec("langchain_core") is None:
        return []
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        rows = [*_models(folder, pace, opened), *_chains(folder, pace, opened)]
        if find_spec("langchain") is not None:
            rows += _agents(folder, pace, opened)
        # Each start takes over a second, so the smallest form leaves them out.
        return [*rows, *_imports(pace)] if pace.starts > 1 else rows


def _models(folder: Path, pace: Pace, opened: ExitStack) -> Iterator[Row]:
    from . import langchain_cases as cases  # noqa: PLC0415 - LangChain may be absent

    made = cases.models(folder, opened)
    yield from _rows("chat model, invoke", _called(made, pace, cases.prompt), _MODEL)
    yield from _rows("chat model, ainvoke", _acalled(made, pace, cases.prompt), _MODEL)
    ours = {name: made[name] for name in ("child", "bare", "layers")}
    heard = _called(ours, pace, cases.prompt, [cases.Handler()])
    yield from _rows("chat model, invoke with a callback handler", heard, _NONE)
    streams = {**ours, "RunnableWithFallbacks": made["RunnableWithFallbacks"]}
    read, aread = _read(streams, pace), _aread(streams, pace)
    yield from _rows("chat model, stream, a chunk", read, _NONE, cases.CHUNKS)
    yield from _rows("chat model, astream, a chunk", aread, _NONE, cases.CHUNKS)


def _chains(folder: Path, pace: Pace, opened: ExitStack) -> Iterator[Row]:
    from . import langchain_cases as cases  # noqa: PLC0415 - LangChain may be absent

    made = cases.chains(folder, opened)
    yield from _rows("runnable, invoke", _called(made, pace, cases.prompt), _NONE)
    yield from _rows("runnable, ainvoke", _acalled(made, pace, cases.prompt), _NONE)


def _agents(folder: Path, pace: Pace, opened: ExitStack) -> Iterator[Row]:
    from . import langchain_cases as cases  # noqa: PLC0415 - LangChain may be absent

    made = cases.agents(folder, opened)
    yield from _rows("agent, invoke", _called(made, pace, cases.state), _AGENT)
    yield from _rows("agent, ainvoke", _acalled(made, pace, cases.state), _AGENT)


Said = Callable[[], object]
"""Gives what is asked next."""


def _called(
    made: Mapping[str, Any], pace: Pace, said: Said, callbacks: Sequence[object] = ()
) -> dict[str, Timed]:
    config = {**_CONFIG, "callbacks": list(callbacks)}

    def case(one: Any) -> Callable[[], object]:
        return lambda: one.invoke(said(), config)

    return side_by_side({name: case(one) for name, one in made.items()}, pace)


def _acalled(made: Mapping[str, Any], pace: Pace, said: Said) -> dict[str, Timed]:
    def case(one: Any) -> Callable[[], Awaitable[object]]:
        return lambda: one.ainvoke(said(), _CONFIG)

    return async_side_by_side({name: case(one) for name, one in made.items()}, pace)


def _read(made: Mapping[str, Any], pace: Pace) -> dict[str, Timed]:
    from .langchain_cases import prompt  # noqa: PLC0415 - LangChain may be absent

    def case(one: Any) -> Callable[[], object]:
        return lambda: list(one.stream(prompt(), _CONFIG))

    return side_by_side({name: case(one) for name, one in made.items()}, pace)


def _aread(made: Mapping[str, Any], pace: Pace) -> dict[str, Timed]:
    from .langchain_cases import prompt  # noqa: PLC0415 - LangChain may be absent

    async def read(one: Any) -> list[Any]:
        return [chunk async for chunk in one.astream(prompt(), _CONFIG)]

    def case(one: Any) -> Callable[[], Awaitable[object]]:
        return lambda: read(one)

    return async_side_by_side({name: case(one) for name, one in made.items()}, pace)


def _rows(
    name: str, timed: dict[str, Timed], most: tuple[float | None, float | None], share: int = 1
) -> Iterator[Row]:
    """Give our rows over the child, with LangChain's own ways as peers."""
    child = timed.pop("child")
    ours = {"": timed.pop("bare"), f", {_STACK}": timed.pop("layers")}
    for (layers, mine), limit in zip(ours.items(), most, strict=True):
        yield Row(
            f"{name}{layers}",
            seconds={
                _OVER: (mine.p50 - child.p50) / share,
                "p50": mine.p50 / share,
                "p95": mine.p95 / share,
            },
            ratios={
                "child": mine.over(child),
                **{peer: mine.over(theirs) for peer, theirs in timed.items()},
            },
            limits=[] if limit is None else [Limit(_OVER, limit)],
        )
    for peer, theirs in timed.items():
        yield Row(
            f"— {name}, {peer} itself",
            seconds={_OVER: (theirs.p50 - child.p50) / share, "p50": theirs.p50 / share},
            ratios={"child": theirs.over(child)},
        )


def _imports(pace: Pace) -> Iterator[Row]:
    seconds: dict[str, list[float]] = {name: [] for name in _IMPORTS}
    modules: dict[str, int] = {}
    for statement in _IMPORTS.values():
        fresh(_IMPORTED.format(code=statement))  # compiles what is not compiled
    for _ in range(pace.starts):
        for name, statement in _IMPORTS.items():
            took, modules[name] = fresh(_IMPORTED.format(code=statement))
            seconds[name].append(took)
    ours = seconds.pop("ours")
    yield Row(
        "`from conductor_mw_langchain import ConductorChatModel`",
        seconds={"p50": median(ours), "least": min(ours)},
        ratios={
            peer: median(mine / other for mine, other in zip(ours, theirs, strict=True))
            for peer, theirs in seconds.items()
        },
        limits=[Limit("BaseChatModel and Conductor", 1.1)],
        note=f"{modules['ours']} modules, BaseChatModel alone {modules['BaseChatModel']}",
    )
