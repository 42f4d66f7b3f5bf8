"""A million requests through every layer: what memory does, and how large and quick the audit is.

Run it as `python -m benchmarks.million [--requests N]`; it takes some minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from conductor_mw import Conductor, Part, Request, Usage

_POLICY: Final = """
signals: {{tenant: {{from: metadata.tenant, type: string}}}}
agents:
  - {{id: small, price: {{input: 1, output: 2}}, max_output_tokens: 500}}
routing: {{default: small}}
plugins:
  metrics: {{path: '{path}'}}
  audit: {{path: '{path}', when_full: block}}
  cache: {{ttl: 1h, scope: tenant}}
  limits: {{per: tenant, requests: 1000000/s, tokens: 1000000000/s, concurrent: 1000}}
  budget: {{per: tenant, dollars: 1000000, every: day}}
  breaker: {{error_rate: 0.5, min_calls: 10, open_for: 30s}}
"""
_TENANTS: Final = 1_000
_MARKS: Final = 10


def main() -> None:
    """Make the requests and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    requests: int = parser.parse_args().requests
    with TemporaryDirectory() as folder:
        path = Path(folder) / "conductor.db"
        begun = time.perf_counter()
        for done, resident in _run(path, requests):
            print(f"{done:>9,} requests, {resident / 1e6:6.1f} MB resident", flush=True)
        seconds = time.perf_counter() - begun
        print(f"{requests / seconds:,.0f} requests a second, the writer's thread beside them")
        _verify(path)


def _run(path: Path, requests: int) -> Iterator[tuple[int, int]]:
    def answer(request: Request) -> Part:
        return Part(request.text, usage=Usage(100, 5), finish="stop")

    conductor = Conductor.from_text(_POLICY.format(path=path), agents={"small": answer})
    for number in range(requests):
        tenant = {"tenant": f"tenant-{number % _TENANTS}"}
        conductor.call(f"question {number}", metadata=tenant)
        if (number + 1) % max(1, requests // _MARKS) == 0:
            yield number + 1, _resident()
    conductor.close()


def _resident() -> int:
    """Give the process's resident memory, in bytes, where the system tells it."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


def _verify(path: Path) -> None:
    size = path.stat().st_size
    begun = time.perf_counter()
    command = [sys.executable, "-m", "conductor_mw", "audit", "verify", "--path", str(path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    seconds = time.perf_counter() - begun
    print(told.stdout.strip() or told.stderr.strip())
    print(f"{size / 1e6:,.0f} MB on the disk; verified in {seconds:.1f} s, the start included")


if __name__ == "__main__":
    main()
