"""What the LiteLLM provider and the Router's strategy add to the call that LiteLLM makes anyway.

CPU time of the whole process, because LiteLLM does part of its work in other threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any, Final

from .report import Limit, Row
from .timing import Pace, Timed, async_side_by_side, side_by_side

TITLE: Final = "LiteLLM"

_OURS: Final = "of which ours"
_TURNS: Final = 6
_ONE_CALL: Final = 1.5e-3
"""About how long a mocked call of LiteLLM takes: a turn is as many as fit."""
_WARM_UP: Final = 3


def measure(pace: Pace) -> list[Row]:
    """Give rows for the provider, the strategy and the decision."""
    if find_spec("litellm") is None:
        return []
    with ExitStack() as opened:
        return list(_rows(pace, opened))


def _rows(pace: Pace, opened: ExitStack) -> Iterator[Row]:
    from conductor_mw_litellm.loading import litellm  # noqa: PLC0415 - it may be absent

    from . import litellm_cases as cases  # noqa: PLC0415 - the same

    conductor = cases.provide(opened)
    host: Any = litellm()
    added = _added(side_by_side(cases.own_calls(host.completion), pace))
    yield from _provider("completion", _in_turns(cases.calls(host.completion), pace), added)
    added = _added(async_side_by_side(cases.own_calls(host.acompletion), pace))
    yield from _provider("acompletion", _ain_turns(cases.calls(host.acompletion), pace), added)
    streams = cases.calls(host.completion, stream=True)
    del streams["a CustomLLM by hand"]  # a stream by hand is no matter of three lines
    read = {name: _reading(one) for name, one in streams.items()}
    yield from _provider("completion, stream", _in_turns(read, pace), None)
    yield Row(
        "provider, called alone, without LiteLLM around it",
        seconds={_OURS: _added(side_by_side(cases.alone(), pace))},
    )
    yield from _routers(cases.routers(), cases.MESSAGES, pace)
    decided = side_by_side({"": lambda: conductor.decide(cases.MESSAGES)}, pace)[""]
    yield Row(
        "decision, 3 rules, 1 kB",
        seconds={"p50": decided.p50, "p99": decided.p99},
        limits=[Limit("p50", 100e-6)],
    )


def _provider(name: str, timed: dict[str, Timed], added: float | None) -> Iterator[Row]:
    direct, ours = timed.pop("direct"), timed.pop("ours")
    yield Row(
        f"provider, {name}",
        seconds={"p50": ours.p50} if added is None else {_OURS: added, "p50": ours.p50},
        ratios={
            "direct": ours.over(direct),
            **{peer: ours.over(theirs) for peer, theirs in timed.items()},
        },
        limits=[Limit("direct", 2.0)] + ([] if added is None else [Limit(_OURS, 150e-6)]),
    )
    for peer, theirs in timed.items():
        yield Row(
            f"— {name}, {peer} itself",
            seconds={"p50": theirs.p50},
            ratios={"direct": theirs.over(direct)},
        )


def _routers(routers: Mapping[str, Any], messages: object, pace: Pace) -> Iterator[Row]:
    names = {"Router": "small", "ours": "smart"}

    def case(name: str, method: str) -> Callable[[], Any]:
        ask = getattr(routers[name], method)
        return lambda: ask(model=names[name], messages=messages)

    for method, turns in (("completion", _in_turns), ("acompletion", _ain_turns)):
        timed = turns({name: case(name, method) for name in names}, pace)
        yield Row(
            f"Router with `ConductorStrategy`, {method}",
            seconds={"p50": timed["ours"].p50},
            ratios={"Router": timed["ours"].over(timed["Router"])},
            limits=[Limit("Router", 1.15)],
        )


def _reading(opening: Callable[[], Any]) -> Callable[[], object]:
    return lambda: list(opening())


def _added(timed: Mapping[str, Timed]) -> float:
    """Give what a bound agent behind a policy adds to a provider that answers itself."""
    return timed["bound"].p50 - timed["own"].p50


def _in_turns(cases: Mapping[str, Callable[[], Any]], pace: Pace) -> dict[str, Timed]:
    """Time the cases in short turns; a round is the mean of one turn."""
    count = max(1, int(pace.seconds / _ONE_CALL))
    rounds: dict[str, list[tuple[float, ...]]] = {name: [] for name in cases}
    for call in cases.values():
        for _ in range(_WARM_UP):
            call()
    for _ in range(pace.rounds * _TURNS):
        for name, call in cases.items():
            before = time.process_time()
            for _ in range(count):
                call()
            rounds[name].append(((time.process_time() - before) / count,))
    return {name: Timed(tuple(one)) for name, one in rounds.items()}


def _ain_turns(cases: Mapping[str, Callable[[], Awaitable[Any]]], pace: Pace) -> dict[str, Timed]:
    """Time async cases in turns on one event loop; otherwise as `_in_turns`."""
    return asyncio.run(_in_turns_of_a_loop(cases, pace))


async def _in_turns_of_a_loop(
    cases: Mapping[str, Callable[[], Awaitable[Any]]], pace: Pace
) -> dict[str, Timed]:
    count = max(1, int(pace.seconds / _ONE_CALL))
    rounds: dict[str, list[tuple[float, ...]]] = {name: [] for name in cases}
    for call in cases.values():
        for _ in range(_WARM_UP):
            await call()
    for _ in range(pace.rounds * _TURNS):
        for name, call in cases.items():
            before = time.process_time()
            for _ in range(count):
                await call()
            rounds[name].append(((time.process_time() - before) / count,))
    return {name: Timed(tuple(one)) for name, one in rounds.items()}
