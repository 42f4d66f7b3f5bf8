"""A wire to a server that a test can cut: a TCP proxy on this machine.

with Outage(redis_address) as outage:
    store = opened(outage.address)
    outage.cut()  # open connections are reset, new ones refused
    outage.restore()
    outage.hang()  # everything is accepted, nothing is answered
    outage.trips  # how often something was sent to the server since `trips = 0`
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import suppress
from typing import Final, Literal, Self
from urllib.parse import urlsplit, urlunsplit

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset, as a server does that dies."""
_PORTS: Final = {"redis": 6379, "postgresql": 5432, "postgres": 5432}
_CHUNK: Final = 65536


class Outage:
    """A proxy before a server. Its thread does what is asked before the method returns.

    Attributes:
        address: the server's address, led through the proxy.
        trips: pieces that clients sent and that were passed on; a client that waits for each
            answer sends one a round trip.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        host = parts.hostname or "127.0.0.1"
        self._server = (host, parts.port or _PORTS[parts.scheme])
        self._mode: Literal["up", "cut", "hung"] = "up"
        self._peers: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._listening: socket.socket | None = None
        self._lock = threading.Lock()
        self._ending = False
        self.trips = 0
        self._port = 0
        self._listen()
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        self.address = urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{self._port}"))
        self._thread = threading.Thread(target=self._serve, name="outage", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._thread.join(timeout=10)
        self.cut()
        self._selector.close()

    def cut(self) -> None:
        """Reset what is connected and refuse what would connect."""
        with self._lock:
            self._mode = "cut"
            self._drop_all()
            self._silence()

    def hang(self) -> None:
        """Take everything and answer nothing, as behind a broken route."""
        with self._lock:
            self._listen()
            self._mode = "hung"

    def restore(self) -> None:
        """Pass everything on again; what hung is reset, because nobody knows what was lost."""
        with self._lock:
            if self._mode == "hung":
                self._drop_all()
            self._listen()
            self._mode = "up"

    def _listen(self) -> None:
        if self._listening is not None:
            return
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        listening.listen(128)
        listening.setblocking(False)
        self._port = listening.getsockname()[1]
        self._listening = listening
        self._selector.register(listening, selectors.EVENT_READ)

    def _silence(self) -> None:
        if self._listening is not None:
            self._selector.unregister(self._listening)
            self._listening.close()
            self._listening = None

    def _serve(self) -> None:
        while not self._ending:
            ready = self._selector.select(0.01)
            with self._lock:
                for key, _ in ready:
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    if one is self._listening:
                        self._accept()
                    elif one in self._peers:
                        self._pass_on(one, client=key.data == "client")

    def _accept(self) -> None:
        assert self._listening is not None
        try:
            client, _ = self._listening.accept()
        except OSError:
            return  # it thought better of it
        if self._mode == "hung":
            # Nobody is behind it; it waits, until everything is dropped.
            self._peers[client] = client
            return
        try:
            server = socket.create_connection(self._server, timeout=5)
        except OSError:
            _reset(client)
            return
        for one, other, side in ((client, server, "client"), (server, client, "server")):
            # Whatever one side sends is given to the other at once, and waited for.
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(5)
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ, side)

    def _pass_on(self, one: socket.socket, *, client: bool) -> None:
        if self._mode == "hung":
            self._selector.unregister(one)  # left unread; `restore` drops it
            return
        try:
            data = one.recv(_CHUNK)
            if data:
                self._peers[one].sendall(data)
                self.trips += client
                return
        except OSError:
            pass
        self._drop(one)

    def _drop_all(self) -> None:
        while self._peers:
            self._drop(next(iter(self._peers)))

    def _drop(self, one: socket.socket) -> None:
        other = self._peers.pop(one)
        self._peers.pop(other, None)
        for end in {one, other}:
            with suppress(KeyError, ValueError):
                self._selector.unregister(end)
            _reset(end)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.close()
