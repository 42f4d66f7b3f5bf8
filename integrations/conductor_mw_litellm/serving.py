"""Run the LiteLLM proxy around one policy in this process, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import TextIOBase
from math import ceil
from pathlib import Path
from typing import Any, Final

import click

from conductor_mw import Conductor, ConductorError
from conductor_mw.cli.door import colour, note

from .configuration import written
from .policies import POLICIES
from .readiness import Readiness

KEY: Final = "LITELLM_MASTER_KEY"
"""The environment variable with the key that clients show."""
NEEDED: Final = ("litellm", "fastapi", "uvicorn", "apscheduler", "backoff", "orjson")
"""What the proxy imports; the extra brings it."""
_CONFIG: Final = "CONFIG_FILE_PATH"
_MOST_OFTEN: Final = 0.1
"""Seconds between two looks at the policy's file."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What to serve, and how.

    Attributes:
        conductor: the policy at work.
        name: the model that clients ask for.
        config: of the proxy.
        key: the master key; hidden wherever this is printed.
        modules: the folder where `config` may name Python files, as beside the user's own file.
        grace: seconds that requests under way have when the server stops.
        reload_every: seconds between looks at the policy's file; None where nobody looks.
    """

    conductor: Conductor
    name: str
    config: Mapping[str, Any]
    key: str = field(repr=False)
    modules: Path | None
    grace: float
    reload_every: float | None


def refuse_missing() -> None:
    """Refuse to go on without the proxy's packages, before anything slow begins.

    Raises:
        ConductorError: one is missing.
    """
    for name in NEEDED:
        if find_spec(name) is None:
            raise _missing(name)


def _missing(name: str | None) -> ConductorError:
    return ConductorError(
        f"the LiteLLM proxy needs {name}, which is not installed",
        mend="pip install 'conductor-mw[litellm-proxy]'",
    )


def made_key() -> str:
    """Give a new master key, as LiteLLM wants it."""
    return f"sk-{secrets.token_urlsafe(32)}"


@contextmanager
def bound(host: str, port: int) -> Generator[socket.socket]:
    """Give a socket of the address: taken before anything slow begins, and not open yet.

    Raises:
        ConductorError: the address cannot be had.
    """
    where = f"{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConductorError(
            f"there is no address {host[:80]!r}", mend="Give one of this computer: --host 127.0.0.1"
        ) from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as taken:
        if os.name == "posix":  # elsewhere the option would let two servers have one port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(address)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConductorError(
                f"the server cannot have this address: {reason}",
                where=where,
                mend="Give another port, or 0 for any that is free: --port 0",
            ) from error
        yield taken


def serve(serving: Serving, at: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way end first.

    Args:
        serving: what to serve.
        at: where.
        ready: called once, when clients may come.

    Raises:
        ConductorError: the proxy could not start.
    """
    POLICIES.register(serving.name, serving.conductor)
    if serving.modules is not None:
        sys.path.insert(0, str(serving.modules))
    with redirect_stdout(_Aside()):
        server = _server(serving, ready)
        # Written as late as can be: until here a signal ends the process at once.
        with _signals_kept(), written(serving.config) as path:
            os.environ.update({KEY: serving.key, _CONFIG: str(path)})
            try:
                server.run(sockets=[at])
            except SystemExit as error:
                raise ConductorError(
                    "the LiteLLM proxy could not start; what it said stands above",
                    mend="Correct the file that --config names, or the environment.",
                ) from error


def _server(serving: Serving, ready: Callable[[], None]) -> Any:
    try:
        from .loading import litellm

        litellm()
        import uvicorn
        from litellm.proxy.proxy_server import app
    except ImportError as error:
        raise _missing(error.name or str(error)) from error

    class Server(uvicorn.Server):
        """Says when it is ready, and ends when nobody is at work any more."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await super().shutdown(sockets)
            await asyncio.to_thread(serving.conductor.drain, serving.grace)

    watch = Watching(serving.conductor)
    every = serving.reload_every
    return Server(
        uvicorn.Config(
            Readiness(app, {serving.name: serving.conductor}),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, ceil(serving.grace)),
            callback_notify=None if every is None else watch.look,
            # Twice as often as the policy is looked at, so that it is looked at in time.
            timeout_notify=max(_MOST_OFTEN, (every or 0) / 2),  # type: ignore[arg-type]  # any number
        )
    )


class Watching:
    """Tells on stderr when another version of the policy works, and when one is refused."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._told = conductor.policy.fingerprint, ""

    async def look(self) -> None:
        """Look at the policy's files, if it is time to."""
        error = await asyncio.to_thread(lambda: self._conductor.reload_error)
        now = self._conductor.policy.fingerprint, "" if error is None else str(error)
        if now != self._told:
            self._tell(*now)
        self._told = now

    def _tell(self, fingerprint: str, problem: str) -> None:
        if problem:
            note(f"the policy's new version is refused, the one before goes on working\n{problem}")
        else:
            note(f"the policy works in version {fingerprint[:12]}")


class _Aside(TextIOBase):
    """Takes what LiteLLM prints to stderr, without colours where nobody wants them."""

    def write(self, text: str, /) -> int:
        click.echo(text, nl=False, err=True, color=colour())
        return len(text)


@contextmanager
def _signals_kept() -> Generator[None]:
    """Let the server's end by a signal be the end of its work, and no failure of this process.

    The server takes the signals while it runs, and raises them again for whoever had them before.
    """
    names = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, _pass) for one in names}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _pass(*_: object) -> None:
    """Do nothing."""
