"""Answer some questions, and show Prometheus what that came to: http://127.0.0.1:9464/metrics."""

from __future__ import annotations

import sys
from pathlib import Path

from prometheus_client import start_http_server

from conductor_mw import Conductor

QUESTIONS = ("When do you open?", "Why is the sky blue in the morning, and red in the evening?")


def main(times: int, port: int) -> None:
    start_http_server(port, addr="127.0.0.1")
    conductor = Conductor(Path(__file__).with_name("conductor.yaml"))
    for number in range(times):
        question = QUESTIONS[number % 3 == 0]
        tenant = ("acme", "bolt")[number % 2]
        conductor.call(question, metadata={"tenant": tenant})
    conductor.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, 9464)
