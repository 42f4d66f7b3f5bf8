"""Stand in for gateways, routers and local servers on loopback: `with Gateways() as found:`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .brain import answer
from .openai import OPENAI

Headers = Mapping[str, str]
USAGE: Final = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
"""What every answer of a stand-in is said to have cost."""
ORCHESTRATION: Final = {
    **USAGE,
    "total_tokens": 8_100,
    "prompt_tokens_details": {
        "cached_tokens": 0,
        "orchestration_input_tokens": 6_000,
        "orchestration_input_cached_tokens": 2_000,
    },
    "completion_tokens_details": {"reasoning_tokens": 0, "orchestration_output_tokens": 1_000},
}
"""The fields in which Sakana's Fugu reports what its agents used among themselves."""
ELSEWHERE: Final = {**USAGE, "agents": {"read": 6_000, "written": 1_000}}
"""The same where no convention says so."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stand-in was asked.

    Attributes:
        path: where.
        headers: the request's, names in small letters.
        body: the request's.
    """

    path: str
    headers: Headers
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """How a stand-in answers.

    Attributes:
        status: of the response; not 200 where the stand-in refuses.
        headers: of the response.
        model: the model that the answer names.
        usage: what it reports.
        cached: whether it may be answered from the gateway's cache, and is kept there.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    model: str = ""
    usage: Mapping[str, Any] | None = None
    cached: str = ""


class Gateways:
    """Stands in for everything that may lie between an app and its models.

    Attributes:
        asked: every request.
        worked: the paths of the requests for which a model worked, caches aside.
        forged: headers that the provider behind `/direct` and `/cloudflare` sends by itself.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.worked: list[str] = []
        self.forged: list[tuple[bytes, bytes]] = []
        self._kept: set[str] = set()
        self._socket = socket.create_server(("127.0.0.1", 0))
        routes = [
            self._route(path, tell)
            for path, tell in {
                "/direct/v1/chat/completions": _direct,
                "/cloudflare/shop/edge/openai/chat/completions": _cloudflare,
                "/portkey/v1/chat/completions": _portkey,
                "/mlflow/gateway/mlflow/v1/chat/completions": _mlflow,
                "/foundry/openai/deployments/model-router/chat/completions": _foundry,
                "/fugu/v1/chat/completions": _fugu,
                "/elsewhere/v1/chat/completions": _elsewhere,
                "/local/v1/chat/completions": _direct,
            }.items()
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), log_config=None, log_level="critical", access_log=False,
            lifespan="off", ws="none", timeout_graceful_shutdown=1, http="h11",
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="gateways", daemon=True
        )

    @property
    def url(self) -> str:
        """The address below which each of them has a folder."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _route(self, path: str, tell: Callable[[Headers, Mapping[str, Any]], Told]) -> Route:
        async def endpoint(request: Request) -> Response:
            body: dict[str, Any] = json.loads(await request.body())
            self.asked.append(Asked(path, _joined(request), body))
            told = tell(request.headers, body)
            if told.status != 200:
                return JSONResponse(OPENAI.error(told.status, None), told.status)
            headers = dict(told.headers)
            hit = False
            if told.cached:
                key = json.dumps([path, body], sort_keys=True)
                hit = key in self._kept
                self._kept.add(key)
                headers[told.cached] = "HIT" if hit else "MISS"
            if not hit:
                self.worked.append(path)
            response = _response(body, told)
            # A pooled connection outlives the event loop of the test that opened it.
            response.headers.update({**headers, "connection": "close"})
            response.raw_headers.extend(self.forged)
            return response

        return Route(path, endpoint, methods=["POST"])


def _joined(request: Request) -> Headers:
    """Give a request's headers; one that came twice has both values, as servers read it."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}


def _response(body: Mapping[str, Any], told: Told) -> Response:
    reply = answer(OPENAI.question(body))
    own = {"model": told.model or body["model"]}
    usage = dict(told.usage or USAGE)
    if not body.get("stream"):
        return JSONResponse({**OPENAI.completion(body, reply), **own, "usage": usage})

    def events() -> Iterator[bytes]:
        for _, event in OPENAI.events(body, reply):
            counted = {"usage": usage} if event.get("usage") else {}
            yield f"data: {json.dumps({**event, **own, **counted})}\n\n".encode()
        yield OPENAI.end

    return StreamingResponse(events(), media_type="text/event-stream")


def _direct(headers: Headers, body: Mapping[str, Any]) -> Told:
    del headers, body
    return Told()


def _cloudflare(headers: Headers, body: Mapping[str, Any]) -> Told:
    """Cloudflare's AI Gateway: it wants its own token beside the provider's key, and caches."""
    del body
    if headers.get("cf-aig-authorization") != "Bearer of-the-gateway":
        return Told(401)
    cached = int(headers.get("cf-aig-cache-ttl", "0")) > 0
    return Told(cached="cf-aig-cache-status" if cached else "")


def _portkey(headers: Headers, body: Mapping[str, Any]) -> Told:
    """Portkey: its key, and which provider is meant; its cache is a part of its configuration."""
    del body
    if headers.get("x-portkey-api-key") != "of-portkey":
        return Told(401)
    if not {"x-portkey-provider", "x-portkey-virtual-key"}.intersection(headers):
        return Told(422)
    config: Any = json.loads(headers.get("x-portkey-config", "{}"))
    return Told(
        headers=(("x-portkey-trace-id", "trace-1"),),
        cached="x-portkey-cache-status" if config.get("cache") else "",
    )


def _mlflow(headers: Headers, body: Mapping[str, Any]) -> Told:
    """MLflow's AI gateway: what is called a model is one of its endpoints."""
    del headers
    return Told(model="gpt-4o-mini-2024-07-18") if body["model"] == "shop-chat" else Told(404)


def _foundry(headers: Headers, body: Mapping[str, Any]) -> Told:
    """The model router of Microsoft Foundry: its answer names the model that gave it."""
    if not headers.get("api-key"):
        return Told(401)
    text = str(body["messages"][-1]["content"])
    for word, model in (
        ("hard", "gpt-5-2025-08-07"),
        ("strange", "grok-9"),
        ("hostile", "gpt-5-\r\nx: y"),
        ("endless", "gpt-5-" + "x" * 1_000),
    ):
        if word in text:
            return Told(model=model)
    return Told(model="gpt-5-mini-2025-08-07")


def _fugu(headers: Headers, body: Mapping[str, Any]) -> Told:
    """Sakana's Fugu: agents of its own, whose tokens are billed beside the usual ones."""
    del body
    return Told(usage=ORCHESTRATION) if headers.get("authorization") else Told(401)


def _elsewhere(headers: Headers, body: Mapping[str, Any]) -> Told:
    del headers, body
    return Told(usage=ELSEWHERE)
