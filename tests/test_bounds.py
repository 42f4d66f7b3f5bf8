"""What is said before anything runs holds when it does: calls, tokens, closings, tasks, memory."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from conductor_mw import Conductor, Failure, PolicyError, Usage
from conductor_mw.drivers import astream, stream
from conductor_mw.drivers.sync import THREADS
from conductor_mw.effects import Attempt, Io
from conductor_mw.lenses import to_request
from conductor_mw.parts import Part
from conductor_mw.plugins import Plugins
from conductor_mw.run import Run
from conductor_mw.testing import COLOURS, VirtualClock
from conductor_mw.testing.ways import Colour

from .wild import AGENTS, CLASSIFIER, JUDGE, Wild, policies

LONG = os.environ.get("CONDUCTOR_LONG") == "1"
CORE = Plugins.core()
VERDICTS = ('{"score": 9, "because": "good"}', '{"score": 1}', "9", "nonsense", "A", "B", "TIE")
TOPICS = ("billing", "tech", "true", "no", "who knows")


@settings(
    max_examples=3_000 if LONG else 120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(
    policy=policies(),
    seed=st.integers(0, 10**6),
    streams=st.booleans(),
    colour=st.sampled_from(COLOURS),
    leaves_after=st.sampled_from((None, None, None, 1, 2)),
    fails=st.sampled_from((0.1, 0.4, 0.9)),
)
def test_no_run_makes_more_calls_than_its_target_was_said_to_need(
    policy: dict[str, Any],
    seed: int,
    streams: bool,
    colour: Colour,
    leaves_after: int | None,
    fails: float,
) -> None:
    agents = {name: Wild(seed + number, fails) for number, name in enumerate(AGENTS)}
    agents[CLASSIFIER] = Wild(seed, fails / 2, TOPICS)
    agents[JUDGE] = Wild(seed, fails / 2, VERDICTS)
    conductor = loaded(policy, agents, seed)

    run = conductor.begin(to_request("My invoice is wrong.", stream=streams))
    read(run, colour, leaves_after)
    settle(conductor, agents)

    calls = sum(agent.begun for agent in agents.values())
    assert calls == sum(agent.ended for agent in agents.values())
    refused = [one for one in run.outcomes if one.kind == "policy_violation"]
    assert [str(one.error) for one in refused if "was compiled" in str(one.error)] == []
    if run.decision is not None:
        assert calls <= run.policy.worst_calls[run.decision.target]
    reported = sum((agent.reported for agent in agents.values()), Usage())
    assert sum((one.usage for one in run.outcomes), Usage()) == reported


def loaded(policy: dict[str, Any], agents: dict[str, Wild], seed: int) -> Conductor:
    """Give a conductor; a policy that could cost a thousand calls is refused, and passed over."""
    try:
        return Conductor.from_text(
            json.dumps(policy), agents=agents, plugins=CORE, clock=VirtualClock(), seed=seed
        )
    except PolicyError as error:
        assume(all(one.code in ("too-many-calls", "too-deep") for one in error.findings))
        raise


def read(run: Run, colour: Colour, leaves_after: int | None) -> None:
    """Read the parts of a run, to the end or until the caller leaves."""

    async def aread() -> None:
        async with aclosing(astream(run.runtime.host, run.parts())) as parts:
            number = 0
            async for _ in parts:
                number += 1
                if number == leaves_after:
                    return

    try:
        if colour == "async":
            asyncio.run(_whole(aread))
            return
        parts = stream(run.runtime.host, run.parts())
        for number, _ in enumerate(parts, 1):
            if number == leaves_after:
                break
        parts.close()
    except Exception:  # noqa: BLE001 - wild agents raise what they like
        return


async def _whole(aread: Any) -> None:
    try:
        await aread()
    finally:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


def settle(conductor: Conductor, agents: dict[str, Wild]) -> None:
    """Wait for shadows, and for the threads of those who lost."""
    assert conductor.drain(20)
    until = time.monotonic() + 20
    while sum(one.begun - one.ended for one in agents.values()) and time.monotonic() < until:
        time.sleep(0.001)


NESTED = """
signals: {topic: {ask: classifier, one_of: [billing, tech]}}
agents:
  - {id: classifier}
  - {id: a, price: {input: 1, output: 1}, timeout: 30s}
  - {id: b, retry: {times: 1, wait: 1ms}}
  - {id: c}
flows:
  careful: {cascade: [a, {fallback: [b, c]}], accept: "answer.chars > 3"}
  fast: {parallel: [a, b, {sequence: [{id: draft, use: c}, {use: a, prompt: "{draft.text}"}]}]}
  again: {repeat: careful, until: "answer.text == 'long enough'", max: 2}
routing:
  rules: [{condition: "topic == 'tech'", target: fast}]
  default: {sequence: [{use: again, on_failure: continue}, fast]}
"""
ROUNDS, AT_ONCE = (10, 1_000) if LONG else (3, 200)
MOST_GROWTH = 5_000_000


class Quick:
    """Answers one thing or another, or fails, each call after a turn of the loop."""

    def __init__(self, *takes: str | type[Exception]) -> None:
        self._takes = itertools.cycle(takes)

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        del attempt
        take = next(self._takes)
        await Io(lambda: None, lambda: asyncio.sleep(0.001))
        if not isinstance(take, str):
            raise take  # a new one each time: an exception keeps the frames it went through
        yield Part(take, usage=Usage(1, 1), finish="stop")


@pytest.mark.slow
def test_a_thousand_runs_at_once_leave_no_task_thread_or_memory_behind() -> None:
    agents = {
        "classifier": Quick("tech", "billing", "billing"),
        "a": Quick("long enough", "no", "yes"),
        "b": Quick(TimeoutError, "long enough", ConnectionError, ConnectionError),
        "c": Quick("yes", "long enough", ConnectionError),
    }
    conductor = Conductor.from_text(NESTED, agents=agents, plugins=CORE, seed=7)
    asyncio.run(soak(conductor))


async def soak(conductor: Conductor) -> None:
    """Run rounds of concurrent runs, and look after each at what is left of it."""

    async def one(number: int) -> None:
        # Some callers leave after the first part, and some read to the end.
        async with conductor.astream(f"Question {number}") as parts:
            try:
                async for _ in parts:
                    if number % 7 == 0:
                        return
            except (TimeoutError, ConnectionError, Failure):
                return

    async def round_of_runs() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(one(number))

    await round_of_runs()  # what is made once is made now
    gc.collect()
    tasks, threads, memory = len(asyncio.all_tasks()), own_threads(), resident()
    for _ in range(ROUNDS):
        await round_of_runs()
        gc.collect()
        assert len(asyncio.all_tasks()) == tasks
        assert own_threads() <= threads  # idle ones of other tests may end meanwhile
    grown = resident() - memory
    told = f"{ROUNDS} x {AT_ONCE} runs: {tasks} tasks, {threads} threads, {grown:+,} bytes\n"
    sys.stderr.write(told)
    assert grown <= MOST_GROWTH


def own_threads() -> int:
    """Give how many threads are ours: other tests' SDKs begin and end theirs as they like."""
    return sum(thread.name.startswith(THREADS) for thread in threading.enumerate())


def resident() -> int:
    """Give the bytes of memory that this process holds; 0 where that cannot be known."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
