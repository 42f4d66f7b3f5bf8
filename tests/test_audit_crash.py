"""Kill -9 under load: what was delivered has its record, or is within the stated loss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .audit_crash import BATCH, QUEUE, UNDER_WAY

ROOT = Path(__file__).parents[1]
ROUNDS = 200 if os.environ.get("CONDUCTOR_LONG") == "1" else 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
]


def killed(mode: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Give what came of killing processes again and again."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.audit_crash", mode, str(rounds), str(folder), "7"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60 + 3 * rounds,
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_before_answer_every_delivered_answer_has_its_record_after_kill_9(tmp_path: Path) -> None:
    found = killed("before_answer", tmp_path, ROUNDS)

    assert found["delivered"] >= ROUNDS
    assert (found["missing"], found["found"]) == (0, [])


def test_behind_no_more_than_the_stated_loss_after_kill_9(tmp_path: Path) -> None:
    found = killed("behind", tmp_path, ROUNDS // 2)

    assert found["delivered"] > found["missing"] > 0
    assert 0 < found["most"] <= QUEUE + BATCH + UNDER_WAY
    assert found["found"] == []
