"""What our callback costs LiteLLM's proxy: two proxies, one with it and one without, in turns.

`python -m benchmarks.litellm_proxy [--requests 200] [--rounds 5]`. It takes minutes. Both proxies
run as processes on loopback and answer themselves (`mock_response`). A figure is the CPU time of
the proxy's process for one request; requests per second depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Final

_KEY: Final = "sk-of-a-benchmark"
_PATIENCE: Final = 180
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_SAID: Final = "mock_response: An answer., api_key: sk-none"
_PLAIN: Final = f"""
model_list:
  - {{model_name: small, litellm_params: {{model: openai/gpt-4o-mini, {_SAID}}}}}
  - {{model_name: large, litellm_params: {{model: openai/gpt-4o, {_SAID}}}}}
"""
_WITH: Final = f"""{_PLAIN}
  - {{model_name: smart, litellm_params: {{model: conductor/main, num_retries: 0}}}}
  - {{model_name: chosen, litellm_params: {{model: conductor/main, num_retries: 0}}}}
litellm_settings:
  custom_provider_map: [{{provider: conductor, custom_handler: conductor_mw_litellm.handler}}]
  callbacks: [conductor_mw_litellm.proxy_callback]
environment_variables: {{CONDUCTOR_POLICY: conductor.yaml, CONDUCTOR_PROXY_MODELS: chosen}}
"""
_POLICY: Final = """
workflow: {name: main}
signals: {tier: {from: metadata.tier, type: string, default: free}}
agents: [{id: a, model: small}, {id: b, model: large}]
routing: {rules: [{id: pro, condition: "tier == 'pro'", target: b}], default: a}
"""


@dataclass(frozen=True)
class Case:
    """What is asked: which model of which proxy.

    Attributes:
        name: as the table says it.
        model: what the client asks for.
        url: the proxy.
        pid: its process.
        cpu: seconds of CPU time a request, of each round.
        wall: seconds a request, of each round.
    """

    name: str
    model: str
    url: str
    pid: int
    cpu: list[float] = field(default_factory=list[float])
    wall: list[float] = field(default_factory=list[float])


@contextmanager
def _proxy(config: str) -> Generator[tuple[str, int]]:
    """Run a proxy; give its address and its process."""
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as free:
        folder, port = Path(name), free.getsockname()[1]
        free.close()
        (folder / "config.yaml").write_text(config)
        (folder / "conductor.yaml").write_text(_POLICY)
        env = {**os.environ, "LITELLM_MASTER_KEY": _KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        process = subprocess.Popen(  # noqa: S603 - the proxy of this environment
            [
                Path(sys.executable).with_name("litellm"), "--config", "config.yaml",
                "--host", "127.0.0.1", "--port", str(port),
            ],
            cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    httpx: Any = import_module("httpx")
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/liveliness", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError("the proxy does not answer")


def _cpu(pid: int) -> float:
    """Give the CPU time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _ask(case: Case, requests: int, at_once: int) -> None:
    """Make requests, so many at once."""
    httpx: Any = import_module("httpx")
    call = {"model": case.model, "messages": [{"role": "user", "content": "Hello"}]}
    left = iter(range(requests))
    async with httpx.AsyncClient(
        base_url=case.url, headers={"authorization": f"Bearer {_KEY}"}, timeout=120
    ) as client:

        async def worker() -> None:
            for _ in left:
                (await client.post("/v1/chat/completions", json=call)).raise_for_status()

        await asyncio.gather(*(worker() for _ in range(at_once)))


def measured(cases: Mapping[str, Case], requests: int, rounds: int, at_once: int) -> list[str]:
    """Give the rows of the table for one concurrency."""
    for case in cases.values():
        asyncio.run(_ask(case, requests // 4, at_once))
    for number in range(rounds):
        order = list(cases.values())
        for case in order if number % 2 else reversed(order):
            cpu, wall = _cpu(case.pid), time.monotonic()
            asyncio.run(_ask(case, requests, at_once))
            case.cpu.append((_cpu(case.pid) - cpu) / requests)
            case.wall.append((time.monotonic() - wall) / requests)
    plain = cases["plain"]
    rows: list[str] = []
    for case in cases.values():
        ratio = median(ours / other for ours, other in zip(case.cpu, plain.cpu, strict=True))
        milliseconds = median(case.cpu) * 1e3
        rows.append(
            f"| {case.name} | {at_once} | {milliseconds:.2f} ms | {ratio:.3f} | "
            f"{1 / median(case.wall):.0f} |"
        )
    return rows


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.litellm_proxy", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="in a turn")
    parser.add_argument("--rounds", type=int, default=5, help="how many turns each has")
    chosen = parser.parse_args()
    print("| asked | at once | CPU a request | ÷ without the callback | requests a second |")
    print("|---|---|---|---|---|")
    with ExitStack() as opened:
        without = opened.enter_context(_proxy(_PLAIN))
        ours = opened.enter_context(_proxy(_WITH))
        for at_once in (1, 32):
            cases = {
                "plain": Case("a model, no callback", "small", *without),
                "callback": Case("a model, our callback", "small", *ours),
                "hop": Case("a model that a policy takes over, one hop", "chosen", *ours),
                "nested": Case("`conductor/main`", "smart", *ours),
            }
            print(*measured(cases, chosen.requests, chosen.rounds, at_once), sep="\n", flush=True)


if __name__ == "__main__":
    main()
