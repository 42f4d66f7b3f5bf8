"""Every example of examples/strategies loads, runs in four ways, and prints what its page shows."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from conductor_mw import Conductor, Failure, Gate, Verdict
from conductor_mw.testing import WAYS, Way, ask
from tests.cli_documents import BLOCK, replayed

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "strategies"
POLICIES = sorted(FOLDER.glob("*.yaml"))
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_it_loads_without_a_warning_and_stands_on_the_page(path: Path) -> None:
    conductor = Conductor(path)

    assert conductor.policy.warnings == ()
    assert f"[{path.name}]({path.name})" in PAGE


BLOCKS = list(BLOCK.finditer(PAGE))


@pytest.mark.parametrize("block", BLOCKS, ids=[str(n) for n in range(len(BLOCKS))])
def test_the_page_shows_what_is_printed(
    block: re.Match[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")

    assert replayed(block) == block.group(0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "prompt", "agent", "calls"),
    [
        ("cascade", "When do you open?", "large", 3),
        ("best-of-n", "A slogan for a bakery.", "writer", 7),
        ("consensus", "What is the total of invoice 4711?", "accountant", 3),
        ("planner-worker-verifier", "Sum the rows and name the largest.", "worker", 6),
        ("compliance", "May the patient in room 4 eat?", "nurse", 2),
        ("research", "Who buys bread, when, and why?", "writer", 11),
    ],
)
def test_it_runs_in_every_way(name: str, prompt: str, agent: str, calls: int, way: Way) -> None:
    conductor = Conductor(FOLDER / f"{name}.yaml")

    answer = ask(conductor, prompt, way=way)

    assert (answer.agent, len(answer.attempts)) == (agent, calls)
    assert answer.accepted is not False


@pytest.mark.parametrize("way", WAYS)
def test_patients_never_leave_the_house(way: Way) -> None:
    conductor = Conductor(FOLDER / "compliance.yaml")

    asked: set[str] = set()
    for room in range(20):
        answer = ask(conductor, f"May the patient in room {room} eat?", way=way)
        asked.update(attempt.agent for attempt in answer.attempts)

    assert asked == {"house", "nurse"}
    with pytest.raises(Failure, match="without the label 'in-house'"):
        ask(conductor, "May the patient eat?", way=way, target="cloud")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("choice", ["approve", "edit", "reject"])
def test_a_refund_waits_for_a_person(
    way: Way,
    choice: Literal["approve", "edit", "reject"],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def lead(gate: Gate) -> Verdict:
        asked.append(gate.show)
        return Verdict(choice=choice, by="ada", text="Here are 20." if choice == "edit" else "")

    conductor = Conductor(FOLDER / "support-triage.yaml", approvals=lead)
    prompt = "I was charged twice."

    if choice == "reject":
        with pytest.raises(Failure) as caught:
            ask(conductor, prompt, way=way)
        assert caught.value.kind == "rejected"
    else:
        answer = ask(conductor, prompt, way=way)
        sent = "Here are 20." if choice == "edit" else "We are sorry. 40 dollars are on their way"
        assert answer.text.startswith(sent)
        assert [one.agent for one in answer.attempts] == [
            "sorter", "drafter", "leads", "mailer", "books",
        ]  # fmt: skip
    assert asked[0].startswith("user: I was charged twice.\n\nDraft:\nWe are sorry.")


@pytest.fixture
def worker() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(ROOT / "examples/workers/run_tests.py"), "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}) as process:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)  # another process starts: there is no clock of ours in it
        yield port
        process.terminate()


@pytest.mark.parametrize("way", WAYS)
def test_code_is_accepted_when_its_tests_pass(way: Way, worker: int, tmp_path: Path) -> None:
    text = (FOLDER / "code-verifier.yaml").read_text(encoding="utf-8")
    path = tmp_path / "code-verifier.yaml"
    path.write_text(text.replace("127.0.0.1:9000", f"127.0.0.1:{worker}"))

    answer = ask(Conductor(path), "Write double(x).", way=way)

    assert answer.text == "def double(x): return x + x"
    assert (answer.score, answer.accepted) == (1.0, True)
    assert [one.agent for one in answer.attempts] == ["coder", "tests"] * 2
