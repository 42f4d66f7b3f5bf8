"""Money in whole nano-dollars, prices in whole pico-dollars per token: sums never drift."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from .parts import Usage

NANO: Final = 1_000_000_000
PICO_PER_NANO: Final = 1_000


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in US dollars, kept as an integer number of nano-dollars.

    >>> Money.of("0.05") + Money(1)
    Money(nano=50000001)
    >>> str(Money.of("0.0123"))
    '$0.0123'
    """

    nano: int = 0

    @classmethod
    def of(cls, dollars: float | str | Decimal) -> Money:
        """Give the amount for a number of dollars, rounded up to a nano-dollar."""
        exact = Decimal(str(dollars)) * NANO
        return cls(int(exact.to_integral_value(rounding=ROUND_CEILING)))

    @property
    def dollars(self) -> float:
        """The amount in dollars, for display; calculate with `nano`."""
        return self.nano / NANO

    def __add__(self, other: Money) -> Money:
        return Money(self.nano + other.nano)

    def __sub__(self, other: Money) -> Money:
        return Money(self.nano - other.nano)

    def __bool__(self) -> bool:
        return self.nano != 0

    def __str__(self) -> str:
        text = f"{Decimal(self.nano) / NANO:.9f}".rstrip("0")
        whole, _, cents = text.partition(".")
        return f"${whole}.{cents:0<2}"


@dataclass(frozen=True, slots=True)
class Price:
    """What an agent's tokens cost, in pico-dollars per token.

    >>> price = Price.per_million(input=0.15, output=0.60)
    >>> price.cost(Usage(input_tokens=1000, output_tokens=10))
    Money(nano=156000)
    """

    input: int
    output: int
    cached_input: int | None = None

    @classmethod
    def per_million(
        cls,
        *,
        input: float,  # noqa: A002 - the policy's word
        output: float,
        cached_input: float | None = None,
    ) -> Price:
        """Give the price for dollars per million tokens, rounded up to a pico-dollar a token."""
        return cls(
            _pico(input), _pico(output), None if cached_input is None else _pico(cached_input)
        )

    def __add__(self, other: Price) -> Price:
        if self.cached_input is None and other.cached_input is None:
            cached = None
        else:
            cached = sum(
                one.input if one.cached_input is None else one.cached_input for one in (self, other)
            )
        return Price(self.input + other.input, self.output + other.output, cached)

    def cost(self, usage: Usage) -> Money:
        """Give the cost of a call, rounded up to a nano-dollar."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        cached_price = self.input if self.cached_input is None else self.cached_input
        pico = (
            (usage.input_tokens - cached) * self.input
            + cached * cached_price
            + usage.output_tokens * self.output
        )
        return Money(-(-pico // PICO_PER_NANO))

    def most(self, input_tokens: int, output_tokens: int) -> Money:
        """Give the cost where every input token is charged at its dearest, rounded up."""
        dearest = max(self.input, self.cached_input or 0)
        pico = input_tokens * dearest + output_tokens * self.output
        return Money(-(-pico // PICO_PER_NANO))


def dearest_of(prices: Iterable[Price]) -> Price:
    """Give a price that none of these exceeds, whatever the tokens.

    >>> dearest_of([Price(1, 9), Price(2, 3, 5)])
    Price(input=5, output=9, cached_input=5)
    """
    known = list(prices)
    read = max(max(one.input, one.cached_input or 0) for one in known)
    return Price(read, max(one.output for one in known), read)


FREE: Final = Price(0, 0)
"""What somebody takes who is not paid by the token."""


def _pico(dollars_per_million: float) -> int:
    exact = Decimal(str(dollars_per_million)) * 1_000_000
    return int(exact.to_integral_value(rounding=ROUND_CEILING))
