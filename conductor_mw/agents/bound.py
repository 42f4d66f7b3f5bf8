"""An object of the host app that answers for an agent: any callable, of any colour."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from conductor_mw.effects import Attempt, Io, Open
from conductor_mw.errors import ColourError, ConductorError, PluginError
from conductor_mw.parts import Part

from .base import Agent, AgentOptions, Speaker

if TYPE_CHECKING:
    from conductor_mw.request import Request
    from conductor_mw.setting import Setting


class BoundOptions(AgentOptions):
    """An agent for which the app binds an object: `Conductor(..., agents={"id": object})`."""

    def connect(self, agent: Agent, setting: Setting) -> Speaker:
        """Refuse: an agent of this kind speaks only through what the app binds."""
        del setting
        raise ConductorError(
            f"agent {agent.id!r} has neither a model nor anything else that could answer",
            mend=f"Write `model:` below it, or bind an object: "
            f"Conductor(..., agents={{{agent.id!r}: my_function}}).",
        )


def adapt(agent: Agent, bound: object) -> Speaker | None:
    """Give a speaker for a callable or for an object that is a speaker; None for anything else.

    The callable gets the `Request` and gives a text, a `Part`, an answer in the host's own form, or
    an iterator of any of these; it may be a coroutine function or an async generator function.
    """
    if inspect.isasyncgenfunction(getattr(bound, "answer", None)):
        return cast("Speaker", bound)
    if not callable(bound):
        return None
    target = bound if inspect.isroutine(bound) else type(bound).__call__
    if inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):
        return AsyncBound(agent.id, cast("Callable[[Request], Any]", bound))
    return Bound(agent.id, cast("Callable[[Request], Any]", bound))


@dataclass(frozen=True, slots=True)
class Bound:
    """Speaks through a sync callable. Async callers run it in a thread."""

    id: str
    function: Callable[[Request], Any]

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give what the callable gives, as parts."""
        request = attempt.request
        found: object = await Io(lambda: self.function(request), abandonable=True)
        awaited = inspect.isawaitable(found)
        if awaited:
            found = await Io(_refuse(self.id, found), aio=lambda: cast("Awaitable[Any]", found))
        # LiteLLM's stream has both colours; one that nobody awaited was made by a sync call.
        if isinstance(found, Iterator) and not (awaited and isinstance(found, AsyncIterator)):
            items = cast("Iterator[Any]", found)
            opened: Open[Any] = Open(lambda: items)
            async with await opened as parts:
                async for item in parts:
                    yield _part(self.id, request, item)
        elif isinstance(found, AsyncIterator):
            later = cast("AsyncIterator[Any]", found)
            begun: Open[Any] = Open(_refuse(self.id), aio=lambda: later)
            async with await begun as parts:
                async for item in parts:
                    yield _part(self.id, request, item)
        else:
            yield _part(self.id, request, found)


@dataclass(frozen=True, slots=True)
class AsyncBound:
    """Speaks through an async callable. Sync callers are refused with the mend."""

    id: str
    function: Callable[[Request], Any]

    async def answer(self, attempt: Attempt) -> AsyncGenerator[Part, None]:
        """Give what the callable gives, as parts."""
        request = attempt.request
        found: object = await Io(_refuse(self.id), aio=lambda: _called(self.function, request))
        if isinstance(found, AsyncIterator):
            items = cast("AsyncIterator[Any]", found)
            opened: Open[Any] = Open(_refuse(self.id), aio=lambda: items)
            async with await opened as parts:
                async for item in parts:
                    yield _part(self.id, request, item)
        else:
            yield _part(self.id, request, found)


async def _called(function: Callable[[Request], Any], request: Request) -> Any:
    found = function(request)
    return await found if inspect.isawaitable(found) else found


def _refuse(agent: str, begun: object = None) -> Callable[[], Any]:
    def refuse() -> Any:
        if inspect.iscoroutine(begun):
            begun.close()  # else Python warns, later and elsewhere, that nobody awaited it
        raise ColourError(
            f"agent {agent!r} is async and was asked by a sync caller",
            mend="Call acall or astream, or bind a sync function.",
        )

    return refuse


def _part(agent: str, request: Request, found: object) -> Part:
    if isinstance(found, Part):
        return found
    if isinstance(found, str):
        return Part(found)
    try:
        return request.lens.read(found)
    except PluginError as error:
        raise PluginError(error.problem, where=f"agent {agent!r}", mend=error.mend) from error
