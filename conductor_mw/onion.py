"""Lay layers around a call, and close every one of them whatever happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

from .brackets import Bracket, enter, leave
from .parts import Part, Parts

S = TypeVar("S")

Around: TypeAlias = Callable[[S, Callable[[S], Parts]], Parts]
"""A layer's method: answers a subject, usually by passing on what `proceed(subject)` yields."""


@dataclass(frozen=True, slots=True)
class Layering(Generic[S]):
    """Layers in the order in which they lie around a subject.

    Attributes:
        outer: brackets outside every generator.
        around: generators, outermost first.
        inner: brackets inside every generator; whatever is innermost enters them.
    """

    outer: Sequence[Bracket[S]] = ()
    around: Sequence[Around[S]] = ()
    inner: Sequence[Bracket[S]] = ()

    @classmethod
    def of(cls, layers: Sequence[Around[S] | Bracket[S]]) -> Layering[S]:
        """Give layers, outermost first, with the brackets put where they cost least."""
        last = max((at for at, one in enumerate(layers) if not isinstance(one, Bracket)), default=0)
        outer: list[Bracket[S]] = []
        around: list[Around[S]] = []
        waiting: list[Bracket[S]] = []
        for at, one in enumerate(layers):
            if isinstance(one, Bracket):
                bracket = cast("Bracket[S]", one)
                # Those before the first generator are entered by whoever begins it.
                (waiting if around or at > last or not last else outer).append(bracket)
                continue
            if waiting:
                around.append(_bracketed(tuple(waiting)))
                waiting.clear()
            around.append(one)
        return cls(tuple(outer), tuple(around), tuple(waiting))

    def inside(self, *outermost: Around[S]) -> Layering[S]:
        """Give these layers with generators laid around them."""
        if not outermost:
            return self
        between = (_bracketed(self.outer),) if self.outer else ()
        return Layering((), (*outermost, *between, *self.around), self.inner)

    @property
    def closed(self) -> Layering[S]:
        """The same layers where whatever is innermost knows of no brackets."""
        if not self.inner:
            return self
        if not self.around:
            return Layering((*self.outer, *self.inner))
        return Layering(self.outer, (*self.around, _bracketed(self.inner)))


def onion(layers: Layering[S], innermost: Callable[[S], Parts], subject: S) -> Parts:
    """Give the parts of a subject that went through the layers, outermost first.

    Args:
        layers: the layers around an attempt or a request; `inner` is left to what is innermost.
        innermost: what happens where no layer is left.
        subject: an attempt or a run.
    """
    if layers.around or layers.outer:
        return _closing(layers, innermost, subject)
    return innermost(subject)


async def _closing(
    layers: Layering[S], innermost: Callable[[S], Parts], subject: S
) -> AsyncGenerator[Part, None]:
    # A consumer may stop early, and Python then drops the inner generators without running their
    # `finally` under our driver. So every layer is remembered here and closed here.
    opened: list[Parts] = []
    around = layers.around

    def entrance(depth: int) -> Callable[[S], Parts]:
        def proceed(subject: S) -> Parts:
            if depth == len(around):
                parts = innermost(subject)
            else:
                parts = around[depth](subject, entrance(depth + 1))
            opened.append(parts)
            return parts

        return proceed

    tokens = await enter(layers.outer, subject) if layers.outer else ()
    try:
        async for part in entrance(0)(subject):
            yield part
    finally:
        try:
            await _close(opened)
        finally:
            if tokens:
                await leave(layers.outer, tokens, subject)


def _bracketed(brackets: Sequence[Bracket[S]]) -> Around[S]:
    """Give brackets between two generators in the form of a generator."""

    async def around(subject: S, proceed: Callable[[S], Parts]) -> AsyncGenerator[Part, None]:
        tokens = await enter(brackets, subject)
        try:
            async with aclosing(proceed(subject)) as parts:
                async for part in parts:
                    yield part
        finally:
            await leave(brackets, tokens, subject)

    return around


async def _close(opened: list[Parts]) -> None:
    # Innermost first, so that an outer layer sees the inner ones' final figures; always every
    # layer, also where one of them fails to close, and only then the first such error.
    first: BaseException | None = None
    while opened:
        parts = opened.pop()
        if getattr(parts, "ag_running", False):
            continue  # another branch is inside it, and closes it when it stops
        try:
            await parts.aclose()
        except BaseException as error:  # noqa: BLE001 - raised below, after the others closed
            first = first or error
    if first is not None:
        raise first
