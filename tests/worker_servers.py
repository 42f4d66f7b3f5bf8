"""Workers on this computer: those that follow a script, and hostile ones on a socket."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from conductor_mw import Conductor, Failure, attempts_of
from conductor_mw.errors import FailureKind
from conductor_mw.testing import Colour, VirtualClock, ask


@dataclass
class Said:
    """An answer of a script."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def written(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class _Many(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1_024

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a caller that goes away is what some tests are about."""


class Server:
    """A worker that gives its answers in order, the last one again and again."""

    def __init__(self, *script: Said, tls: ssl.SSLContext | None = None) -> None:
        self.script = script or (Said(body={"output": "Hello"}),)
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                port = self.client_address[1]
                with outer.lock:
                    said = outer.script[min(len(outer.asked), len(outer.script) - 1)]
                    outer.asked.append(Asked(self.command, self.path, headers, body, port))
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.written)))
                self.end_headers()
                self.wfile.write(said.written)

            do_GET = do_POST  # noqa: N815 - the server's name for it

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        self._server = _Many(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}/work"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def hostile(speak: Callable[[socket.socket, threading.Event], object]) -> Generator[str]:
    """Serve whatever `speak` writes to each connection; gives the URL.

    `speak` is told when the test is over, so that one which never ends does end.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            speak(connection, over)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join(5)
        for thread in threads:
            thread.join(5)


def raw(body: bytes, *headers: str, status: str = "200 OK", close: bool = True) -> bytes:
    """Give an HTTP answer byte by byte as it is written."""
    lines = [f"HTTP/1.1 {status}", *headers, *(["Connection: close"] if close else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def desk(worker: str, *, agent: str = "", top: str = "", **options: Any) -> Conductor:
    """Give a conductor whose only agent is a worker; the clock stands still while it works."""
    options = {"clock": VirtualClock(), "seed": 1, **options}
    return Conductor.from_text(policy(worker, agent=agent, top=top), **options)


def policy(worker: str, *, agent: str = "", top: str = "") -> str:
    return f"{top}\nagents: [{{id: scorer, worker: {worker}{agent}}}]\nrouting: {{default: scorer}}"


def failed(conductor: Conductor, colour: Colour = "sync") -> tuple[FailureKind | None, str]:
    """Give the kind of the failure that a call ends with, and what is said about it."""
    with pytest.raises((Failure, TimeoutError)) as caught:  # async deadlines are the driver's
        ask(conductor, "Hello", way="call" if colour == "sync" else "acall")
    (attempt, *_) = attempts_of(caught.value)
    return attempt.kind, str(caught.value)
