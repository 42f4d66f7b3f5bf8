"""All layers together: each sees what it must, no tenant gets another's answer, nothing grows."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_mw import Conductor, Failure, Part, Request, Usage
from conductor_mw.testing import WAYS, Scripted, VirtualClock, Way, ask

SIGNALS = "signals: {tenant: {from: metadata.tenant, type: string}}\n"
AGENTS = """
agents:
  - {id: small, price: {input: 1, output: 2}, max_output_tokens: 500}
  - {id: large, price: {input: 10, output: 20}, max_output_tokens: 500}
routing: {default: {fallback: [small, large], on: [budget, limited, circuit_open, server_error]}}
"""
LAYERS = """
plugins:
  metrics: {path: FOLDER/conductor.db}
  audit: {path: FOLDER/conductor.db, mode: MODE}
  cache: {ttl: 1h, scope: tenant}
  limits: {per: tenant, requests: 1000000/s, tokens: 1000000000/s, concurrent: 1000}
  budget: {per: tenant, dollars: 1000, every: day}
  breaker: {error_rate: 0.5, min_calls: 10, open_for: 30s}
"""
LONG = os.environ.get("CONDUCTOR_LONG") == "1"


def echo(request: Request) -> Part:
    """Answer with the tenant who asks, so that an answer for somebody else shows."""
    text = f"{request.metadata.get('tenant')}: {request.text}"
    return Part(text, usage=Usage(10, 5), finish="stop")


def stack(folder: Path, *, mode: str = "behind", clock: object = None, **agents: Any) -> Conductor:
    text = SIGNALS + AGENTS + LAYERS.replace("FOLDER", str(folder)).replace("MODE", mode)
    agents = {"small": echo, "large": echo, **agents}
    return Conductor.from_text(text, agents=agents, clock=clock, seed=1)


@pytest.fixture
def conductor(tmp_path: Path) -> Iterator[Conductor]:
    made = stack(tmp_path)
    yield made
    made.close()


def records(folder: Path, *filters: str) -> list[dict[str, Any]]:
    """Give what the command line shows of the log."""
    shown = subprocess.run(
        [sys.executable, "-m", "conductor_mw", "audit", "query", "--path",
         str(folder / "conductor.db"), "--limit", "0", "--format", "json", *filters],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(shown.stdout)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_the_same_question_again_costs_nothing_and_is_recorded(tmp_path: Path, way: Way) -> None:
    agent = Scripted("One answer.")
    c = stack(tmp_path, clock=VirtualClock(utc=1.7e9), small=agent)

    first = ask(c, "hello", way=way, metadata={"tenant": "acme"})
    again = ask(c, "hello", way=way, metadata={"tenant": "acme"})
    c.close()

    assert first.text == again.text == "One answer."
    assert len(agent.asked) == 1
    assert again.attempts[0].by == "cache"
    assert again.cost is not None
    assert again.cost.nano == 0
    kinds = [one["kind"] for one in records(tmp_path)]
    assert kinds.count("decision") == 2
    assert kinds.count("cache_hit") == 1


@settings(
    max_examples=60 if not LONG else 2_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from(["acme", "acme ", "ACME", "acme\x00", "a", "cme", ""]),
            st.sampled_from(["hello", "Hello", "hello ", "cme:hello"]),
            st.sampled_from(WAYS),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_no_answer_reaches_the_wrong_tenant(
    conductor: Conductor, asked: list[tuple[str, str, Way]]
) -> None:
    for tenant, prompt, way in asked:
        answer = ask(conductor, prompt, way=way, metadata={"tenant": tenant})

        assert answer.text == f"{tenant}: {prompt}"


def test_no_answer_reaches_the_wrong_tenant_under_load(conductor: Conductor) -> None:
    async def one(number: int) -> tuple[str, str]:
        tenant = f"tenant-{number % 7}"
        answer = await conductor.acall("the same", metadata={"tenant": tenant})
        return answer.text, f"{tenant}: the same"

    async def many() -> list[tuple[str, str]]:
        return await asyncio.gather(*(one(number) for number in range(350)))

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(asyncio.run, many()).result()

    assert all(text == expected for text, expected in found)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_layer_refuses_is_routed_and_recorded(tmp_path: Path, way: Way) -> None:
    text = (
        SIGNALS + AGENTS + LAYERS.replace("FOLDER", str(tmp_path)).replace("MODE", "before_answer")
    )
    text = text.replace(
        "budget: {per: tenant, dollars: 1000, every: day}",
        "budget: {per: tenant, agents: [small], dollars: 0.000001, every: day}",
    )
    c = Conductor.from_text(text, agents={"small": echo, "large": echo}, seed=1)

    answer = ask(c, "hello", way=way, metadata={"tenant": "acme"})
    c.close()

    assert [(one.agent, one.kind) for one in answer.attempts] == [
        ("small", "budget"),
        ("large", None),
    ]
    kept = records(tmp_path)
    assert {one["kind"] for one in kept} >= {"decision", "call"}
    assert any("budget" in json.dumps(one) for one in kept)


@pytest.mark.parametrize("way", WAYS)
def test_in_before_answer_the_record_is_there_when_the_answer_is(tmp_path: Path, way: Way) -> None:
    c = stack(tmp_path, mode="before_answer")

    answer = ask(c, "hello", way=way, metadata={"tenant": "acme"})

    assert records(tmp_path, "--run", answer.id, "--kind", "decision")
    c.close()


def test_the_stack_refuses_before_it_asks_when_everything_is_spent(tmp_path: Path) -> None:
    text = SIGNALS + AGENTS + LAYERS.replace("FOLDER", str(tmp_path)).replace("MODE", "behind")
    text = text.replace("dollars: 1000,", "dollars: 0.00108,")
    asked: list[str] = []

    def answer(request: Request) -> Part:
        asked.append(request.text)
        return echo(request)

    c = Conductor.from_text(text, agents={"small": answer, "large": answer}, seed=1)
    c.call("hello", metadata={"tenant": "acme"})

    with pytest.raises(Failure) as caught:
        c.call("hello again", metadata={"tenant": "acme"})
    c.close()

    assert caught.value.kind == "budget"
    assert caught.value.retry_after
    assert asked == ["hello"]


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A few thousand here; `python -m benchmarks.million` makes as many as it says."""
    calls, warm = (40_000, 20_000) if LONG else (3_000, 1_500)
    c = stack(tmp_path)

    def some(first: int, last: int) -> None:
        for number in range(first, last):
            tenant = f"tenant-{number % 50}"
            c.call(f"question {number}", metadata={"tenant": tenant})

    some(0, warm)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    some(warm, calls)
    gc.collect()
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    c.close()

    grown = sum(one.size_diff for one in after.compare_to(before, "filename"))
    # The cache fills up to its bound, and so do queues; what grows with every call does not stop.
    assert grown < 60_000_000 if LONG else grown < 12_000_000
