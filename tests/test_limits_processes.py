"""Several processes under the same limits never get more together than one would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conductor_mw import Conductor
from conductor_mw.testing import Scripted

LONG = os.environ.get("CONDUCTOR_LONG") == "1"
PROCESSES = 6 if LONG else 3
CALLS = 5 if LONG else 2
POLICY = """
store: "%s"
agents: [{id: a}]
routing: {default: a}
plugins: {limits: {%s}}
"""
pytestmark = pytest.mark.slow


@pytest.fixture
def address(store_address: str) -> str:
    if store_address.startswith("memory"):
        pytest.skip("memory is not shared")
    return store_address


@contextmanager
def workers(text: str, calls: int, threads: int) -> Generator[list[subprocess.Popen[str]]]:
    command = [sys.executable, str(Path(__file__).with_name("limits_worker.py"))]
    found = [
        subprocess.Popen(
            [*command, text, str(calls), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        for one in found:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        yield found
    finally:
        for one in found:
            one.kill()
            one.communicate()


def go(found: list[subprocess.Popen[str]]) -> list[tuple[float, float]]:
    """Let all begin at once; give when calls were answered."""
    times: list[tuple[float, float]] = []
    for one in found:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in found:
        assert one.stdout is not None
        times += [(began, ended) for began, ended in json.loads(one.stdout.readline())]
    return times


CASES = [
    # 1009 tokens are held and 100 used: what is given back has to be used again.
    ("limits: [{id: x, requests: 150/h}, {id: y, tokens: 20000/h}]", 80, 150),
    ("requests: 100/h", 100, 100),
    ("requests: 300/h", 230, 300),
    ("tokens: 30000/h, answer_tokens: 100", 200, 300),
]


@pytest.mark.parametrize(("options", "least", "most"), CASES if LONG else CASES[:1])
def test_requests_and_tokens(address: str, options: str, least: int, most: int) -> None:
    with workers(POLICY % (address, options), 480 // PROCESSES // 4, 4) as found:
        passed = len(go(found))

    assert least <= passed <= most + 1  # one more in a minute is what the rate itself allows


def test_slots(address: str) -> None:
    with workers(POLICY % (address, "concurrent: 3, wait: 30s"), CALLS, 3) as found:
        times = go(found)

    edges = sorted([(began, 1) for began, _ in times] + [(ended, -1) for _, ended in times])
    now = most = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    assert len(times) == PROCESSES * CALLS * 3
    assert most <= 3


@pytest.mark.skipif(not LONG, reason="waits for leases; CONDUCTOR_LONG=1 runs it")
def test_a_killed_process_s_slots_are_free_when_its_lease_is_over(address: str) -> None:
    options = "concurrent: 1, slot_lease: 2s, wait: 20s"
    with workers(POLICY % (address, options), 1, 1) as found:
        go(found)  # each has had the slot, and is killed before it gives it back
    c = Conductor.from_text(POLICY % (address, options), agents={"a": Scripted("hi")})

    assert c.call("hello").text == "hi"
    c.close()
