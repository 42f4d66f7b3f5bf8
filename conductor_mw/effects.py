"""What a flow may ask of its driver.

A flow is an async generator of parts. It never touches network, clock or event loop: it awaits one
of the values below, and whoever drives the flow carries it out, with threads or with an event loop.
Effects are data: comparable, printable, and therefore recordable.
"""

from __future__ import annotations

import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Mapping,
)
from contextvars import Context
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from .parts import Outcome, Part, Purpose
from .request import Request

T = TypeVar("T")

NO_TERMS: Final[Mapping[str, object]] = MappingProxyType({})
STAND_IN: Final = "stand_in"
"""The term that says what a simulated agent without words of its own may answer."""


class Effect(Generic[T]):
    """Awaiting an effect hands it to the driver and gives back what the driver found."""

    __slots__ = ()

    def __await__(self) -> Generator[Effect[T], T, T]:
        return (yield self)


@dataclass(frozen=True, slots=True)
class Attempt(Effect[object]):
    """Begin one call of one agent; gives a handle for `Next` and `Close`.

    Attributes:
        path: the step's stable place in the flow.
        agent: the id of the agent.
        request: what is asked.
        deadline: monotonic second at which the attempt must be over, or None.
        visible: False where the caller must not see the answer while it streams.
        number: 1 for the first try, 2 for the first retry.
        run: the id of the run; with `path` it names the call for ever.
        terms: what the step says beside the request, for agents that take it: a person's choices
            and deadline, for example.
        replica: which of the agent's replicas answers; empty where it has none.
        purpose: what the answer is for.
        raced: whether others answer the same beside it, of whom the caller sees the first.
    """

    path: str
    agent: str
    request: Request
    deadline: float | None = None
    visible: bool = True
    number: int = 1
    run: str = ""
    terms: Mapping[str, object] = field(default_factory=lambda: NO_TERMS)
    replica: str = ""
    purpose: Purpose = "answer"
    raced: bool = False

    @property
    def hidden(self) -> bool:
        """Whether a host that shows the words of every agent must not show those of this one."""
        return self.raced or not self.visible


@dataclass(frozen=True, slots=True)
class Next(Effect[Part | Outcome]):
    """The next part of an attempt, or its outcome when it is over."""

    handle: object


@dataclass(frozen=True, slots=True)
class Close(Effect[Outcome]):
    """End an attempt, whether or not it was over; gives its outcome, as often as it is asked."""

    handle: object


class End(Enum):
    """What reading a host's stream gives when it is over; a stream may hold None."""

    END = "end"


END: Final = End.END


@dataclass(frozen=True, slots=True)
class Open(Effect["HostStream[T]"], Generic[T]):
    """Begin to read a host's own stream; iterate over what it gives.

    Attributes:
        sync: opens the stream for a sync caller.
        aio: opens it for an async caller. Without it, async callers read `sync` in a thread.
    """

    sync: Callable[[], Iterator[T]]
    aio: Callable[[], AsyncIterator[T] | Awaitable[AsyncIterator[T]]] | None = None


@dataclass(frozen=True, slots=True)
class Read(Effect["T | End"], Generic[T]):
    """The next item of a host's stream, or `END`."""

    handle: object


@dataclass(frozen=True, slots=True)
class Shut(Effect[None]):
    """Close a host's stream, so that its connection goes back to the pool."""

    handle: object


@dataclass(frozen=True, slots=True)
class HostStream(Generic[T]):
    """A host's stream while it is read: an async iterator that must be closed.

    Use it as `async with await Open(...) as items:`.
    """

    handle: object

    async def __aenter__(self) -> HostStream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await Shut(self.handle)

    def __aiter__(self) -> HostStream[T]:
        return self

    async def __anext__(self) -> T:
        read: Read[T] = Read(self.handle)
        item = await read
        if isinstance(item, End):
            raise StopAsyncIteration
        return item


@dataclass(frozen=True, slots=True)
class Sleep(Effect[None]):
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: `monotonic` seconds for durations, `utc` seconds since 1970 for records."""

    monotonic: float
    utc: float


@dataclass(frozen=True, slots=True)
class Now(Effect[Instant]):
    """What time it is."""


@dataclass(frozen=True, slots=True)
class Random(Effect[float]):
    """A random number from 0 up to, not including, 1."""


@dataclass(frozen=True, slots=True)
class Io(Effect[T], Generic[T]):
    """A plugin's own I/O. Without `aio`, async callers run `sync` in a thread.

    Attributes:
        sync: carries it out for a sync caller.
        aio: carries it out for an async caller.
        abandonable: whether nobody needs what `sync` does once nobody waits for it: a call of an
            agent, which may take long, and not a store's write. A loop that ends does not wait
            for it.
    """

    sync: Callable[[], T]
    aio: Callable[[], Awaitable[T]] | None = None
    abandonable: bool = False


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """How one branch of a `Gather` ended.

    Attributes:
        index: the branch's position in the definition, never its order of arrival.
        value: what it gave.
        error: what it raised, or None.
        done: False for a branch that was no longer needed.
    """

    index: int
    value: T | None = None
    error: BaseException | None = None
    done: bool = True


@dataclass(frozen=True, slots=True)
class Gather(Effect["tuple[Settled[T], ...]"], Generic[T]):
    """Run branches at the same time; gives how each ended, in the order of definition.

    Attributes:
        branches: each makes the coroutine of one branch; it may await effects.
        until: told what has ended so far, says whether the rest is no longer needed. What is no
            longer needed is cancelled (async) or abandoned (sync: its answer is dropped, its
            layers still close, so its spend is settled).
        deadline: monotonic second at which whatever has not ended is no longer needed.
    """

    branches: tuple[Callable[[], Coroutine[Any, Any, T]], ...]
    until: Callable[[tuple[Settled[T], ...]], bool] | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Spawn(Effect[bool]):
    """Begin work that nobody waits for; gives False where too much of it is under way already.

    The work outlives the run. It has no deadline but its own, and what it raises reaches a log and
    nobody else, so it tells its own failures.
    """

    work: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Within(Effect[T], Generic[T]):
    """Carry out a step in a context of its own.

    A flow that begins an answer in a branch and reads on outside it keeps the answer in one context
    this way: what a layer set there, it finds again.

    Attributes:
        context: the context; nobody else may be inside it at the same time.
        step: makes the coroutine of the step; it may await effects.
    """

    context: Context
    step: Callable[[], Coroutine[Any, Any, T]]


@dataclass(slots=True, eq=False)
class Latch:
    """A door that opens once, for waiters of both colours.

    Drivers add a callback that wakes their waiter; plugins only `await Wait` and `await Notify`.
    """

    value: object = None
    opened: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _wake: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]], repr=False)

    def subscribe(self, wake: Callable[[], None]) -> bool:
        """Remember whom to wake; gives True if the door is open already."""
        with self._lock:
            if not self.opened:
                self._wake.append(wake)
            return self.opened

    def forget(self, wake: Callable[[], None]) -> None:
        """Stop waking somebody who no longer waits."""
        with self._lock:
            if wake in self._wake:
                self._wake.remove(wake)

    def open(self, value: object = None) -> None:
        """Open the door; the first value stays, later ones are ignored."""
        with self._lock:
            if self.opened:
                return
            self.value, self.opened = value, True
            waiting, self._wake = self._wake, []
        for wake in waiting:
            wake()


@dataclass(frozen=True, slots=True)
class Wait(Effect[bool]):
    """Wait until a latch opens; gives False if `seconds` passed first."""

    latch: Latch
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Notify(Effect[None]):
    """Open a latch, so that everyone who waits goes on."""

    latch: Latch
    value: object = None
