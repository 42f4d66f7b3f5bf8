"""Every benchmark runs and its table says what was measured; no test looks at how long it took."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import Limit, Row, as_json, markdown
from benchmarks.timing import TINY, Timed, side_by_side

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("decisions", "Decisions"),
        ("loading", "Loading and checking"),
        ("engine", "Engine"),
        ("nodes", "Nodes"),
        pytest.param(
            "langchain",
            "LangChain",
            marks=pytest.mark.skipif(not find_spec("langchain"), reason="LangChain is absent"),
        ),
        pytest.param(
            "litellm",
            "LiteLLM",
            marks=pytest.mark.skipif(not find_spec("litellm"), reason="LiteLLM is absent"),
        ),
        ("imports", "Import"),
        ("memory", "Memory"),
    ],
)
def test_a_benchmark_runs_in_its_smallest_form(name: str, title: str) -> None:
    done = run("--tiny", "--format", "json", name)

    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["tables"][title]
    assert rows
    assert all(row["seconds"] or row["bytes"] for row in rows)


def test_a_benchmark_that_does_not_exist_is_refused_by_name() -> None:
    done = run("--tiny", "decision")

    assert done.returncode == 2
    assert "no benchmark 'decision'; there are decisions, loading" in done.stderr


def test_a_row_says_ratio_first_and_whether_its_target_holds() -> None:
    row = Row("a call", {"p50": 12.34e-6}, ratios={"peer": 0.5}, limits=[Limit("p50", 10e-6)])

    table = markdown({"Calls": [row]})

    assert table.splitlines()[4] == "| a call | peer 0.50 | p50 12.3 µs | p50 ≤ 10.0 µs | **no** |"
    assert json.loads(as_json({"Calls": [row]}))["tables"]["Calls"][0]["holds"] is False


def test_a_target_may_be_a_ratio_to_a_peer() -> None:
    row = Row("an import", {"p50": 0.2}, ratios={"peer": 1.2}, limits=[Limit("peer", 1.3)])

    assert row.holds is True


def test_ratios_compare_the_rounds_in_which_both_had_their_turn() -> None:
    ours, theirs = Timed(((1.0, 1.0), (8.0, 8.0))), Timed(((2.0, 2.0), (16.0, 16.0)))

    assert ours.over(theirs) == 0.5


def test_every_case_has_its_turn_in_every_round() -> None:
    asked: list[str] = []

    timed = side_by_side({"a": lambda: asked.append("a"), "b": lambda: asked.append("b")}, TINY)

    assert set(asked) == {"a", "b"}
    assert [len(one.rounds) for one in timed.values()] == [TINY.rounds] * 2
