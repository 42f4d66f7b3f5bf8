"""Lay layers around a call, and close every one of them whatever happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from .parts import Part, Parts

S = TypeVar("S")

Around = Callable[[S, Callable[[S], Parts]], Parts]
"""A layer's method: answers a subject, usually by passing on what `proceed(subject)` yields."""


def onion(layers: Sequence[Around[S]], innermost: Callable[[S], Parts], subject: S) -> Parts:
    """Give the parts of a subject that went through the layers, outermost first.

    Args:
        layers: `around_attempt` or `around_request` methods, outermost first.
        innermost: what happens where no layer is left.
        subject: an attempt or a run.
    """
    return _closing(layers, innermost, subject) if layers else innermost(subject)


async def _closing(
    layers: Sequence[Around[S]], innermost: Callable[[S], Parts], subject: S
) -> AsyncGenerator[Part, None]:
    # A consumer may stop early, and Python then drops the inner generators without running their
    # `finally` under our driver. So every layer is remembered here and closed here.
    opened: list[Parts] = []

    def entrance(depth: int) -> Callable[[S], Parts]:
        def proceed(subject: S) -> Parts:
            if depth == len(layers):
                parts = innermost(subject)
            else:
                parts = layers[depth](subject, entrance(depth + 1))
            opened.append(parts)
            return parts

        return proceed

    try:
        async for part in entrance(0)(subject):
            yield part
    finally:
        await _close(opened)


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
