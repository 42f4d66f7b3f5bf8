"""One of several processes that ask under the same limits; run by tests/test_limits_processes.py.

Arguments: the policy's text, how many calls each of its threads makes, how many threads.
Prints as JSON how many calls passed, and between which monotonic seconds each of them was answered.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from conductor_mw import Conductor, Failure, Io, Part, Usage


class Busy:
    """An agent that takes a moment, and says when it was at work."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    async def answer(self, attempt: Any) -> AsyncIterator[Part]:
        """Say when it was at work."""
        del attempt
        began = time.monotonic()
        await Io(lambda: time.sleep(0.004))
        self.times.append((began, time.monotonic()))
        yield Part("hi", usage=Usage(50, 50), finish="stop")


def main() -> None:
    """Ask, and tell what became of it."""
    text, calls, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    agent = Busy()
    conductor = Conductor.from_text(text, agents={"a": agent})
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()

    def work() -> None:
        for _ in range(calls):
            try:
                conductor.call("hello")
            except Failure as failure:
                if failure.kind != "limited":
                    raise

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.stdout.write(json.dumps(agent.times) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()  # killed here, or let go
    conductor.close()


if __name__ == "__main__":
    main()
