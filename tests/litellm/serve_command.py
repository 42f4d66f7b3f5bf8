"""Run `conductor-mw serve` as a process, as a person or a container does, and speak to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from openai import OpenAI

PATIENCE: Final = 180
"""Seconds: it starts in ten, and in many more where the machine does other things."""
needs_the_proxy = pytest.mark.skipif(
    # Looked for and not imported: that takes longer than all that is tested here.
    any(find_spec(name) is None for name in ("litellm", "fastapi", "uvicorn")),
    reason="needs conductor-mw[litellm-proxy]",
)
_PASSED_ON: Final = ("HOME", "LANG", "PATH", "TMPDIR")


@dataclass(frozen=True)
class Served:
    """A server that runs.

    Attributes:
        url: its address, without `/v1`.
        key: what clients show.
        folder: where its files are.
        process: the process itself.
    """

    url: str
    key: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def client(self, key: str | None = None) -> OpenAI:
        """Give a client; whoever asks for it closes it."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=0)

    def health(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}/health/{path}", headers=headers, timeout=30)


@contextmanager
def served(
    folder: Path, *arguments: str, key: str | None = None, env: Mapping[str, str] | None = None
) -> Generator[Served]:
    """Start a server, wait until it says that it is ready, and stop it.

    Args:
        folder: of its files; nobody else writes there.
        arguments: what follows `conductor-mw serve`.
        key: the master key in its environment; it makes one where left out.
        env: of the process, beside what every process needs.
    """
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    given = {} if key is None else {"LITELLM_MASTER_KEY": key}
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("conductor-mw"), "serve", *arguments, "--port", "0"],
            cwd=folder, stdout=out, stderr=err, start_new_session=True,
            env={**passed_on, **given, **(env or {})},
        )  # fmt: skip
    try:
        yield _ready(Served("", key or "", folder, process), "json" in arguments)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(begun: Served, told_as_json: bool) -> Served:
    mark = '"url"' if told_as_json else "Ctrl+C"

    def said() -> bool:
        assert begun.process.poll() is None, begun.stderr[-4000:]
        return mark in begun.stdout and begun.stdout.endswith("\n")

    until(said, begun)
    if told_as_json:
        url: str = json.loads(begun.stdout)["url"]
    else:
        url = begun.stdout.split()[1].removesuffix("/v1")
    key = begun.key or begun.stderr.partition("the key is\n")[2].split()[0]
    return Served(url, key, begun.folder, begun.process)


def until(holds: Callable[[], Any], server: Served) -> None:
    """Wait until something holds; what the server said is shown where it never does."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, server.stderr[-4000:]
        time.sleep(0.05)
