"""Play an hour of traffic through the policy in this folder; on its clock that takes a second."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from conductor_mw import Conductor, Failure
from conductor_mw.testing import VirtualClock

HERE = Path(__file__).parent
BETWEEN = 18.0
"""Seconds between two requests on average; a robot waits a hundredth of that."""


def main(begin: float, requests: list[str]) -> None:
    dice = Random(7)
    clock = VirtualClock(utc=begin)
    conductor = Conductor(HERE / "conductor.yaml", clock=clock, seed=7)
    became: Counter[str] = Counter()
    for line in requests:
        asked = json.loads(line)
        pace = 100 if asked["metadata"]["user"] == "robot" else 1
        clock.advance(dice.expovariate(pace / BETWEEN))
        try:
            answer = conductor.call(asked["text"], metadata=asked["metadata"])
        except Failure as failure:
            became[failure.kind] += 1
            continue
        became["answered"] += 1
        if dice.random() < 0.1:
            conductor.feedback(answer.id, score=dice.choice((0.0, 1.0, 1.0)), by="app")
    conductor.close()
    said = ", ".join(f"{count} {what}" for what, count in became.most_common())
    print(f"{len(requests)} requests: {said}")


if __name__ == "__main__":
    if Path("conductor.db").exists():
        sys.exit("conductor.db is from another hour: remove it first")
    lines = (HERE / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    if len(sys.argv) > 1:
        main(datetime.fromisoformat(sys.argv[1]).replace(tzinfo=UTC).timestamp(), lines)
    else:
        main(time.time() - len(lines) * BETWEEN, lines)
