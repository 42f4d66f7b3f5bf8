"""What a proxy's readiness says beside LiteLLM's own words: which version of a policy works."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from conductor_mw import Conductor

PUBLIC: Final = "/health/readiness"
DETAILED: Final = "/health/readiness/details"
"""LiteLLM shows this one to who has the key only; so it may say what is wrong with a policy."""


def state_of(conductor: Conductor, *, detailed: bool) -> dict[str, object]:
    """Give how a policy does.

    Args:
        conductor: the policy at work.
        detailed: whether to say what is wrong with a new version, which quotes the policy.
    """
    error = conductor.reload_error
    state: dict[str, object] = {
        "fingerprint": conductor.policy.fingerprint,
        "newest": "working" if error is None else "refused",
    }
    if error is not None and detailed:
        state["problem"] = str(error)
    return state


class Readiness:
    """An ASGI app that adds the state of policies to what another one says of its readiness.

    A policy whose newest version is refused goes on working in the version before: the status
    stays 200, so that nobody takes a server out of service that serves.

    Args:
        app: LiteLLM's proxy.
        policies: the policies by name.
    """

    def __init__(self, app: Any, policies: Mapping[str, Conductor]) -> None:
        self._app = app
        self._policies = policies

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        path: str = scope.get("path", "")
        if scope["type"] != "http" or path not in (PUBLIC, DETAILED):
            await self._app(scope, receive, send)
            return
        began: dict[str, Any] = {}
        body = bytearray()

        async def adding(message: Any) -> None:
            if message["type"] == "http.response.start":
                began.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            told = self._told(bytes(body), detailed=path == DETAILED and began["status"] < 400)
            headers = [one for one in began["headers"] if one[0].lower() != b"content-length"]
            length = (b"content-length", str(len(told)).encode())
            await send({**began, "headers": [*headers, length]})
            await send({"type": "http.response.body", "body": told})

        # Asked without a word of compression, the app answers in letters that can be added to.
        asked = [one for one in scope["headers"] if one[0].lower() != b"accept-encoding"]
        await self._app({**scope, "headers": asked}, receive, adding)

    def _told(self, body: bytes, *, detailed: bool) -> bytes:
        try:
            said: object = json.loads(body)
        except ValueError:
            return body
        if not isinstance(said, dict) or "status" not in said:
            return body  # an error, or the words of somebody without the key
        states = {
            name: state_of(conductor, detailed=detailed)
            for name, conductor in self._policies.items()
        }
        return json.dumps({**cast("dict[str, Any]", said), "policies": states}).encode()
