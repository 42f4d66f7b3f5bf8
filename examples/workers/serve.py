"""The worker contract in the standard library: `serve(work)` makes a worker of a function.

A call is a POST with a JSON body. It is refused when its signature is wrong, when it is too old or
too large, or when nobody waits for it any more; a call that was answered before gets the same
answer again and no second piece of work.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGEST = 1_000_000  # bytes of a call
TOLERANCE = 300  # seconds that two clocks may differ
REMEMBERED = 1_000  # answers kept for calls that come again

Work = Callable[[Mapping[str, Any]], object]


class Refused(Exception):
    """A call that is not answered; say why, and whether trying again may help."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, "retryable": status >= 500}}


@dataclass
class Answer:
    """What one key was answered, once it was."""

    body: bytes | None = None
    asked: bytes = b""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Answers:
    """What was answered, by key: what comes twice is worked on once, also at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Answer] = OrderedDict()

    def get(self, key: str, given: object, work: Callable[[], object]) -> bytes:
        """Give the answer of a call, made now or before; a failure is not kept."""
        asked = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).digest()
        with self._lock:
            answer = self._known.setdefault(key, Answer())
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        with answer.lock:
            if answer.body is None:
                answer.body, answer.asked = json.dumps({"output": work()}).encode(), asked
            if answer.asked != asked:
                raise Refused(409, "conflict", "this key was used for another input")
            return answer.body


class Server(ThreadingHTTPServer):
    """Answers each call in a thread."""

    daemon_threads = True
    request_queue_size = 128  # callers that may wait to be taken in


def serve(work: Work) -> None:
    """Answer calls with what `work` makes of their input, until the process is ended."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=9000, help="0 takes any that is free")
    port: int = arguments.parse_args().port
    server = Server(("127.0.0.1", port), _handler(work, os.environ.get("WORKER_SECRET")))
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _handler(work: Work, secret: str | None) -> type[BaseHTTPRequestHandler]:
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps connections open
        timeout = 30  # a caller that stops in the middle of a call does not hold a thread for ever

        def do_POST(self) -> None:
            try:
                status, body = 200, self._answer()
            except Refused as refused:
                status, body = refused.status, json.dumps(refused.body).encode()
            except Exception as error:  # noqa: BLE001 - the caller may try again, and learns no more
                self.log_error("%s", error)
                said = Refused(500, "internal", "the worker failed")
                status, body = 500, json.dumps(said.body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self) -> bytes:
            body = self._body()
            if secret is not None:
                check_signature(secret, self.headers, body)
            call = read_call(self.headers, body)
            key = self.headers.get("Idempotency-Key", "")
            if not key:
                raise Refused(400, "no_key", "the call has no Idempotency-Key")
            return answers.get(key, call["input"], lambda: work(call["input"]))

        def _body(self) -> bytes:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit():
                self.close_connection = True
                raise Refused(411, "no_length", "say how long the body is")
            if len(length) > 12 or int(length) > LARGEST:
                self.close_connection = True
                raise Refused(413, "too_large", f"a call has at most {LARGEST:,} bytes")
            return self.rfile.read(int(length))

    return Handler


def check_signature(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    """Refuse a call that nobody with the secret made, or that was made long ago."""
    name, when = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not when.isdigit() or abs(int(when) - time.time()) > TOLERANCE:
        raise Refused(401, "unauthorized", "the timestamp is missing or too far from now")
    prefix, _, rest = secret.partition("whsec_")
    key = base64.b64decode(rest) if rest and not prefix else secret.encode()
    signed = b".".join((name.encode(), when.encode(), body))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(one.encode(), f"v1,{wanted}".encode()) for one in given):
        raise Refused(401, "unauthorized", "the signature is wrong")


def read_call(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Give a call that makes sense and that somebody still waits for."""
    if headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "not_json", "send application/json")
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "not_json", "the body is not JSON") from None
    if not isinstance(call, dict) or not isinstance(call.get("input"), dict):
        raise Refused(422, "no_input", "the body has no `input` mapping")
    try:
        deadline = datetime.fromisoformat(str(call.get("deadline")))
    except ValueError:
        raise Refused(422, "no_deadline", "the body has no `deadline`") from None
    if deadline < datetime.now(UTC):
        raise Refused(408, "too_late", "the deadline passed")
    return call
