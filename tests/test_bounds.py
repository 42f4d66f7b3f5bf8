"""What is said before anything runs holds when it does: calls, tokens, closings, tasks, memory."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import aclosing
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from conductor_mw import Conductor, PolicyError, Usage
from conductor_mw.drivers import astream, stream
from conductor_mw.lenses import to_request
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
