"""Run the real LiteLLM proxy as a process on loopback, as `litellm --config config.yaml` does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

MASTER: Final = "sk-master-of-tests"
PATIENCE: Final = 180
"""Seconds: it starts in ten, and in many more where the machine does other things."""
_PASSED_ON: Final = ("HOME", "LANG", "PATH", "TMPDIR")


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs.

    Attributes:
        url: its address, without `/v1`.
        folder: where its configuration, its policies and what it writes are.
        pid: its process.
    """

    url: str
    folder: Path
    pid: int

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "proxy.log").read_text(errors="replace")


@contextmanager
def proxy(folder: Path, config: Mapping[str, Any], env: Mapping[str, str]) -> Generator[Proxy]:
    """Start a proxy, wait until it answers, and end it with its process.

    Args:
        folder: of its files; nobody else writes there.
        config: what `config.yaml` says.
        env: of the process, beside what every process needs.
    """
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    port = _free_port()
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            [
                Path(sys.executable).with_name("litellm"), "--config", "config.yaml",
                "--host", "127.0.0.1", "--port", str(port),
            ],
            cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={
                **passed_on, "LITELLM_MASTER_KEY": MASTER, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "NO_DOCS": "True", **env,
            },
        )  # fmt: skip
    running = Proxy(f"http://127.0.0.1:{port}", folder, process.pid)
    try:
        _wait(running, process)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(running: Proxy, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{running.url}/health/liveliness", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the proxy does not answer:\n{running.log[-4000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
