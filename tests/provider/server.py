"""Serve the provider on loopback, in a thread: `with Provider() as provider: provider.url`."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .anthropic import ANTHROPIC
from .brain import RETRY_AFTER, TROUBLES, Reply, answer, manner
from .dialect import Dialect
from .openai import OPENAI

_BREAKS = {"stumbling": 1, "choking": 4}
"""How many events a stream has before it breaks."""


class Provider:
    """Answers in both dialects and remembers what it was asked.

    A model's name says how it behaves (`brain.TROUBLES`): `limited-1` answers 429 with a
    Retry-After, `refusing-1` refuses, `babbling-1` keeps to no schema, `silent-1` never answers;
    inside a stream, `stumbling-1` fails before it says anything, `choking-1` after the first words,
    and `lingering-1` stops there until the caller leaves. Every other name is answered with a
    greeting, with JSON or with the call of a tool.

    Attributes:
        asked: path and body of every request.
        left: the models of which a caller left the stream before its end.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.left: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        routes = [_route(dialect, self.asked, self.left) for dialect in (OPENAI, ANTHROPIC)]
        config = uvicorn.Config(
            Starlette(routes=routes), log_config=None, log_level="critical", access_log=False,
            lifespan="off", ws="none", timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="provider", daemon=True
        )

    @property
    def url(self) -> str:
        """The address without `/v1`."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def models(self) -> list[str]:
        """The models that were asked, in order."""
        return [body["model"] for _, body in self.asked]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def _route(dialect: Dialect, asked: list[tuple[str, dict[str, Any]]], left: list[str]) -> Route:
    async def endpoint(request: Request) -> Response:
        body: dict[str, Any] = json.loads(await request.body())
        asked.append((dialect.path, body))
        response = await _response(dialect, request, body, left)
        # A pooled connection outlives the event loop of the test that opened it.
        response.headers.update({**dialect.headers, "connection": "close"})
        return response

    return Route(dialect.path, endpoint, methods=["POST"])


async def _response(
    dialect: Dialect, request: Request, body: dict[str, Any], left: list[str]
) -> Response:
    if not dialect.signed(request.headers):
        return JSONResponse(dialect.error(401, None), 401)
    status = TROUBLES.get(manner(body["model"]))
    if status is not None:
        told = {"retry-after": str(RETRY_AFTER)} if status == 429 else None
        return JSONResponse(dialect.error(status, None), status, told)
    message = dialect.fault(body)
    if message is not None:
        return JSONResponse(dialect.error(422, message), 400)
    question = dialect.question(body)
    if manner(question.model) == "silent":
        while not await request.is_disconnected():  # noqa: ASYNC110 - starlette has no event for it
            await asyncio.sleep(0.01)
    reply = answer(question)
    if not body.get("stream"):
        return JSONResponse(dialect.completion(body, reply))
    stream = _stream(dialect, body, reply, _BREAKS.get(manner(question.model)))
    if manner(question.model) == "lingering":
        stream = _lingering(stream, question.model, left)
    return StreamingResponse(stream, media_type="text/event-stream")


async def _stream(
    dialect: Dialect, body: dict[str, Any], reply: Reply, breaks: int | None
) -> AsyncIterator[bytes]:
    for number, (name, event) in enumerate(dialect.events(body, reply)):
        if number == breaks:
            yield _event("error" if name else None, dialect.error(500, None))
            return
        yield _event(name, {"type": name, **event} if name else event)
    yield dialect.end


async def _lingering(
    stream: AsyncIterator[bytes], model: str, left: list[str]
) -> AsyncIterator[bytes]:
    for _ in range(_BREAKS["choking"]):
        yield await anext(stream)
    try:
        await asyncio.Event().wait()  # until starlette sees the caller leave
    finally:
        left.append(model)


def _event(name: str | None, event: Mapping[str, Any]) -> bytes:
    told = f"event: {name}\n" if name else ""
    return f"{told}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
