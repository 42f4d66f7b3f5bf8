"""Messages that wait to be posted, and the one thread that posts them."""

from __future__ import annotations

import heapq
import json
import logging
import os
import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakSet

from conductor_mw import Event

from .post import Result, post
from .signing import signature

_LOG: Final = logging.getLogger(__name__)
FLUSH: Final = 3.0
"""Seconds that closing waits for what is still to be posted."""
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 60.0
_IDLE: Final = 10.0
"""Seconds after which a thread ends that has nothing to do."""
_LARGEST: Final = 262_144
"""Bytes of a message; an event is small."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go.

    Attributes:
        url: the address; its path may be a secret, so it is never logged.
        key: what messages are signed with, or None.
        retry: how often a message is tried again.
        timeout: seconds that one try may take.
    """

    url: str = field(repr=False)
    key: bytes | None = field(repr=False)
    retry: int
    timeout: float

    @property
    def site(self) -> str:
        """Scheme, host and port, for logs."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(slots=True)
class Message:
    """An event on its way to one receiver.

    Attributes:
        event: what happened.
        to: where it goes.
        name: names it, also over retries, so that a receiver can tell what it knows already.
        tries: how often it was posted.
    """

    event: Event
    to: Receiver
    name: str = field(default_factory=lambda: f"msg_{secrets.token_hex(12)}")
    tries: int = 0


@dataclass(slots=True)
class Figures:
    """What became of messages.

    Attributes:
        delivered: taken by their receiver.
        failed: given up.
        dropped: never tried, because too many waited or the app ended.
    """

    delivered: int = 0
    failed: int = 0
    dropped: int = 0


class Outbox:
    """A bounded queue and its thread, which begins with the first message. Safe from many threads.

    A receiver that fails is left alone until its wait is over, so that it does not hold up others.

    Args:
        most: how many messages may wait.

    Attributes:
        figures: what became of messages so far.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.begin()
        _OUTBOXES.add(self)

    def begin(self) -> None:
        """Begin with nothing waiting."""
        self.figures = Figures()
        self._due: list[tuple[float, int, Message]] = []
        self._rests: dict[str, float] = {}
        self._sequence = 0
        self._closing: float | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, event: Event, to: Receiver) -> None:
        """Take a message in; where too many wait, it is dropped and counted."""
        with self._changed:
            if len(self._due) >= self.most or self._closing is not None:
                self.figures.dropped += 1
                if self.figures.dropped == 1:
                    _LOG.warning("webhook: %d messages wait, further ones are dropped", self.most)
                return
            self._push(Message(event, to), 0.0)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, name="conductor-webhook", daemon=True
                )
                self._thread.start()

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._due)

    def close(self) -> None:
        """Post what waits, for a few seconds at most; what is left is dropped and counted."""
        with self._changed:
            self._closing = time.monotonic() + FLUSH
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(FLUSH)
        with self._changed:
            left, self._due = len(self._due), []
            self.figures.dropped += left
        if left:
            _LOG.warning("webhook: %d messages were not posted before the app ended", left)

    def _work(self) -> None:
        while (message := self._next()) is not None:
            try:
                result = _posted(message, self._closing)
            except Exception as error:  # noqa: BLE001 - one odd message must not end the thread
                result = Result(f"it cannot be written: {type(error).__name__}")
            self._settle(message, result)

    def _next(self) -> Message | None:
        """Give the next message when it is time for it, or None where there will be none."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._closing is not None and (not self._due or now >= self._closing):
                    return None
                if not self._due:
                    if not self._changed.wait(_IDLE) and not self._due:
                        self._thread = None  # `put` begins another
                        return None
                    continue
                due, _, message = self._due[0]
                rests = self._rests.get(message.to.url, 0.0)
                if rests > max(now, due):
                    heapq.heapreplace(self._due, (rests, self._number(), message))
                elif due > now:
                    limit = due if self._closing is None else min(due, self._closing)
                    self._changed.wait(limit - now)
                else:
                    heapq.heappop(self._due)
                    return message

    def _settle(self, message: Message, result: Result) -> None:
        message.tries += 1
        to = message.to
        with self._changed:
            if not result.problem:
                self.figures.delivered += 1
                self._rests.pop(to.url, None)
                return
            if result.again and message.tries <= to.retry:
                wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (message.tries - 1))
                # Up to half is taken off: who failed together does not come back together.
                wait *= random.uniform(0.5, 1.0)
                wait = max(wait, min(result.retry_after or 0.0, _LONGEST_WAIT))
                self._rests[to.url] = time.monotonic() + wait
                self._push(message, self._rests[to.url])
                return
            self.figures.failed += 1
        _LOG.warning("webhook: %s did not take %s: %s", to.site, message.event.name, result.problem)

    def _push(self, message: Message, due: float) -> None:
        heapq.heappush(self._due, (due, self._number(), message))
        self._changed.notify()

    def _number(self) -> int:
        self._sequence += 1
        return self._sequence


_OUTBOXES: Final[WeakSet[Outbox]] = WeakSet()


def _after_fork() -> None:
    # What waits is the parent's to post, and its thread may have held the lock.
    for outbox in tuple(_OUTBOXES):
        outbox.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _posted(message: Message, closing: float | None) -> Result:
    body = body_of(message.event)
    if len(body) > _LARGEST:
        return Result(f"it has {len(body)} bytes")
    now = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "conductor-mw",
        "connection": "close",
        "webhook-id": message.name,
        "webhook-timestamp": str(now),
    }
    if message.to.key is not None:
        headers["webhook-signature"] = signature(message.to.key, message.name, now, body)
    seconds = message.to.timeout
    if closing is not None:
        seconds = max(0.1, min(seconds, closing - time.monotonic()))
    return post(message.to.url, headers, body, seconds)


def body_of(event: Event) -> bytes:
    """Give the message of an event.

    >>> body_of(Event(name="breaker.opened", utc=1780000000.0, data={"agent": "big"}))
    b'{"type":"breaker.opened","timestamp":"2026-05-28T20:26:40+00:00","data":{"agent":"big"}}'
    """
    moment = datetime.fromtimestamp(event.utc, UTC).isoformat()
    content: dict[str, object] = {"type": event.name, "timestamp": moment}
    if event.run:
        content["run"] = event.run
    if event.path:
        content |= {"path": event.path, "attempt": event.attempt}
    content["data"] = data = dict(event.data)
    if event.name == "feedback":
        # What a person writes freely may repeat what the user wrote.
        data["comment"] = {"length": len(str(data.get("comment", "")))}
    return json.dumps(content, separators=(",", ":"), default=str).encode()
