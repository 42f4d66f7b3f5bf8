"""What is counted in a store: whole numbers and clocks, the same arithmetic in every store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from conductor_mw.errors import ConductorError

from .base import Move

LARGEST: Final = 9 * 10**15
"""Below 2^53, so that a store that counts in doubles still counts by ones."""

LONGEST: Final = 10**18
"""In nanoseconds, 31 years: added to the time of this century it stays within 64 bits."""

_SECOND: Final = 10**9
_MICROSECOND: Final = 1_000


def total(before: bytes | None, amount: int) -> int:
    """Give the sum of what a store holds and an amount.

    >>> total(b"5", -2), total(None, 7)
    (3, 7)

    Raises:
        ConductorError: it is beyond what every store can count, or no number was there.
    """
    return _bounded(_number(before) + _bounded(amount))


def fitting(before: bytes | None, amount: int, most: int) -> int:
    """Give how much of an amount fits between what a store holds and the most it may.

    >>> fitting(b"7", 5, 10), fitting(b"12", 5, 10)
    (3, 0)
    """
    room = _bounded(most) - _number(before)
    return max(0, min(_bounded(amount), room))


def advanced(
    moves: Sequence[Move], held: Callable[[str], bytes | None], now: float
) -> tuple[float, dict[str, tuple[bytes, float]]]:
    """Give the seconds to wait, and what is to be written with its expiry where that is 0.0.

    Args:
        moves: see `Store.advance`.
        held: gives what the store holds for a key.
        now: UTC seconds.

    >>> advanced([Move("a", 10**9, 10**9)], {}.get, 100.0)
    (0.0, {'a': (b'101000000000', 102.0)})
    >>> advanced([Move("a", 10**9, 10**9)], {"a": b"101000000000"}.get, 100.0)
    (1.0, {})
    """
    instant = round(now * _SECOND)
    clocks: dict[str, int] = {}
    behind = 0
    never = False
    for key, cost, burst in moves:
        if not (-LONGEST <= cost <= LONGEST and 0 <= burst <= LONGEST):
            raise ConductorError(f"a clock cannot be moved by {cost} of {burst} ns: beyond 1e18")
        clock = max(clocks[key] if key in clocks else _number(held(key)), instant) + cost
        if cost < 0:
            clock = max(clock, instant)
        else:
            behind = max(behind, clock - instant - burst)
            never = never or cost > burst
        if cost:
            clocks[key] = clock
    if behind:
        return (inf if never else -(-behind // _MICROSECOND) / 1e6), {}
    # Behind now a clock says nothing: it is forgotten in the second after the one it shows.
    return 0.0, {key: (b"%d" % clock, clock // _SECOND + 1.0) for key, clock in clocks.items()}


def _number(held: bytes | None) -> int:
    try:
        return int(held or b"0")
    except ValueError as error:
        raise ConductorError("a store was to count where it holds no whole number") from error


def _bounded(number: int) -> int:
    if not -LARGEST <= number <= LARGEST:
        raise ConductorError(
            f"a store cannot count to {number}: beyond 9e15",
            mend="Count in larger units.",
        )
    return number
