"""Wait until there is room, or give up with everything given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conductor_mw import Now, Sleep, Wait

from .clocks import Use
from .held import Ahead, Book, Held, Short, leave_line, release
from .slots import Seat, Waiter


async def acquire(
    book: Book, uses: Sequence[Use], seats: Sequence[Seat], until: float
) -> Held | Short:
    """Give what is held now, or what was still short when patience ended.

    A rate without room is charged as of the moment when it will have room, and its caller sleeps
    until then: each knows its time, nobody is overtaken, and nobody wakes in vain. What has room is
    taken at that moment and not before, so that who waits for one limit does not use up another.

    Args:
        book: who counts.
        uses: what is used.
        seats: the slots that are needed.
        until: the monotonic second at which patience ends.
    """
    held = Held(book)
    try:
        short = await _acquired(held, uses, list(seats), until)
    except BaseException:
        release(held)
        raise
    if short is not None:
        release(held)
        return short
    return held


async def _acquired(
    held: Held, uses: Sequence[Use], seats: list[Seat], until: float
) -> Short | None:
    book = held.book
    patience = until - (await Now()).monotonic
    while (short := await book.take(held, uses, seats, line=patience > 0)) is not None:
        patience = until - (await Now()).monotonic
        if short.seat is not None:
            waiter = short.waiter
            if waiter is None or not await _granted(held, short.seat, waiter, patience):
                return replace(short, waiter=None)
            seats.remove(short.seat)
        elif short.seconds > patience:
            return short
        else:
            ahead = await book.ahead(held, uses, patience)
            if isinstance(ahead, Short):
                return ahead
            if await _later(held, ahead, seats):
                return None
        patience = until - (await Now()).monotonic
    return None


async def _later(held: Held, ahead: Ahead, seats: Sequence[Seat]) -> bool:
    """Wait for what was charged ahead, then take the rest; gives whether all is held now."""
    if ahead.seconds:
        await Sleep(ahead.seconds)
    if await held.book.take(held, ahead.rest, seats, line=False) is None:
        return True
    held.charges = [one for one in held.charges if one not in ahead.charges]
    held.book.give_back(ahead.charges)
    return False


async def _granted(held: Held, seat: Seat, waiter: Waiter, patience: float) -> bool:
    book = held.book
    try:
        while patience > 0 and not waiter.granted:
            pause = patience if book.poll is None else min(book.poll, patience)
            if not await Wait(waiter.latch, pause):
                patience -= pause
                if patience > 0:
                    await book.serve(seat, waiter)
    finally:
        leave_line(held)
    return waiter.granted
