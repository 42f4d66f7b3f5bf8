"""Which values of one thing a condition lets through: a range, a few values, or all but a few."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from conductor_mw.rules.syntax import Constant

Mark: TypeAlias = tuple[str, Constant]
"""A constant with its kind, because Python takes True for equal to 1."""

Bound: TypeAlias = tuple[float, bool]
"""A number, and whether it belongs to the range itself."""

_LOWEST: Final[Bound] = (float("-inf"), True)
_HIGHEST: Final[Bound] = (float("inf"), True)


def mark(value: Constant) -> Mark:
    """Return a constant so that it equals what CEL takes for equal to it.

    >>> mark(1) == mark(1.0), mark(1) == mark(True)
    (True, False)
    """
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, (int, float)):
        return "number", value
    return ("string" if isinstance(value, str) else "null"), value


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that are let through.

    Attributes:
        ranged: only numbers between `low` and `high`; otherwise those two say nothing.
        whole: only whole numbers can occur.
        allowed: only these values, or None for all.
        banned: none of these.
    """

    ranged: bool = False
    low: Bound = _LOWEST
    high: Bound = _HIGHEST
    whole: bool = False
    allowed: frozenset[Mark] | None = None
    banned: frozenset[Mark] = field(default_factory=frozenset[Mark])

    def holds(self, value: Mark) -> bool:
        """Return whether one value is let through."""
        if value in self.banned or (self.allowed is not None and value not in self.allowed):
            return False
        if not self.ranged:
            return True
        kind, number = value
        if kind != "number" or not isinstance(number, (int, float)):
            return False
        above = number > self.low[0] or (number == self.low[0] and self.low[1])
        below = number < self.high[0] or (number == self.high[0] and self.high[1])
        return above and below

    def meet(self, other: Domain) -> Domain:
        """Return what both let through."""
        allowed = self.allowed
        if other.allowed is not None:
            allowed = other.allowed if allowed is None else allowed & other.allowed
        return Domain(
            ranged=self.ranged or other.ranged,
            low=max(self.low, other.low, key=lambda bound: (bound[0], not bound[1])),
            high=min(self.high, other.high),
            whole=self.whole or other.whole,
            allowed=allowed,
            banned=self.banned | other.banned,
        ).settled()

    def settled(self) -> Domain:
        """Return the same with the allowed values looked through, where they are listed."""
        if self.allowed is None:
            return self
        return replace(self, allowed=frozenset(filter(self.holds, self.allowed)))

    @property
    def empty(self) -> bool:  # noqa: PLR0911 - one return for each shape
        """Whether nothing is let through."""
        if self.allowed is not None:
            return not self.allowed
        if not self.ranged:
            return False
        low, high = self.low[0], self.high[0]
        if low > high or (low == high and not (self.low[1] and self.high[1])):
            return True
        if low == high:
            return not self.holds(("number", low))
        if not self.whole or low == float("-inf") or high == float("inf"):
            return False
        # A handful of whole numbers may all be banned one by one.
        first, last = int(low), int(high)
        if last - first > len(self.banned) + 1:
            return False
        return not any(self.holds(("number", number)) for number in range(first, last + 1))

    def within(self, other: Domain) -> bool:
        """Return whether `other` surely lets through whatever this one does."""
        if self.allowed is not None:
            return all(other.holds(value) for value in self.allowed)
        if other.allowed is not None:
            return False
        if other.ranged:
            if not self.ranged:
                return False
            if max(self.low, other.low, key=lambda bound: (bound[0], not bound[1])) != self.low:
                return False
            if min(self.high, other.high) != self.high:
                return False
        return not any(self.holds(value) for value in other.banned)
