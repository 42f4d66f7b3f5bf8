"""Money, times and shares as people read them."""

from __future__ import annotations

from conductor_mw.money import Money


def money(amount: Money | None, digits: int = 6) -> str:
    """Give an amount with so many digits after the point; `?` where it is unknown.

    >>> money(Money.of("0.0123")), money(None)
    ('$0.012300', '?')
    """
    return "?" if amount is None else f"${amount.dollars:,.{digits}f}"


def money_digits(largest: Money | None) -> int:
    """Give the digits that show every amount of a column up to the largest."""
    dollars = largest.dollars if largest else 0.0
    return 2 if dollars >= 100 else 4 if dollars >= 1 else 6


def duration(seconds: float | None) -> str:
    """Give a length of time, or nothing where there is none.

    >>> duration(0.0804), duration(1.234), duration(95), duration(None)
    ('80 ms', '1.23 s', '95.0 s', '')
    """
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds:,.1f} s"


def share(part: float) -> str:
    """Give a share in percent.

    >>> share(0.0123), share(0.123), share(1)
    ('1.2 %', '12 %', '100 %')
    """
    percent = part * 100
    return f"{percent:.1f} %" if percent < 9.95 else f"{percent:.0f} %"


def count(number: int, word: str) -> str:
    """Give a number with its word.

    >>> count(1, "request"), count(1200, "request")
    ('1 request', '1,200 requests')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"
