"""Run a policy under one chain run of LangChain, in its four ways: the only file with two colours.

The chain run is the parent of whatever the agents' own objects report, so a trace shows one run of
the conductor and below it every attempt as the child itself tells it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from .joining import joined

if TYPE_CHECKING:
    from langchain_core.callbacks import Callbacks

    from conductor_mw import Answer, Conductor, Part, Request

_OF_ONE_RUN: Final = ("run_name", "run_id")


@dataclass(frozen=True, slots=True)
class Own:
    """Callbacks, tags and metadata that belong to the object that is called, not to the call."""

    callbacks: Callbacks = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    verbose: bool = False


NOTHING_OWN: Final = Own()


@dataclass(slots=True)  # not frozen: every call makes one, and frozen ones take longer
class Call:
    """What an app asked, and how its answer is given.

    Attributes:
        name: what the chain run is called.
        inputs: what the chain run is told.
        config: the caller's, complete (`ensure_config`).
        ask: makes the request for a child's config, and for whether the caller streams.
        give: makes the caller's value of a whole answer.
        show: makes the caller's chunks of a part.
        end: makes the caller's last chunk, or None, once the whole answer is there.
        target: the agent or flow that the caller named, or None.
        own: what belongs to the object that is called.
    """

    name: str
    inputs: Any
    config: RunnableConfig
    ask: Callable[[RunnableConfig, bool], Request]
    give: Callable[[Answer], Any]
    show: Callable[[Part], Iterable[Any]]
    end: Callable[[Answer], Any] | None = None
    target: str | None = None
    own: Own = NOTHING_OWN

    def start(self) -> dict[str, Any]:
        """Give what `on_chain_start` is told."""
        return {
            "serialized": None,
            "inputs": self.inputs,
            "name": self.config.get("run_name") or self.name,
            "run_id": self.config.get("run_id"),
        }

    def below(self, callbacks: Any) -> RunnableConfig:
        """Give the config of what runs below the chain run."""
        config: Any = {**self.config, "callbacks": callbacks}
        for key in _OF_ONE_RUN:
            config.pop(key, None)
        found: RunnableConfig = config
        return found

    def begun(self) -> Any:
        """Begin the chain run; where nobody listens there is none, and children report as usual."""
        manager = self._managed(CallbackManager)
        return manager.on_chain_start(**self.start()) if manager.handlers else _Unheard(manager)

    async def abegun(self) -> Any:
        """Begin the chain run on the running event loop. See `begun`."""
        manager = self._managed(AsyncCallbackManager)
        if not manager.handlers:
            return _AsyncUnheard(manager)
        return await manager.on_chain_start(**self.start())

    def _managed(self, kind: type[Any]) -> Any:
        config, own = self.config, self.own
        manager = kind.configure(
            config.get("callbacks"), own.callbacks, own.verbose, config.get("tags"), own.tags,
            config.get("metadata"), own.metadata,
        )  # fmt: skip
        if own.callbacks or own.tags:
            # Whoever belongs to a model hears of a model's run, and that is the child's.
            manager.add_tags(own.tags or [])
            given: Any = own.callbacks
            for handler in getattr(given, "handlers", given) or ():
                manager.add_handler(handler)
        return manager


@dataclass(slots=True)
class _Unheard:
    """Stands for a chain run of which nobody would hear: beginning one takes 10 microseconds."""

    manager: Any

    def get_child(self) -> Any:
        return self.manager

    def on_chain_end(self, outputs: Any) -> None:
        del outputs

    def on_chain_error(self, error: BaseException) -> None:
        del error


@dataclass(slots=True)
class _AsyncUnheard:
    """The same on the running event loop."""

    manager: Any

    def get_child(self) -> Any:
        return self.manager

    async def on_chain_end(self, outputs: Any) -> None:
        del outputs

    async def on_chain_error(self, error: BaseException) -> None:
        del error


def invoke(conductor: Conductor, call: Call) -> Any:
    """Give the answer to a sync caller."""
    manager = call.begun()
    config = call.below(manager.get_child())
    try:
        with within(config):
            answer = conductor.call(call.ask(config, False), target=call.target)
        found = call.give(answer)
    except BaseException as error:
        manager.on_chain_error(error)
        raise
    manager.on_chain_end(found)
    return found


async def ainvoke(conductor: Conductor, call: Call) -> Any:
    """Give the answer on the running event loop."""
    manager = await call.abegun()
    config = call.below(manager.get_child())
    try:
        with within(config):
            answer = await conductor.acall(call.ask(config, False), target=call.target)
        found = call.give(answer)
    except BaseException as error:
        await manager.on_chain_error(error)
        raise
    await manager.on_chain_end(found)
    return found


def stream(conductor: Conductor, call: Call) -> Iterator[Any]:
    """Give the answer chunk by chunk to a sync caller."""
    manager = call.begun()
    config = call.below(manager.get_child())
    shown: list[Any] = []
    try:
        with conductor.stream(call.ask(config, True), target=call.target) as parts:
            with within(config):  # a run takes over the context of its first step
                part = next(parts, None)
            while part is not None:
                for chunk in call.show(part):
                    shown.append(chunk)
                    yield chunk
                part = next(parts, None)
            last = None if call.end is None else call.end(parts.answer)
            if last is not None:
                shown.append(last)
                yield last
    except GeneratorExit:
        manager.on_chain_end(_told(manager, shown))  # the caller has what it wanted
        raise
    except BaseException as error:
        manager.on_chain_error(error)
        raise
    manager.on_chain_end(_told(manager, shown))


async def astream(conductor: Conductor, call: Call) -> AsyncGenerator[Any, None]:
    """Give the answer chunk by chunk on the running event loop."""
    manager = await call.abegun()
    config = call.below(manager.get_child())
    shown: list[Any] = []
    try:
        async with conductor.astream(call.ask(config, True), target=call.target) as parts:
            with within(config):
                part = await anext(parts, None)
            while part is not None:
                for chunk in call.show(part):
                    shown.append(chunk)
                    yield chunk
                part = await anext(parts, None)
            last = None if call.end is None else call.end(parts.answer)
            if last is not None:
                shown.append(last)
                yield last
    except GeneratorExit:
        await manager.on_chain_end(_told(manager, shown))
        raise
    except BaseException as error:
        await manager.on_chain_error(error)
        raise
    await manager.on_chain_end(_told(manager, shown))


@contextmanager
def within(config: RunnableConfig) -> Generator[None]:
    """Let whatever is called inside find a config, as LangChain's own runnables do."""
    token = var_child_runnable_config.set(config)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def metadata_of(config: RunnableConfig) -> dict[str, object]:
    """Give what the app says about a request: its metadata, and plain values of `configurable`.

    Where both name a key, the metadata's value counts.
    """
    found: dict[str, object] = {
        key: value
        for key, value in config.get("configurable", {}).items()
        if not key.startswith("__") and isinstance(value, str | int | float | bool)
    }
    found.update(config.get("metadata") or {})
    return found


def _told(manager: Any, chunks: list[Any]) -> Any:
    """Give what a chain run ends with; nothing where nobody hears of it."""
    return None if isinstance(manager, _Unheard | _AsyncUnheard) else joined(chunks)
