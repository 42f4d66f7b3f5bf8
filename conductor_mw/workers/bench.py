"""Makes the calls with which a worker is tested."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from conductor_mw.errors import ConductorError, Failure

from .addresses import followed
from .message import Call, Message, call_message, poll_message
from .reply import Done, Later, Reply, read_reply
from .signature import sign
from .wire import send

LIMIT: Final = 1_000_000
"""Bytes of an answer."""

NAME: Final = "worker"
"""What the worker is called in the calls that test it."""

SAMPLE: Final[Mapping[str, Any]] = {
    "text": "Hello",
    "messages": [{"role": "user", "content": "Hello"}],
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The worker under test.

    Attributes:
        url: where it is.
        key: what calls are signed with, or None.
        input: an input that it is able to work on.
        seconds: how long one answer may take.
    """

    url: str
    key: bytes | None = field(default=None, repr=False)
    input: Mapping[str, Any] = field(default_factory=lambda: SAMPLE)
    seconds: float = 10.0


class Skipped(Exception):
    """A check does not apply here."""


class Bench:
    """Makes the calls of the checks."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.answered: Done | None = None
        self.call = self.fresh()

    def fresh(self) -> Call:
        """Give a call that the worker has not seen."""
        return Call(
            worker=NAME,
            run=secrets.token_hex(8),
            step="conformance",
            attempt=1,
            deadline=time.time() + self.subject.seconds,
            input=self.subject.input,
        )

    def message(self, call: Call) -> Message:
        """Give the message that makes a call."""
        return call_message(call, self.subject.url, self.subject.key, time.time())

    def altered(self, content: object) -> Message:
        """Give a rightly signed message with another body; bytes are sent as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        message = self.message(call := self.fresh())
        signed = (
            {}
            if self.subject.key is None
            else sign(self.subject.key, call.key, int(time.time()), body)
        )
        return replace(message, body=body, headers={**message.headers, **signed})

    def content(self, **other: Any) -> dict[str, Any]:
        """Give the body of a fresh call as a mapping, some keys changed."""
        return {**json.loads(self.fresh().body), **other}

    def sent(self, message: Message) -> Reply:
        """Send a message."""
        return send(message, NAME, self.subject.seconds, LIMIT)

    def finished(self, call: Call) -> Done:
        """Make a call and give its result, asked for as often as the worker wants."""
        until = time.monotonic() + self.subject.seconds
        url, message = self.subject.url, self.message(call)
        while True:
            found = read_reply(self.sent(message), NAME, None, time.time())
            if isinstance(found, Done):
                return found
            url = self._later(url, found, first=message.method == "POST")
            if time.monotonic() + found.wait >= until:
                raise Failure("timeout", f"still 202 after {self.subject.seconds:g} s")
            time.sleep(found.wait)
            message = poll_message(call, url, self.subject.key, time.time())

    def reach(self) -> None:
        """Look whether anybody is there at all.

        Raises:
            ConductorError: nobody is.
        """
        try:
            self.sent(self.message(self.fresh()))
        except Failure as failure:
            if failure.kind == "connection":
                reason = failure.problem.partition(": ")[2]
                raise ConductorError(
                    f"nobody answers at {self.subject.url}: {reason}",
                    mend="start the worker, or check the address",
                ) from None

    def signed(self) -> bytes:
        """Give the key, or skip the check."""
        if self.subject.key is None:
            raise Skipped("needs --secret-env")
        return self.subject.key

    def _later(self, url: str, found: Later, *, first: bool) -> str:
        if first and not found.location:
            raise Failure("invalid_output", "202 without a Location")
        try:
            return followed((), url, found.location) if found.location else url
        except ConductorError as error:
            raise Failure("invalid_output", f"202, and {error.problem}") from None
