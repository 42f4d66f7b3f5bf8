"""Processes that count into one database at once, that fork, and that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conductor_mw_metrics.reading import Recorded, Span

from .metrics_kit import counting, layer, recorded, request

HERE = Path(__file__).parent


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty database of each kind, one after another."""
    if request.param == "sqlite":
        return str(tmp_path / "conductor.db")
    found: str = request.getfixturevalue("postgres_address")
    return found


WORK = """
import sys
from tests.metrics_kit import counting
one = counting(sys.argv[1])
for _ in range(50):
    one.call("good morning", metadata={"tenant": "acme"})
    one.layer("metrics").flush()
END
"""


def begin(address: str, end: str = "one.close()") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORK.replace("END", end), address], cwd=HERE.parent, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip


def test_processes_that_write_at_once_add_up(address: str) -> None:
    processes = [begin(address) for _ in range(2)]

    assert [process.wait(100) for process in processes] == [0, 0]
    assert Recorded(recorded(address), Span(0, 1)).all().calls == 100
    for process in processes:
        process.communicate()


def test_a_killed_process_loses_what_was_not_written_and_nothing_else(tmp_path: Path) -> None:
    path = str(tmp_path / "conductor.db")
    end = "one.call('hi'); print('now', flush=True); sys.stdin.read(); import time; time.sleep(99)"
    process = begin(path, end)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert Recorded(recorded(path), Span(0, 1)).all().calls == 50


def test_a_process_that_just_ends_writes_the_rest(tmp_path: Path) -> None:
    path = str(tmp_path / "conductor.db")
    process = begin(path, "one.call('hi')")

    assert process.wait(100) == 0
    process.communicate()
    assert Recorded(recorded(path), Span(0, 1)).all().calls == 51


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_counts_what_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "conductor.db"
    one = counting(str(path))
    one.call("good morning")
    child = os.fork()
    if not child:  # pragma: no cover - in another process
        code = 1
        try:
            before = layer(one).ledger.totals()
            for _ in range(2):
                one.call("good morning")
            one.close()
            code = 1 if before else 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    one.call("good morning")
    one.close()

    assert os.waitstatus_to_exitcode(status) == 0
    assert Recorded(recorded(path), Span(0, 1)).all().calls == 4
    assert request(one)["calls"] == 2
