"""What a worker is sent: one JSON body, and headers that name the call for ever and prove it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from conductor_mw.errors import Failure

from .signature import sign

if TYPE_CHECKING:
    from conductor_mw.request import Request

# A header holds neither of these; a path may hold what a flow's author called a step.
_PLAIN: Final = "/:#~-_.@+=,"


@dataclass(frozen=True, slots=True)
class Message:
    """An HTTP request that is about to be sent.

    Attributes:
        method: `POST` for a call, `GET` for asking how a long one stands.
        url: where it goes.
        headers: all of them; not shown, because a signature is one.
        body: its bytes; not shown, because a user's text is in it.
    """

    method: Literal["POST", "GET"]
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a worker, whatever messages it takes.

    Attributes:
        worker: the id of the agent.
        run: the id of the run.
        step: the step's stable place in the flow.
        attempt: 1 for the first try.
        deadline: seconds since 1970 at which nobody waits any more.
        input: what the worker is to work on.
    """

    worker: str
    run: str
    step: str
    attempt: int
    deadline: float
    input: Mapping[str, Any] = field(repr=False)

    @property
    def key(self) -> str:
        """What names the call: the same for every retry of the step."""
        return quote(f"{self.run}:{self.step}", safe=_PLAIN)

    @property
    def body(self) -> bytes:
        """The body as JSON.

        Raises:
            Failure: the input holds something that JSON does not have.
        """
        content = {
            "worker": self.worker,
            "run_id": self.run,
            "step": self.step,
            "attempt": self.attempt,
            "deadline": written(self.deadline),
            "input": self.input,
        }
        try:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise Failure(
                "invalid_request", f"the input of {self.worker!r} is not JSON: {error}"
            ) from None


def call_message(call: Call, url: str, secret: bytes | None, now: float) -> Message:
    """Give the message that makes a call.

    Args:
        call: the call.
        url: where the worker is.
        secret: the key that signs, or None.
        now: seconds since 1970.
    """
    body = call.body
    headers = _headers(call, secret, now, body) | {"Content-Type": "application/json"}
    return Message("POST", url, headers, body)


def poll_message(call: Call, url: str, secret: bytes | None, now: float) -> Message:
    """Give the message that asks how a call stands; arguments as for `call_message`."""
    return Message("GET", url, _headers(call, secret, now, b""))


def input_of(request: Request, passed: Collection[str]) -> dict[str, Any]:
    """Give what a worker is told of a request.

    Args:
        request: the request, with the agent's prompt put in front.
        passed: the keys of metadata that this worker may read; others may be secrets.
    """
    found: dict[str, Any] = {
        "text": request.text,
        "messages": [_message(one.role, one.text, one.media) for one in request.messages],
    }
    if passed:
        metadata = request.metadata
        found["metadata"] = {name: metadata[name] for name in passed if name in metadata}
    return found


def written(seconds: float) -> str:
    """Write a moment as RFC 3339 has it.

    >>> written(1_780_000_000.5)
    '2026-05-28T20:26:40.500Z'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(role: str, text: str, media: tuple[str, ...]) -> dict[str, Any]:
    said: dict[str, Any] = {"role": role, "content": text}
    return {**said, "media": list(media)} if media else said


def _headers(call: Call, secret: bytes | None, now: float, body: bytes) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",  # a small answer must not grow to gigabytes here
        "Idempotency-Key": call.key,
        "User-Agent": "conductor-mw",
        "webhook-id": call.key,
        "webhook-timestamp": str(int(now)),
    }
    return headers if secret is None else headers | sign(secret, call.key, int(now), body)
