"""An OpenAI-compatible chat endpoint on loopback, in a thread, for tests that need a real SDK."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

PIECE: Final = 7
"""Characters of a tool call's arguments in one chunk; it cuts words and escapes in the middle."""


@dataclass(frozen=True)
class Reply:
    """What a model answers.

    Attributes:
        content: text, or None beside tool calls.
        calls: tool calls as (id, name, arguments); arguments go out as these very characters.
        usage: prompt and completion tokens.
        status: an HTTP status of 400 or more is an error instead of an answer.
        finish: why it stopped; `tool_calls` or `stop` where it is not said.
    """

    content: str | None = None
    calls: tuple[tuple[str, str, str], ...] = ()
    usage: tuple[int, int] = (11, 7)
    status: int = 200
    finish: str = ""


class OpenAIServer:
    """Answers `POST /chat/completions`, streaming or not, and remembers what it was asked.

    Args:
        brain: gives the reply to a request's body.
    """

    def __init__(self, brain: Callable[[dict[str, Any]], Reply]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._http = _Http(brain, self.asked)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client's idle connection must not hold the test up

    def __init__(
        self, brain: Callable[[dict[str, Any]], Reply], asked: list[dict[str, Any]]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.brain = brain
        self.asked = asked


class _Handler(BaseHTTPRequestHandler):
    server: _Http  # pyright: ignore[reportIncompatibleVariableOverride] - no other server makes it

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        reply = self.server.brain(body)
        if reply.status != 200:
            error = {"message": "scripted error", "type": "scripted", "code": "scripted"}
            self._send(reply.status, "application/json", [json.dumps({"error": error}).encode()])
        elif body.get("stream"):
            events = [f"data: {json.dumps(event)}\n\n".encode() for event in _events(body, reply)]
            self._send(200, "text/event-stream", [*events, b"data: [DONE]\n\n"])
        else:
            self._send(200, "application/json", [json.dumps(_completion(body, reply)).encode()])

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - silence takes anything
        pass

    def _send(self, status: int, kind: str, pieces: list[bytes]) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()  # HTTP/1.0: the end of the connection is the end of the answer
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()


def _usage(reply: Reply) -> dict[str, int]:
    asked, said = reply.usage
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _finish(reply: Reply) -> str:
    return reply.finish or ("tool_calls" if reply.calls else "stop")


def _call(id_: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def _completion(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.content}
    if reply.calls:
        message["tool_calls"] = [_call(*call) for call in reply.calls]
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [choice], "usage": _usage(reply),
    }  # fmt: skip


def _events(body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    base = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]
    }  # fmt: skip

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for word in re.findall(r"\S+\s*", reply.content or ""):
        yield chunk({"content": word})
    for index, (id_, name, arguments) in enumerate(reply.calls):
        yield chunk({"tool_calls": [{"index": index, **_call(id_, name, "")}]})
        for at in range(0, len(arguments), PIECE):
            piece = {"index": index, "function": {"arguments": arguments[at : at + PIECE]}}
            yield chunk({"tool_calls": [piece]})
    yield chunk({}, _finish(reply))
    options: dict[str, Any] = body.get("stream_options") or {}
    if options.get("include_usage"):
        yield {**base, "choices": [], "usage": _usage(reply)}


@dataclass
class Scripted:
    """A brain with one reply for each model name."""

    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])

    def __call__(self, body: dict[str, Any]) -> Reply:
        return self.replies[body["model"]]
