"""A process that forks callers of one shared budget, for tests of several processes and crashes.

It reads one JSON order a line and answers each with the number of the process that it forked. The
children write what the provider bills into a file before the answer is given, as a provider would:
whatever happens to the caller afterwards, it is billed.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from conductor_mw import Attempt, Conductor, Failure, Io, Part, Usage

POLICY = """
store: {store}
agents: [{{id: a, price: {{input: 100, output: 400}}, max_output_tokens: 10}}]
routing: {{default: a}}
plugins:
  budget: {options}
"""


class Provider:
    """Bills every call, in a file, and answers.

    Args:
        bills: the file.
        share: which part of the worst case a call costs; None draws it anew for each call.
        seconds: how long a call takes.
    """

    def __init__(self, bills: Path, share: float | None = 1.0, seconds: float = 0.0) -> None:
        self._bills = os.open(bills, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._share = share
        self._seconds = seconds
        self._dice = random.Random(os.getpid())

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Bill the call, and answer."""
        share = self._dice.random() if self._share is None else self._share
        usage = Usage(max(1, int(attempt.request.size * share)), int(10 * share))
        await Io(lambda: self._bill(usage))
        yield Part("hi", usage=usage, finish="stop")

    def _bill(self, usage: Usage) -> None:
        nano = usage.input_tokens * 100_000 + usage.output_tokens * 400_000
        os.write(self._bills, f"{nano}\n".encode())
        if self._seconds:
            time.sleep(self._seconds)


def billed(bills: Path) -> list[int]:
    """Give what the provider billed, call by call, in nano-dollars."""
    if not bills.exists():
        return []
    return [int(line) for line in bills.read_text(encoding="ascii").split()]


def conductor(order: dict[str, Any]) -> Conductor:
    """Give a conductor over the shared budget."""
    provider = Provider(Path(order["bills"]), order.get("share", 1.0), order.get("seconds", 0.0))
    text = POLICY.format(store=json.dumps(order["store"]), options=json.dumps(order["options"]))
    return Conductor.from_text(text, agents={"a": provider})


@dataclass
class Caller:
    """Calls until the budget refused several times in a row, or often enough."""

    conductor: Conductor
    order: dict[str, Any]
    admitted: int = 0
    refused: int = 0

    def __call__(self) -> None:
        """Call on."""
        in_a_row = 0
        for _ in range(self.order.get("calls", 1_000_000)):
            try:
                self.conductor.call("hello")
            except Failure as failure:
                if failure.kind != "budget":
                    raise
                in_a_row += 1
                self.refused += 1
                if in_a_row >= self.order.get("patience", 3):
                    return
                time.sleep(self.order.get("pause", 0.3))
            else:
                in_a_row = 0
                self.admitted += 1


def call_on(order: dict[str, Any]) -> None:
    """Let some threads call, and write down what became of it."""
    made = conductor(order)
    if "begin_at" in order:
        time.sleep(max(0.0, order["begin_at"] - time.time()))
    callers = [Caller(made, order) for _ in range(order.get("threads", 1))]
    threads = [threading.Thread(target=caller) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not order.get("linger"):
        made.close()
    counts = {name: sum(getattr(one, name) for one in callers) for name in ("admitted", "refused")}
    Path(order["result"]).write_text(json.dumps(counts), encoding="ascii")
    time.sleep(order.get("linger", 0.0))


def main() -> None:
    """Fork a caller for every order, and say which process it is."""
    # What a caller needs is imported here, once, and not by every caller.
    for module in ("psycopg", "redis"):
        importlib.import_module(module)
    warm = {"store": "memory://", "bills": os.devnull, "options": {"dollars": 1, "every": "day"}}
    conductor(warm).call("hello")
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            call_on(order)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


class Forks:
    """A process that forks callers: one interpreter starts, and the callers of all tests do not."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.budget_worker"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def fork(self, order: Mapping[str, object]) -> int:
        """Fork a caller; gives its process number."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Callers:
    """Callers that share a budget; those that are still at work in the end are killed.

    Args:
        forks: forks them.
        folder: where bills and results are kept.
        store: the address of the shared store.
        options: what the policy writes below `budget:`.
    """

    def __init__(self, forks: Forks, folder: Path, store: str, options: object) -> None:
        self._forks = forks
        self._folder = folder
        self._common: dict[str, Any] = {
            "store": store,
            "options": options,
            "bills": str(folder / "bills"),
        }
        self._results: list[Path] = []
        self._alive: list[int] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._alive:
            os.kill(number, signal.SIGKILL)

    def fork(self, **order: object) -> int:
        """Fork a caller; gives its process number."""
        self._count += 1
        result = self._folder / f"result-{self._count}"
        number = self._forks.fork({**self._common, "result": str(result), **order})
        self._results.append(result)
        self._alive.append(number)
        return number

    def results(self, seconds: float = 60.0) -> list[dict[str, int]]:
        """Wait for every caller that was not killed, and give what became of their calls."""
        until = time.monotonic() + seconds
        while not all(one.exists() and one.read_bytes() for one in self._results):
            assert time.monotonic() < until, "a caller did not end"
            time.sleep(0.02)
        return [json.loads(one.read_bytes()) for one in self._results]

    def kill(self, number: int) -> None:
        """Kill a caller as a crash would."""
        position = self._alive.index(number)
        os.kill(number, signal.SIGKILL)
        del self._results[position], self._alive[position]

    def another_file(self) -> Path:
        """Let those that are forked from now on write their bills elsewhere."""
        self._count += 1
        bills = self._folder / f"bills-{self._count}"
        self._common["bills"] = str(bills)
        return bills

    @property
    def billed(self) -> list[int]:
        """What the provider billed so far, call by call, in nano-dollars."""
        return billed(Path(self._common["bills"]))


if __name__ == "__main__":
    main()
