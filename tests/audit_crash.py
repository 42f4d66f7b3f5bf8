"""Kill processes that answer under load, and see which delivered answers have no record.

`python -m tests.audit_crash MODE ROUNDS FOLDER SEED` prints one line of JSON. It forks, so that a
round does not begin with importing everything.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any, Final, NoReturn

import conductor_mw_audit.writer
from conductor_mw_audit.log import Log

from conductor_mw import Conductor
from conductor_mw.testing import Scripted
from tests.audit_kit import found, log_at

THREADS: Final = 3
QUEUE: Final = 10
BATCH: Final = 8
UNDER_WAY: Final = 3 * THREADS
"""Records of runs that were admitted while there was room; a run here makes three at most."""
_SLOW: Final = 0.004
_ID: Final = 17
_LIVES: Final = {"before_answer": (0.0, 0.12), "behind": (0.05, 0.3)}
"""Seconds after the first answer in which a process is killed."""
_OPTIONS: Final = {
    "before_answer": "mode: before_answer",
    "behind": f"queue: {QUEUE}, when_full: block",
}


def main(mode: str, rounds: int, folder: Path, seed: int) -> None:
    """Print what was delivered and what of it was not recorded."""
    dice = Random(seed)
    address = f"sqlite:{folder / 'audit.db'}"
    delivered = missing = most = 0
    for _ in range(rounds):
        ids = _round(mode, address, dice.uniform(*_LIVES[mode]))
        lost = ids - _recorded(address)
        delivered += len(ids)
        missing += len(lost)
        most = max(most, len(lost))
    told = {"rounds": rounds, "delivered": delivered, "missing": missing, "most": most}
    sys.stdout.write(json.dumps({**told, "found": found(address, key=None)}) + "\n")


def _round(mode: str, address: str, seconds: float) -> set[str]:
    """Let a process answer for a while, kill it, and give the ids of what it delivered."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(mode, address, writing)
    os.close(writing)
    said = b""
    until: float | None = None
    while until is None or time.monotonic() < until:
        ready, _, _ = select.select([reading], [], [], 0.01)
        if ready:
            said += os.read(reading, 65536)
            until = until or time.monotonic() + seconds
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 65536):
        said += more
    os.close(reading)
    return {line.decode() for line in said.split(b"\n") if len(line) == _ID - 1}


def _answer(mode: str, address: str, out: int) -> NoReturn:
    """Answer until somebody kills this process; every delivered answer's id is written out."""
    if mode == "behind":
        # A slow disk and small batches: the queue is full all the time, and its bound is felt.
        setattr(conductor_mw_audit.writer, "BATCH", BATCH)  # noqa: B010 - it is final elsewhere
        _slow_down()
    c = Conductor.from_text(
        "agents: [{id: a}]\nrouting: {default: a}\n"
        f"plugins: {{audit: {{path: {address[7:]}, {_OPTIONS[mode]}}}}}\n",
        agents={"a": Scripted("An ", "answer.")},
    )

    def work(streams: bool) -> None:
        while True:
            if streams:
                with c.stream("hello") as parts:
                    list(parts)
                    answer = parts.answer
            else:
                answer = c.call("hello")
            os.write(out, f"{answer.id}\n".encode())

    for number in range(THREADS):
        threading.Thread(target=work, args=(number == 0,), daemon=True).start()
    while True:
        time.sleep(10)


def _slow_down() -> None:
    append = Log.append

    def slow(self: Log, *args: Any) -> Any:
        time.sleep(_SLOW)
        return append(self, *args)

    setattr(Log, "append", slow)  # noqa: B010 - a slow disk


def _recorded(address: str) -> set[str]:
    log = log_at(address)
    try:
        rows = log.tables.ask("select run from audit_records where kind = 'decision'")
    finally:
        log.tables.close()
    return {row[0] for row in rows}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
