"""The events of `stream_events(version="v3")`, pulled from a routed stream as they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

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


async def async_event_stream(events: AsyncIterator[Any]) -> AsyncChatModelStream:
    """Give the stream object of v3 on the running event loop."""
    told = AsyncChatModelStream()

    async def pump() -> bool:
        try:
            told.dispatch(await anext(events))
        except StopAsyncIteration:
            return False
        except BaseException as error:  # noqa: BLE001 - the stream raises it at its reader
            told.fail(error)
            return False
        return True

    told.set_arequest_more(pump)
    return told
