"""The example workers keep to the contract, and do what their documents say."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conductor_mw import Conductor
from conductor_mw.plugins import Plugins
from conductor_mw.policy import load_text
from conductor_mw.testing import COLOURS, Colour, ask
from conductor_mw.workers.bench import SAMPLE, Subject
from conductor_mw.workers.conformance import examine
from conductor_mw.workers.message import Call, call_message
from conductor_mw.workers.signature import key_of
from conductor_mw.workers.wire import send

FOLDER = Path(__file__).parents[1] / "examples" / "workers"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SECRET = "whsec_dGhlIHNlY3JldA=="
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="the worker bounds processes as POSIX")
TESTS = """
import unittest, solution
def test_one(): assert solution.add(1, 2) == 3
def test_two(): assert solution.add(2, 2) == 4
class More(unittest.TestCase):
    def test_three(self): self.assertEqual(solution.add(0, 0), 0)
"""
RIGHT = "def add(a, b): return a + b"


@contextmanager
def running(name: str, secret: str | None = SECRET) -> Generator[str]:
    """Start an example on a free port; gives its URL."""
    command = (
        [str(NODE), name, "0"] if name.endswith(".mjs") else [sys.executable, name, "--port", "0"]
    )
    environment = {name: value for name, value in os.environ.items() if name != "WORKER_SECRET"}
    if secret is not None:
        environment["WORKER_SECRET"] = secret
    with subprocess.Popen(
        command,
        cwd=FOLDER,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def verifier() -> Iterator[str]:
    with running("run_tests.py", secret=None) as url:
        yield url


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("classify.py", SAMPLE),
        pytest.param(
            "run_tests.py", {"code": RIGHT, "tests": TESTS}, marks=needs_posix, id="run_tests.py"
        ),
        pytest.param("score.mjs", SAMPLE, marks=needs_node, id="score.mjs"),
    ],
)
def test_an_example_keeps_to_the_contract(name: str, given: dict[str, Any]) -> None:
    with running(name) as url:
        found = list(examine(Subject(url, key_of(SECRET), given)))

    assert [(one.check, one.detail) for one in found if one.status != "pass"] == []


@pytest.mark.parametrize("name", ["classify.py", pytest.param("score.mjs", marks=needs_node)])
@pytest.mark.parametrize("colour", COLOURS)
def test_an_example_answers_for_an_agent(
    name: str, colour: Colour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_SECRET", SECRET)
    with running(name) as url:
        conductor = Conductor.from_text(
            f"agents: [{{id: it, worker: {{url: '{url}', secret: '${{env:WORKER_SECRET}}'}}}}]\n"
            "routing: {default: it}"
        )
        text = "This is awful, I want a refund, it is unacceptable and broken"
        answer = ask(conductor, text, way="call" if colour == "sync" else "acall")

    wanted = "angry" if name == "classify.py" else '{"score":1}'
    assert answer.text == wanted


@pytest.mark.parametrize("name", ["classify.py", pytest.param("score.mjs", marks=needs_node)])
def test_one_key_is_for_one_input(name: str) -> None:
    with running(name, secret=None) as url:
        first = post(url, {"text": "thanks"}, run="same")
        again = post(url, {"text": "thanks"}, run="same")
        other = post(url, {"text": "awful"}, run="same")

    assert (first[0], again, other[0]) == (200, first, 409)


def post(url: str, given: dict[str, Any], *, run: str = "run") -> tuple[int, dict[str, Any]]:
    """Make one call; gives the status and the body."""
    call = Call("it", run, "step", 1, 4_000_000_000.0, given)
    reply = send(call_message(call, url, None, 0.0), "it", 20.0, 1_000_000)
    found: dict[str, Any] = json.loads(reply.body)
    return reply.status, found


# The worker that runs tests


def verified(url: str, code: str, tests: str = TESTS, **more: Any) -> dict[str, Any]:
    given = {"code": code, "tests": tests, **more}
    status, found = post(url, given, run=f"{hash((code, tests)):x}")
    assert status == 200, found
    output: dict[str, Any] = found["output"]
    return output


@needs_posix
def test_tests_are_counted(verifier: str) -> None:
    right = verified(verifier, RIGHT)
    wrong = verified(verifier, "def add(a, b): return 3 if a == 1 else 0")

    assert (right["passed"], right["failed"], right["score"]) == (3, 0, 1.0)
    assert (wrong["passed"], wrong["failed"], wrong["score"]) == (2, 1, 0.667)
    assert "test_two" in wrong["because"]


@needs_posix
def test_the_first_fenced_block_of_an_answer_is_the_code(verifier: str) -> None:
    answer = f"Here it is:\n```python\n{RIGHT}\n```\nand a bad one:\n```\nx\n```"

    status, found = post(verifier, {"text": answer, "parameters": {"tests": TESTS}}, run="fenced")

    assert (status, found["output"]["passed"]) == (200, 3)


@needs_posix
@pytest.mark.parametrize(
    "code",
    [
        "def add(a, b) return a",
        "raise SystemExit(0)",
        "import os; os._exit(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        'print(\'{"passed": 3, "report": ""}\')\nraise ValueError',
        "x = 'a' * (1 << 34)",
        "def add(a, b): return add(a, b)",
        "while True: print('x' * 1000)",
        "open('big', 'wb').write(b'x' * (1 << 24))",
        "import sys; sys.stdin.close(); sys.stdout.close(); sys.stderr.close(); 1 / 0",
        "\x00",
        "\ud800",
    ],
    ids=range(12),
)
def test_code_that_breaks_passes_nothing_and_the_worker_lives_on(verifier: str, code: str) -> None:
    found = verified(verifier, code)

    assert (found["passed"], found["failed"], found["score"]) == (0, 3, 0.0)
    assert len(found["because"]) <= 2_000
    assert verified(verifier, RIGHT)["score"] == 1.0


@needs_posix
def test_code_that_never_ends_is_ended_with_all_that_it_began(verifier: str) -> None:
    code = "import os\nos.fork()\nwhile True: pass"

    found = verified(verifier, code, seconds=0.5)

    assert (found["passed"], found["because"]) == (0, "the tests were not done within 0.5 s")


@needs_posix
def test_code_is_handed_neither_the_secret_nor_the_project() -> None:
    tests = (
        "import os, solution\n"
        "def test_environment(): assert 'WORKER_SECRET' not in os.environ\n"
        "def test_folder(): assert sorted(os.listdir()) "
        "== ['output', 'solution.py', 'test_solution.py']\n"
    )
    given = {"code": "x = 1", "tests": tests}
    call = Call("it", "run", "step", 1, 4_000_000_000.0, given)
    with running("run_tests.py") as url:
        message = call_message(call, url, key_of(SECRET), time.time())
        found = json.loads(send(message, "it", 20.0, 1_000_000).body)

    assert found["output"]["score"] == 1.0, found["output"]["because"]


@needs_posix
@pytest.mark.parametrize(
    "given",
    [{}, {"code": RIGHT}, {"code": RIGHT, "tests": "x = 1"}, {"code": RIGHT, "tests": "def ("}],
    ids=range(4),
)
def test_an_input_without_code_and_tests_is_refused(verifier: str, given: dict[str, Any]) -> None:
    status, found = post(verifier, given, run=f"no {sorted(given)} {given.get('tests')}")

    assert status == 422
    assert found["error"]["message"]


@needs_posix
def test_many_callers_with_one_key_get_one_piece_of_work(verifier: str) -> None:
    tests = "import os\ndef test_it(): raise ValueError(os.urandom(9).hex())"
    given = {"code": "x = 1", "tests": tests}

    async def many() -> set[str]:
        found = await asyncio.gather(
            *(asyncio.to_thread(post, verifier, given, run="one") for _ in range(8))
        )
        return {json.dumps(one) for one in found}

    (one,) = asyncio.run(many())
    assert "ValueError: " in one


# The document


def test_the_document_names_every_file_and_its_policy_loads() -> None:
    (policy,) = re.findall(r"^```yaml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)

    assert load_text(policy, plugins=Plugins.core(), env={}).warnings == ()
    for path in FOLDER.iterdir():
        if path.is_file() and path.name != "README.md":
            assert f"| `{path.name}` |" in README
