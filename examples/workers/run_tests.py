"""A worker that runs unit tests over code and answers how many passed: a verifier without a model.

    python run_tests.py --port 9001

Its input holds `code` (or `answer` or `text`, of which the first fenced block counts) and `tests`,
which import it as `solution`; `tests` may also stand among the agent's `parameters`. The output is
`{"passed": 2, "failed": 1, "score": 0.667, "because": "..."}`.

The tests run in a process of their own: no shell, an empty folder, an empty environment, limits for
time, memory, files and output. That stops accidents. It is no sandbox: code that wants to can read
what this user can read, reach the network and forge its result; run the worker in a container.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECONDS = 10
MEMORY = 1 << 29
OUTPUT = 1 << 20
LONGEST_REPORT = 2_000
FENCED = re.compile(r"```[a-zA-Z]*\n(.*?)```", re.DOTALL)


def verify(given: Mapping[str, Any]) -> dict[str, Any]:
    """Run the tests, and give how many passed."""
    from serve import Refused  # noqa: PLC0415 - the process that runs the tests has no server

    code = next((given[name] for name in ("code", "answer", "text") if given.get(name)), None)
    parameters = given.get("parameters")
    tests = given.get("tests") or (parameters or {}).get("tests")
    if not isinstance(code, str) or not isinstance(tests, str):
        raise Refused(422, "no_code", "the input has no `code` or no `tests`")
    fenced = FENCED.search(code)
    wanted = count_tests(tests)
    if not wanted:
        raise Refused(422, "no_tests", "`tests` has no function that begins with `test`")
    seconds = given.get("seconds", SECONDS)
    if not isinstance(seconds, int | float) or not 0 < seconds <= SECONDS:
        raise Refused(422, "no_seconds", f"`seconds` lies between 0 and {SECONDS}")
    passed, report = run(fenced[1] if fenced else code, tests, seconds)
    passed = min(passed, wanted)
    return {
        "passed": passed,
        "failed": wanted - passed,
        "score": round(passed / wanted, 3),
        "because": report[-LONGEST_REPORT:],
    }


def count_tests(tests: str) -> int:
    """Count the tests in a text, so that code which ends the process early passes none."""
    try:
        tree = ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (node for node in ast.walk(tree) if isinstance(node, kinds))
    return sum(node.name.startswith("test") for node in found)


def run(code: str, tests: str, seconds: float) -> tuple[int, str]:
    """Give how many tests passed, and what there is to say about the others."""
    token = secrets.token_hex(16)  # what the code prints itself is no result
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "solution.py").write_text(code, encoding="utf-8", errors="replace")
        Path(folder, "test_solution.py").write_text(tests, encoding="utf-8", errors="replace")
        with Path(folder, "output").open("w+b") as output:
            process = subprocess.Popen(  # noqa: S603 - our own file, and no shell
                [sys.executable, "-I", "-B", __file__, "--child"],
                cwd=folder,
                env={"PYTHONHASHSEED": "0"},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.communicate(token.encode(), timeout=seconds)
            except subprocess.TimeoutExpired:
                return 0, f"the tests were not done within {seconds:g} s"
            finally:
                end(process)
            output.seek(0)
            said = output.read(OUTPUT).decode(errors="replace")
    for line in reversed(said.splitlines()):
        if line.startswith(token):
            found = json.loads(line.removeprefix(token))
            return found["passed"], found["report"]
    return 0, said or "the tests ended before they were done"


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it began."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def child() -> None:
    """Run the tests in this folder; only ever called in a process of its own."""
    token = sys.stdin.read()
    limit()
    sys.path.insert(0, str(Path.cwd()))
    report = io.StringIO()
    passed = 0
    try:
        suite = collect()
    except BaseException as error:  # noqa: BLE001 - the code may raise anything, SystemExit too
        report.write(f"{type(error).__name__}: {error}")
    else:
        result = unittest.TextTestRunner(report, verbosity=0).run(suite)
        bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
        passed = max(0, result.testsRun - bad - len(result.skipped))
    told = json.dumps({"passed": passed, "report": report.getvalue()[-LONGEST_REPORT:]})
    print(f"\n{token}{told}", flush=True)


def collect() -> unittest.TestSuite:
    """Give the test cases and the test functions of test_solution.py."""
    spec = importlib.util.spec_from_file_location("test_solution", "test_solution.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["test_solution"] = module
    spec.loader.exec_module(module)
    functions = [
        unittest.FunctionTestCase(one)
        for name, one in vars(module).items()
        if name.startswith("test") and callable(one) and not isinstance(one, type)
    ]
    cases = unittest.defaultTestLoader.loadTestsFromModule(module)
    return unittest.TestSuite([cases, *functions])


def limit() -> None:
    """Bound what this process may use."""
    try:
        import resource  # noqa: PLC0415 - Windows has none; there only the time is bounded
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    if sys.argv[1:] == ["--child"]:
        child()
    else:
        from serve import serve

        serve(verify)
