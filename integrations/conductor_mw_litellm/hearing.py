"""What the provider tells the proxy's hooks about the request that both of them serve."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, Self

from conductor_mw import AsyncPartStream, ConductorError

from .answering import headers_of
from .guard import below


class Heard:
    """What is known of one request of the proxy, while it is under way.

    Attributes:
        headers: what its response says about the decision.
        known: whether it is known who answers.
        opening: its stream, where a policy answers it chunk by chunk.
        key: the proxy's own words on the key, where a policy took over the model that it asked for.
    """

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.known = False
        self.opening: Opening | None = None
        self.key: Any = None


class Opening(AsyncIterator[Any]):
    """A stream of which one can learn who answers before one reads it.

    Attributes:
        error: why nobody does.
    """

    def __init__(self, chunks: AsyncGenerator[Any, None], heard: Heard) -> None:
        self._chunks = chunks
        self._heard = heard
        self._read: deque[Any] = deque()
        self._reading: asyncio.Task[Any] | None = None
        self.error: Exception | None = None

    async def wait(self, seconds: float) -> None:
        """Wait until somebody speaks, or nobody will; what was read is kept for the reader.

        Args:
            seconds: the longest that it waits. The proxy does not see a client leave meanwhile.
        """
        until = time.monotonic() + seconds
        while not self._heard.known and self.error is None:
            self._reading = self._reading or asyncio.ensure_future(anext(self._chunks))
            left = max(0.0, until - time.monotonic())
            try:
                done, _ = await asyncio.wait([self._reading], timeout=left)
            except asyncio.CancelledError:
                await self.aclose()
                raise
            if not done:
                return
            reading, self._reading = self._reading, None
            try:
                self._read.append(reading.result())
            except Exception as error:  # noqa: BLE001 - `__anext__` raises it again
                self.error = error

    def refuse(self) -> None:
        """Raise what is known to be refused; what a provider said may still be fallen back from."""
        if self.error is not None and isinstance(self.error.__cause__, ConductorError):
            raise self.error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._read:
            return self._read.popleft()
        if self.error is not None:
            raise self.error
        if self._reading is not None:
            reading, self._reading = self._reading, None
            return await reading
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """Stop the run."""
        self._read.clear()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            self._reading = None
        await self._chunks.aclose()


_HEARD: Final[ContextVar[Heard | None]] = ContextVar("conductor_mw_litellm_heard", default=None)


def listen() -> Heard:
    """Begin to hear of the request that this task serves, and of nothing from before."""
    made = Heard()
    _HEARD.set(made)
    return made


def heard() -> Heard | None:
    """Give what was heard of the request that this task serves; None where nobody listens."""
    return _HEARD.get()


def tell(headers: Mapping[str, str]) -> None:
    """Tell whoever listens who answers, once more where it changes; policies below say nothing."""
    listening = _HEARD.get()
    if listening is not None and not below():
        listening.headers = dict(headers)
        listening.known = True


def tell_decision(parts: AsyncPartStream) -> None:
    """Tell whoever listens where a request goes, before anybody speaks, if that is known."""
    listening = _HEARD.get()
    if listening is not None and not listening.known and not below():
        with suppress(ConductorError):  # it reads what somebody must be asked for, or it fails
            told = headers_of(parts.answer)
            listening.headers = {name: text for name, text in told.items() if text}


def opened(chunks: AsyncGenerator[Any, None]) -> AsyncIterator[Any]:
    """Give a stream; whoever listens can wait until it is known who answers."""
    listening = _HEARD.get()
    if listening is None or listening.opening is not None:  # a policy that an agent's call asks
        return chunks
    listening.opening = Opening(chunks, listening)
    return listening.opening
