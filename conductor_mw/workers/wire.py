"""Send a message to a worker and read what it answers, in both colours, never more than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any

import httpcore

from conductor_mw.effects import Io
from conductor_mw.errors import Failure

from .message import Message
from .pools import apool, pool
from .reply import Reply
from .timed import ends


def exchange(message: Message, agent: str, *, seconds: float, limit: int) -> Io[Reply]:
    """Give the effect that sends a message; awaiting it gives the answer.

    Args:
        message: what to send.
        agent: the id of the agent, for the failure.
        seconds: how long it may take until the last byte was read.
        limit: how many bytes the answer may have.

    Raises:
        Failure: nothing came, not in time, or more than allowed.
    """
    given = (message, agent, seconds, limit)
    return Io(partial(send, *given), aio=partial(asend, *given))


def send(message: Message, agent: str, seconds: float, limit: int) -> Reply:
    """Send a message from a sync caller; arguments as for `exchange`."""
    with (
        _failures(agent, seconds),
        pool().stream(message.method, message.url, **_named(message, seconds)) as response,
    ):
        taking = _Taking(agent, response, limit)
        for piece in response.iter_stream():
            taking.add(piece)
    return taking.reply


async def asend(message: Message, agent: str, seconds: float, limit: int) -> Reply:
    """Send a message from an async caller; arguments as for `exchange`."""
    # In a task of its own. httpcore reads through generators that it leaves to the event loop where
    # reading stops early, and drivers keep the loop from seeing generators that begin below them.
    return await asyncio.create_task(_asend(message, agent, seconds, limit))


async def _asend(message: Message, agent: str, seconds: float, limit: int) -> Reply:
    connections = await apool()
    with _failures(agent, seconds):
        async with connections.stream(
            message.method, message.url, **_named(message, seconds)
        ) as response:
            taking = _Taking(agent, response, limit)
            async for piece in response.aiter_stream():
                taking.add(piece)
    return taking.reply


def _named(message: Message, seconds: float) -> dict[str, Any]:
    headers = list(message.headers.items())
    if message.method == "POST":
        headers.append(("Content-Length", str(len(message.body))))
    return {
        "headers": headers,
        "content": message.body or None,
        "extensions": {"timeout": {"pool": seconds}},  # what comes after it counts by itself
    }


class _Taking:
    """Takes in the pieces of an answer, and refuses the first byte too many."""

    def __init__(self, agent: str, response: httpcore.Response, limit: int) -> None:
        self._agent = agent
        self._limit = limit
        self._status = response.status
        self._headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }
        self._pieces: list[bytes] = []
        self._size = 0
        if self._headers.get("content-encoding", "identity") != "identity":
            # It was told not to. Unpacking is how a thousand bytes become gigabytes.
            raise self._refused("its answer is compressed")

    def add(self, piece: bytes) -> None:
        """Take in a piece."""
        self._size += len(piece)
        if self._size > self._limit:
            raise self._refused(f"its answer is longer than {self._limit:,} bytes")
        self._pieces.append(piece)

    @property
    def reply(self) -> Reply:
        """The whole answer."""
        return Reply(self._status, self._headers, b"".join(self._pieces))

    def _refused(self, problem: str) -> Failure:
        return Failure("invalid_output", f"worker {self._agent!r}: {problem}", agent=self._agent)


@contextmanager
def _failures(agent: str, seconds: float) -> Generator[None]:
    """Set the deadline of a call, and turn what the network says into failures."""
    ends.set(monotonic() + seconds)
    try:
        yield
    except httpcore.TimeoutException:
        # Not `from` the error: the caller of an app reads ours, and knows no httpcore.
        raise Failure("timeout", f"worker {agent!r} did not answer in time", agent=agent) from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        problem = f"worker {agent!r} could not be reached: {_reason(error)}"
        raise Failure("connection", problem, agent=agent) from None


def _reason(error: Exception) -> str:
    said = (str(error) or type(error).__name__)[:200]
    return "".join(letter if letter.isprintable() else " " for letter in said)
