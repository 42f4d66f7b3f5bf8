"""The events of `stream_events(version="v3")`, pulled from a routed stream as they are read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, cast

from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream


def event_stream(events: Iterator[Any]) -> ChatModelStream:
    """Give the stream object of v3 for a sync caller."""
    told = ChatModelStream()

    def pump() -> bool:
        try:
            told.dispatch(next(events))
        except StopIteration:
            return False
        except BaseException as error:  # noqa: BLE001 - the stream raises it at its reader
            told.fail(error)
            return False
        return True

    told.bind_pump(pump)
    return told


class _Pulled(AsyncChatModelStream):
    """Ends the routed stream where its reader leaves: no task of LangChain's stands behind it."""

    def __init__(self, events: AsyncGenerator[Any, None]) -> None:
        super().__init__()
        self._routed = events
        self.set_arequest_more(self._pump)

    async def aclose(self) -> None:
        await self._routed.aclose()
        await super().aclose()

    async def _pump(self) -> bool:
        try:
            self.dispatch(await anext(self._routed))
        except StopAsyncIteration:
            return False
        except BaseException as error:  # noqa: BLE001 - the stream raises it at its reader
            self.fail(error)
            return False
        return True


async def async_event_stream(events: AsyncIterator[Any]) -> AsyncChatModelStream:
    """Give the stream object of v3 on the running event loop."""
    return _Pulled(cast("AsyncGenerator[Any, None]", events))
